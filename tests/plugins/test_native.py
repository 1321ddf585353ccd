"""Extensions of Easel's own API: what they declare, in which order they come, how requests and data name them."""

from __future__ import annotations

import inspect
import json
import os
import shutil
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated

import pytest
from fastapi import FastAPI

from easel import Checkbox, Choice, DeclarationError, Extension, Page, Param, Slider, moments
from easel.extension import fits_version
from easel.testing import FakeEngine
from modules.api.extension_routes import start_extension_routes
from modules.base.errors import Conflict, Invalid
from modules.params.known_axes import find_axis
from modules.params.plot_axes import Variant
from modules.params.txt2img import Txt2Img
from modules.plugins.host import IN_USE, Host
from modules.plugins.native import (
    NativeExtension,
    argument_axes,
    in_listening_order,
    known_arguments,
    read_pairs_of_extensions,
)
from modules.plugins.native_scripts import all_scripts, native_script
from modules.plugins.new_extension import write_new_extension
from modules.plugins.packaging import write_package
from modules.plugins.reloading import ExtensionReloader
from modules.settings.file import SettingsFile
from modules.settings.flags import ROOT, Flags
from modules.settings.options import Settings
from modules.ui.declared_tabs import answered_form
from modules.worker.moments.script_drawings import cells_of_script

GLOW = '''
from typing import Annotated
from easel import Extension, Param, Slider, moments

ext = Extension("{name}", "1.0")


@ext.arguments
class Glow:
    amount: Annotated[float, Param("Amount", Slider(0, 1), "How much.")] = 0.0

{more}
'''


def glow(name="glow", **how):
    ext = Extension(name, "1.0", **how)

    @ext.arguments
    class Glow:
        amount: Annotated[float, Param("Amount", Slider(0, 1), "How much.")] = 0.0
        where: Annotated[str, Param("Where", Choice(("all", "edges")), "Where.", "Glow at")] = "all"
        soft: Annotated[bool, Param("Soft", Checkbox(), "Softly.")] = False

    return ext


NATIVE = NativeExtension(glow(), "glow")


def loaded(folder: Path, sources: dict[str, str], **flags) -> Host:
    """A host of extensions with these sources, by folder."""
    for name, source in sources.items():
        (folder / "extensions" / name).mkdir(parents=True)
        (folder / "extensions" / name / "extension.py").write_text(source)
    host = Host(folder / "extensions")
    program = SimpleNamespace(flags=Flags(data_dir=folder, **flags), settings=SettingsFile(folder / "config.json"))
    host.load(program)
    return host


@pytest.fixture
def host_of(tmp_path):
    hosts = []

    def make(**sources):
        hosts.append(loaded(tmp_path, sources))
        return hosts[-1]

    yield make
    for host in hosts:
        host.unload()


REFUSING = """
from easel import DrawingGrid, Extension, HeadingPart, Invalid

ext = Extension("refusing", "1.0")


class Nothing: ...


def too_many():
    raise Invalid("That is too much.", "Ask for less.")
    yield


@ext.script("At once", Nothing)
def at_once(request, a):
    raise Invalid("That is too much.", "Ask for less.")


@ext.script("While drawing", Nothing)
def while_drawing(request, a):
    return DrawingGrid(pictures=too_many(), across=[[HeadingPart("one")]])
"""


@pytest.mark.parametrize("title", ["At once", "While drawing"])
def test_what_a_script_refuses_is_told_and_is_no_failure_of_its_extension(host_of, title):
    host = host_of(refusing=REFUSING)
    script = native_script(host, title)
    with pytest.raises(Invalid, match="too much"):
        cells_of_script(script, Txt2Img(script_name=title), Settings())
    assert [state.state for state in host.extensions] == [IN_USE]


REPEATING = """
from __future__ import annotations

from typing import Annotated

from easel import Drawing, DrawingGrid, Extension, HeadingPart, Param, Slider

ext = Extension("repeating", "1.0")


class Times:
    times: Annotated[int, Param("Times", Slider(1, 8, 1), "How often.")] = 2


@ext.script("Repeat", Times)
def repeat(request, a):
    return DrawingGrid(pictures=[Drawing()] * a.times, across=[[HeadingPart("again")]] * a.times)
"""


def test_a_scripts_arguments_are_understood_also_when_python_has_forgotten_its_file(host_of):
    script = native_script(host_of(repeating=REPEATING), "Repeat")
    for name in [name for name in sys.modules if "repeating" in name]:
        del sys.modules[name]
    cells = cells_of_script(script, Txt2Img(script_name="Repeat", script_args=(3,)), Settings())
    assert len(list(cells.requests)) == 3
    with pytest.raises(Invalid, match="many"):
        script.arguments(Txt2Img(script_name="Repeat", script_args=("many",)))


# Declarations


@pytest.mark.parametrize(("wanted", "fits"), [
    (">=1.0,<2", True), ("", True), ("==1.0", True), (">1.0", False), ("<1", False), (">=1.1", False), ("<=1.0", True),
])
def test_an_extension_says_which_versions_it_works_with(wanted, fits):
    assert fits_version(wanted, (1, 0)) is fits


@pytest.mark.parametrize("how", [
    {"name": "Warm Light"}, {"name": "x" * 61}, {"name": "warm", "easel": ">=2"}, {"name": "warm", "easel": "new"},
    {"name": "warm", "slot": "roof"},
])
def test_a_declaration_that_cannot_be_names_file_and_line(how):
    with pytest.raises(DeclarationError, match=r"test_native\.py:\d+|condition on a version"):
        Extension(**{"version": "1", **how})


def test_a_script_has_no_styles_of_its_own():
    class Styled:
        styles: Annotated[bool, Param("Styles", Checkbox(), "Which.")] = False

    with pytest.raises(DeclarationError, match=r"test_native\.py:\d+: a script's styles"):
        Extension("warm", "1").script("Warm", Styled)


def test_an_argument_needs_a_control_and_a_default():
    ext = Extension("warm", "1")
    with pytest.raises(DeclarationError, match=r"test_native\.py:\d+: Bare\.amount has no Param"):
        @ext.arguments
        class Bare:
            amount: float = 0.0
    with pytest.raises(DeclarationError, match="Missing.amount has no default"):
        @ext.arguments
        class Missing:
            amount: Annotated[float, Param("Amount", Slider(0, 1), "How much.")]


def test_a_listener_is_looked_at_when_it_is_declared():
    ext = Extension("warm", "1")
    with pytest.raises(DeclarationError, match="wants arguments, and none are declared above it"):
        ext.on(moments.denoised)(lambda step, a: step)
    with pytest.raises(DeclarationError, match="takes 0 parameters"):
        ext.on(moments.denoised)(lambda: None)
    with pytest.raises(DeclarationError, match="is no moment"):
        ext.on("denoised")(lambda step: step)
    with pytest.raises(DeclarationError, match="cannot be a flow"):
        @ext.on(moments.denoised)
        def flow(step):
            yield step
    with pytest.raises(DeclarationError, match="the parameter count has no default"):
        @ext.command
        def count_them(count):
            pass


def test_arguments_are_frozen_values_with_defaults():
    arguments = NATIVE.declaration.argument_class(amount=0.5)
    assert (arguments.amount, arguments.where, arguments.soft) == (0.5, "all", False)
    with pytest.raises(AttributeError):
        arguments.amount = 1


# Loading


def test_a_folder_with_a_declaration_is_loaded_under_its_name(host_of):
    host = host_of(glow=GLOW.format(name="glow", more=""))
    assert [each.name for each in host.natives()] == ["glow"]
    assert host.natives()[0].declaration.argument_class.__module__.endswith("glow.extension")


@pytest.mark.parametrize(("source", "told"), [
    ("from easel import Extension\n1 / 0", r"It could not be loaded \(extension.py:2\): ZeroDivisionError"),
    ("from easel import Extension", "there are 0 values of Extension"),
    ("from easel import Extension\next = Extension('Bad', '1')", r"extension.py:2: 'Bad' is no name"),
    ("from easel import Extension\next = Extension('new', '1', easel='>=9')", "works with easel >=9, and this is 1.2"),
])
def test_one_that_cannot_be_loaded_says_where_it_is_wrong(host_of, source, told):
    import re

    host = host_of(wrong=source, glow=GLOW.format(name="glow", more=""))
    state = host.state_of("wrong")
    assert state.state == "failed" and re.search(told, state.why), state.why
    assert [each.name for each in host.natives()] == ["glow"]


def test_a_changed_file_is_loaded_anew_and_a_broken_one_leaves_the_extension_as_it_was(host_of, tmp_path):
    host = host_of(glow=GLOW.format(name="glow", more=""), other=GLOW.format(name="other", more=""))
    reloader, file = ExtensionReloader(host), tmp_path / "extensions/glow/extension.py"
    assert reloader.look() == []

    def rewritten(source):
        file.write_text(source)
        os.utime(file, ns=(1, reloader.seen["glow"][file] + 1))
        return reloader.look()

    assert rewritten(GLOW.format(name="glow", more="ext.version = '2.0'")) == ["glow"]
    [native] = [each for each in host.natives() if each.name == "glow"]
    assert native.declaration.version == "2.0"
    assert rewritten("from easel import Extension\n1 / 0") == []
    assert [each for each in host.natives() if each.name == "glow"] == [native]
    assert "ZeroDivisionError" in host.state_of("glow").told[-1]
    assert rewritten(GLOW.format(name="glow", more="")) == ["glow"] and len(host.natives()) == 2


def test_two_of_one_name_or_one_key_are_one_too_many(host_of):
    host = host_of(a=GLOW.format(name="glow", more=""), b=GLOW.format(name="glow", more=""))
    assert [each.folder for each in host.natives()] == ["a"]
    assert "the name glow is that of the folder a too" in host.state_of("b").why


def test_an_example_is_off_until_somebody_switches_it_on(tmp_path):
    (tmp_path / "extensions/glow").mkdir(parents=True)
    (tmp_path / "extensions/glow/metadata.ini").write_text("[Easel]\nExample = yes\n")
    (tmp_path / "extensions/glow/extension.py").write_text(GLOW.format(name="glow", more=""))
    host = loaded(tmp_path, {})
    assert host.state_of("glow").state == "off" and not host.natives()
    SettingsFile(tmp_path / "config.json").keep("enabled_examples", ["glow"])
    host = loaded(tmp_path, {})
    assert [each.name for each in host.natives()] == ["glow"]
    host.unload()


def test_a_folder_of_a1111s_that_has_a_file_of_that_name_is_left_alone(host_of):
    host = host_of(other="raise RuntimeError('nobody imports this')")
    assert host.state_of("other").state == "loaded" and not host.natives()


def test_listeners_come_in_the_order_that_is_asked_for():
    def each(name, **how):
        return NativeExtension(Extension(name, "1", **how), name)

    asked = [each("a", after=["c"]), each("b"), each("c"), each("d", before=["b"]), each("e", after=["gone"])]
    assert [found.name for found in in_listening_order(asked)] == ["c", "a", "d", "b", "e"]
    with pytest.raises(DeclarationError, match="The order of a, b is a circle"):
        in_listening_order([each("a", after=["b"]), each("b", after=["a"])])


# Requests and data


def test_a_requests_arguments_are_checked_and_complete():
    assert known_arguments([NATIVE], {"Glow": {"amount": 1}}) == {"glow": {"amount": 1.0, "where": "all", "soft": False}}


@pytest.mark.parametrize(("given", "told"), [
    ({"glow": {"amount": 2}}, "glow.amount cannot be 2"), ({"glow": {"amuont": 1}}, "called 'amuont'"),
    ({"glwo": {}}, "no extension called 'glwo'"), ({"glow": [1]}, "are no object"),
    ({"glow": {"where": "roof"}}, "glow.where cannot be 'roof'"),
])
def test_arguments_that_cannot_be_are_refused_by_name(given, told):
    with pytest.raises(Invalid, match=told) as refusal:
        known_arguments([NATIVE], given)
    assert refusal.value.field == "extensions"


def test_arguments_go_into_generation_data_and_come_back():
    given = NATIVE.declaration.argument_class(amount=0.25, where="edges")
    pairs = NATIVE.pairs(given)
    assert pairs == {"Glow amount": 0.25, "Glow at": "edges"}
    told = {key: str(value) for key, value in pairs.items()} | {"Extensions": "glow 1.0", "Other": "1"}
    read = read_pairs_of_extensions([NATIVE], told)
    assert read.fields == {"glow": {"amount": 0.25, "where": "edges", "soft": False}}
    assert (read.unknown, read.notes) == ({"Other": "1"}, [])


def test_data_of_an_extension_that_is_not_here_say_so_and_untold_arguments_are_at_their_defaults():
    read = read_pairs_of_extensions([NATIVE], {"Extensions": "old-one 2.0, glow 1.0", "Glow amount": "7"})
    assert read.fields["glow"]["amount"] == 0.0
    assert len(read.notes) == 2 and "old-one" in read.notes[0] and "amount cannot be" in read.notes[1]


@pytest.mark.parametrize(("texts", "values"), [
    (["0", "1"], [0, 1]), (["0.5"], [0.5]), (["all", "edges"], ["all", "edges"]), (["yes", "no"], [True, False]),
])
def test_an_argument_is_an_axis_of_a_plot(texts, values):
    axis = find_axis("glow.amount", "txt2img", Txt2Img, Settings)
    assert list(axis.read(texts)) == values
    base = Variant(Txt2Img(extensions={"glow": {"soft": True}, "other": {"x": 1}}), {}, {})
    changed = axis.apply(base, values[0], values).params.extensions
    assert changed == {"glow": {"soft": True, "amount": values[0]}, "other": {"x": 1}}
    assert argument_axes([NATIVE]) == ["glow.amount", "glow.where", "glow.soft"]


# The moments' values


def test_a_plan_changes_its_own_fields_alone_and_its_chance_is_the_seeds():
    plan = FakeEngine().plan()
    assert plan.replace(prompt="b").prompt == "b"
    with pytest.raises(ValueError, match="'seed' cannot be changed"):
        plan.replace(seed=2)
    assert plan.random("hue").random() == plan.random("hue").random() != plan.random("light").random()


def test_a_step_before_the_model_has_no_estimate():
    step = FakeEngine().step(index=2, clean=None)
    assert step.fraction == 0.5
    with pytest.raises(ValueError, match="denoised"):
        step.estimate  # noqa: B018


def test_pictures_are_resized_blended_and_told_of():
    engine = FakeEngine()
    one, other = engine.picture("a"), engine.picture("b")
    assert one.resized(0.5).image.size == (64, 64)
    assert one.blended(other, 1).image.tobytes() == other.image.tobytes()
    assert one.with_pair("Tone", 3).pairs == {"Tone": 3} and not one.pairs


# Settings, tabs, addresses

WITH_SETTINGS = GLOW.format(name="glow", more="""
from easel import Page


@ext.settings
class Server:
    limit: Annotated[int, Param("Limit", Slider(0, 9), "How many.")] = 3


@ext.route("GET", "/limit")
def limit(now: Server, more: int = 0) -> int:
    return now.limit + more


@ext.command
def say(now: Server, times: int = 2) -> str:
    return "x" * now.limit * times


@ext.tab("Glow")
def tab(page: Page) -> None:
    page.text("# Glow")
    page.form(Glow, lambda a: f"as much as {a.amount}")
""")


def test_settings_are_the_servers_and_are_given_to_who_asks_for_them(host_of, tmp_path):
    host = host_of(glow=WITH_SETTINGS)
    [native] = host.natives()
    ext = native.declaration
    assert host.owners == {"glow_limit": "glow"}
    say, limit = host.with_settings(native, ext.commands["say"]), host.with_settings(native, ext.route_list[0].function)
    assert list(inspect.signature(limit).parameters) == ["more"]
    assert (say(), limit(more=1)) == ("x" * 6, 4)
    host.program.settings.keep("glow_limit", 5)
    assert (say(times=1), limit()) == ("x" * 5, 5)
    host.program.settings.keep("glow_limit", 77)        # beyond its limits: by hand
    assert limit() == 3


def test_the_addresses_of_an_extension_are_below_its_name(host_of):
    host = host_of(glow=WITH_SETTINGS)
    api = FastAPI()
    start_extension_routes(host, api, None)
    assert [route.path for app in api.router.default.apps for route in app.routes] == ["/easel/x/glow/limit"]
    assert not host.state_of("glow").told


def test_a_tabs_form_answers_or_says_what_is_wrong(host_of):
    host = host_of(glow=WITH_SETTINGS)
    [native] = host.natives()
    page = Page()
    native.declaration.tabs["Glow"](page)
    form = page.parts[1]
    assert answered_form(host, native, form, 0.5)[0] == "as much as 0.5"
    assert "amount cannot be 7" in answered_form(host, native, form, 7)[0]


# New, and packaged


def test_a_new_extension_loads_and_is_packaged_to_the_same_bytes(host_of, tmp_path):
    made = write_new_extension("soft-glow", tmp_path / "extensions")
    host = host_of()
    [native] = host.natives()
    assert (native.name, native.declaration.argument_class.__name__) == ("soft-glow", "SoftGlow")
    (made / "__pycache__").mkdir(exist_ok=True)
    (made / "__pycache__/x.pyc").write_bytes(b"x")
    (made / ".secret").write_text("x")
    first, second = (write_package(made, {"version": "0.1.0"}, tmp_path / name) for name in ("a.zip", "b.zip"))
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        names = {"extension.py", "README.md", "LICENSE", "tests/test_extension.py"}
        assert set(archive.namelist()) == {f"soft-glow/{name}" for name in names | {"manifest.json"}}
        manifest = json.loads(archive.read("soft-glow/manifest.json"))
    assert manifest["version"] == "0.1.0" and set(manifest["files"]) == names


def test_a_new_extension_writes_over_nothing(tmp_path):
    write_new_extension("glow", tmp_path)
    with pytest.raises(Conflict):
        write_new_extension("glow", tmp_path)
    with pytest.raises(Invalid):
        write_new_extension("../glow", tmp_path)


@pytest.mark.parametrize("name", ["warm-light", "second-look", "colour-match"])
def test_the_examples_have_what_an_extension_should_have(name):
    folder = ROOT / "extensions" / name
    assert {"README.md", "extension.py", "metadata.ini", "tests"} <= {path.name for path in folder.iterdir()}
    assert "Example = yes" in (folder / "metadata.ini").read_text()


def test_a_part_of_easel_is_on_and_adds_nothing_to_the_page_until_it_is_switched_off(tmp_path):
    settings, flags = SettingsFile(tmp_path / "config.json"), Flags(data_dir=tmp_path)
    hosts = [Host(tmp_path / "extensions", examples=ROOT / "extensions") for _ in range(3)]
    hosts[0].load_parts(flags, settings.foreign)
    hosts[0].load(SimpleNamespace(flags=flags, settings=settings))
    hosts[1].load_parts(flags, {"disabled_extensions": ["prompt-matrix"]})
    hosts[2].load_parts(Flags(data_dir=tmp_path, disable_all_extensions=True), {"disable_all_extensions": "all"})
    assert [[each.name for each in host.natives()] for host in hosts] == [["prompt-matrix"], [], ["prompt-matrix"]]
    assert [host.active for host in hosts] == [[], [], []]
    assert {each.name: each.why for each in hosts[1].extensions} == {"prompt-matrix": "It is switched off."}
    own = Host(tmp_path / "extensions", examples=ROOT / "extensions")
    shutil.copytree(ROOT / "extensions/prompt-matrix", tmp_path / "extensions/prompt-matrix")
    own.load_parts(flags, settings.foreign)
    own.find()
    assert own.active[0].extension.folder == tmp_path / "extensions/prompt-matrix"
    assert "Prompt matrix" in all_scripts(hosts[0]).names and "Prompt matrix" not in all_scripts(hosts[1]).names


# The page that explains all this


def documented_extension() -> tuple[str, str]:
    """The code of docs/extending.md: the extension that its chapter writes, and the extension's tests."""
    import re

    chapter = (ROOT / "docs/extending.md").read_text("utf-8").partition("## Installing")[0]
    blocks = re.findall(r"```python\n(.*?)```", chapter, re.DOTALL)
    return "\n".join(block for block in blocks if "def test_" not in block), next(b for b in blocks if "def test_" in b)


def test_the_extension_that_the_docs_write_does_what_they_say(host_of):
    source, tests = documented_extension()
    host = host_of(**{"soft-light": source})
    [native] = host.natives()
    ext, engine = native.declaration, FakeEngine()
    assert {each.moment.name for each in ext.listeners} == {"planned", "conditioned", "denoised", "finished"}
    a = ext.argument_class(amount=0.5)
    assert engine.call(ext, moments.planned, engine.plan(), a).prompt == "a red fox, soft light"
    assert engine.call(ext, moments.conditioned, engine.conditioning(), a).texts[0].vectors.max() < 1
    assert engine.call(ext, moments.denoised, engine.step(), a).estimate.shape == (4, 16, 16)
    assert (ext.takes_part(a), ext.takes_part(ext.default_arguments)) == (True, False)
    assert host.with_settings(native, ext.commands["list-presets"])(least=0.6) == "fog"
    page = Page()
    ext.tabs["Soft light"](page)
    assert page.parts[1].submit(a) == "50% soft"
    assert ext.infotext_key("amount") == "Soft light amount"
    space: dict = {}
    exec(tests, space)
    space["test_it_looks_again_once"](SimpleNamespace(extension=ext), engine)


def test_examples_are_there_wherever_the_data_folder_is(tmp_path):
    """And a person's own folder of that name comes first."""
    examples = tmp_path / "program"
    for name, folder in (("glow", examples), ("shine", examples), ("shine", tmp_path / "extensions")):
        (folder / name).mkdir(parents=True)
        (folder / name / "extension.py").write_text(GLOW.format(name=name, more=""))
        (folder / name / "metadata.ini").write_text("[Easel]\nExample = yes\n")
    (examples / "somebody's").mkdir()
    host = Host(tmp_path / "extensions", examples=examples)
    settings = SettingsFile(tmp_path / "config.json")
    settings.keep("enabled_examples", ["glow"])
    host.load(SimpleNamespace(flags=Flags(data_dir=tmp_path), settings=settings))
    try:
        assert [(each.name, each.state) for each in host.extensions] == [("shine", "off"), ("glow", "loaded")]
        assert host.state_of("shine").extension.folder == tmp_path / "extensions/shine"
        assert [each.name for each in host.natives()] == ["glow"]
    finally:
        host.unload()
