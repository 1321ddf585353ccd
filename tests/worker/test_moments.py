"""Moments of pictures: extensions of Easel's own API on the shipped model."""

from __future__ import annotations

import shutil
import subprocess
import sys

import numpy as np
import pytest

from easel.testing import open_studio
from modules.settings.flags import ROOT

PROBE = '''
from typing import Annotated
from easel import Extension, Param, Slider, Text, draw, moments
from easel.moments import decode, encode, predict, upscale

ext = Extension("probe", "1.0")
SEEN, FILES = [], []


@ext.arguments
class Probe:
    act: Annotated[str, Param("Act", Text(1), "What it does.")] = ""
    by: Annotated[float, Param("By", Slider(-9, 9), "How much.")] = 0.0


@ext.active
def wanted(a):
    return a.act != ""


@ext.on(moments.planned)
def plan(plan, a):
    if a.act == "prompt":
        return plan.replace(prompt=plan.prompt + f" {plan.index}", steps=int(a.by) or plan.steps)
    if a.act == "impossible":
        return plan.replace(steps=100000)
    return plan


@ext.on(moments.conditioned)
def condition(value, a):
    if a.act == "no words":
        return value.map(lambda text: text if text.negative else text.replace(vectors=text.vectors * 0))
    return value


@ext.on(moments.denoising)
def before(step, a):
    if a.act == "sigma":
        return step.replace(sigma=step.sigma * 0.9)
    return step


@ext.on(moments.denoised)
def after(step, a):
    SEEN.append((step.index, step.second_pass))
    if a.act == "fail":
        raise ValueError("no such light")
    if a.act == "wrong":
        return None
    return step.replace(clean=step.estimate + a.by) if a.act == "shift" else step


@ext.on(moments.decoding)
def decoding(value, a):
    SEEN.append(("latent", value.second_pass))
    if a.act == "shape":
        return value.replace(latent=value.latent[:, 1:])
    return value.replace(latent=value.latent * a.by) if a.act == "latent" else value


@ext.on(moments.saved)
def saved(value, a):
    FILES.append((value.path.is_file(), value.plan.seed, value.infotext))
    if a.act == "fail saved":
        raise ValueError("no such shelf")


@ext.on(moments.finished)
def finish(picture, a):
    if a.act == "flow":
        larger = yield from upscale(picture.image, 1.0)
        latent = yield from encode(larger)
        seen = yield from decode(latent)
        clean = yield from predict(latent, 1.0, "a blue fox")
        again = yield from draw(start=seen, denoising_strength=0.3, seed=picture.plan.seed)
        other = yield from draw(prompt="a cat")
        told = [seen.size, tuple(clean.shape), again.image.size, other.plan.prompt, other.plan.kind, again.plan.kind]
        return again.with_pair("Told", str(told))
    if a.act == "caught":
        try:
            yield from draw(width=63)
        except Exception as error:
            return picture.with_pair("Refused", type(error).__name__)
    return picture
'''
A1111 = '''
from modules import scripts


class Other(scripts.Script):
    def title(self):
        return "Other"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def process(self, p):
        p.extra_generation_params["Other"] = "here"
'''


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    folder = tmp_path_factory.mktemp("extensions") / "probe"
    folder.mkdir()
    (folder / "extension.py").write_text(PROBE)
    with open_studio(folder) as opened:
        yield opened


@pytest.fixture(scope="module")
def plain(studio):
    return studio.draw("a red fox")


pytestmark = pytest.mark.slow


def test_a_listener_that_changes_nothing_leaves_the_picture_as_it_is_to_the_bit(studio, plain):
    quiet = studio.draw("a red fox", {"act": "nothing"})
    assert quiet.pixels == plain.pixels
    assert "Probe act: nothing, Extensions: probe 1.0" in quiet.infotext and "Extensions" not in plain.infotext


@pytest.mark.parametrize("arguments", [{"act": "no words"}, {"act": "sigma"}, {"act": "shift", "by": 0.2},
                                       {"act": "latent", "by": 0.5}])
def test_what_a_moment_changes_changes_the_picture_and_comes_again(studio, plain, arguments):
    first, again = studio.draw("a red fox", arguments), studio.draw("a red fox", arguments)
    assert plain.pixels != first.pixels == again.pixels


def test_pictures_with_and_without_it_share_calls_and_stay_what_they_are(studio):
    arguments = {"act": "shift", "by": 0.2}
    studio.check(arguments)


def test_a_plan_is_drawn_as_if_it_had_been_asked_for_and_the_data_keep_what_was(studio):
    planned = studio.easel.txt2img("a fox", steps=2, n_iter=2, seed=3, width=64, height=64,
                                   extensions={"probe": {"act": "prompt", "by": 3}})
    for number, (image, text) in enumerate(zip(planned.images, planned.infotexts)):
        asked = studio.easel.txt2img(f"a fox {number}", steps=3, seed=3 + number, width=64, height=64)
        assert np.abs(np.asarray(image, int) - np.asarray(asked.image, int)).max() <= 2
        assert text.startswith("a fox\nSteps: 2,")


@pytest.mark.parametrize(("act", "told"), [
    ("fail", r"The extension probe failed in denoised \(extension.py:\d+\): ValueError: no such light"),
    ("wrong", "extension.py:.*: after returned NoneType; it must return a Step"),
])
def test_a_listener_that_fails_is_named_with_its_line_and_the_picture_is_made_without_it(studio, plain, act, told):
    import re

    made = studio.draw("a red fox", {"act": act}, steps=2)
    assert re.search(told, " ".join(made.warnings)), made.warnings
    assert made.pixels == studio.draw("a red fox", steps=2).pixels


def test_a_plan_that_cannot_be_ends_the_job_with_a_sentence(studio):
    from modules.base.errors import WebUIError

    with pytest.raises(WebUIError, match="An extension planned steps as 100000"):
        studio.draw("a red fox", {"act": "impossible"})


def test_a_flow_asks_the_engine(studio):
    made = studio.draw("a red fox", {"act": "flow"}, steps=2)
    assert not made.warnings
    told = "[(128, 128), (4, 16, 16), (128, 128), 'a cat', 'txt2img', 'img2img']"
    assert told in made.infotext


def test_a_flow_may_catch_what_is_refused(studio):
    assert "Refused: Invalid" in studio.draw("a red fox", {"act": "caught"}, steps=1).infotext


def test_both_passes_of_hires_fix_are_heard(studio):
    module = sys.modules[studio.extension.argument_class.__module__]
    module.SEEN.clear()
    studio.draw("a fox", {"act": "nothing"}, steps=1, width=64, height=64, enable_hr=True, hr_upscaler="Latent",
                hr_second_pass_steps=1, denoising_strength=0.9)
    assert {second for _, second in module.SEEN} == {False, True}
    assert [second for what, second in module.SEEN if what == "latent"] == [False, True]


def test_a_latent_of_another_shape_is_not_used(studio, plain):
    found = studio.draw("a red fox", {"act": "shape"})
    assert found.pixels == plain.pixels and "a latent of the shape" in found.warnings[0]


@pytest.mark.parametrize("act", ["look", "fail saved"])
def test_a_listener_looks_at_a_pictures_file_once_it_is_there(studio, act):
    files = sys.modules[studio.extension.argument_class.__module__].FILES
    files.clear()
    found = studio.easel.txt2img("a fox", steps=1, seed=9, width=64, height=64, save=True,
                                 extensions={"probe": {"act": act}})
    assert files == [(True, 9, found.infotexts[0])]
    assert any("no such shelf" in each for each in found.warnings) == (act == "fail saved")


def test_img2img_shows_the_picture_that_it_starts_from(studio, plain):
    assert studio.redraw(plain.image, "a fox", {"act": "shift", "by": 0.3}, steps=2).pixels != studio.redraw(
        plain.image, "a fox", steps=2).pixels


def test_an_extension_of_a1111s_and_one_of_easels_take_part_in_one_picture(tmp_path, plain):
    folder = tmp_path / "probe"
    (folder / "scripts").mkdir(parents=True)
    (folder / "extension.py").write_text(PROBE)
    (folder / "scripts/other.py").write_text(A1111)
    with open_studio(folder) as studio:
        quiet = studio.draw("a red fox", {"act": "nothing"})
        assert quiet.pixels == plain.pixels
        assert "Other: here" in quiet.infotext and "Extensions: probe 1.0" in quiet.infotext
        shifted = studio.draw("a red fox", {"act": "shift", "by": 0.2})
        assert shifted.pixels != plain.pixels


@pytest.mark.parametrize("name", ["warm-light", "second-look", "colour-match", "prompt-matrix"])
def test_the_examples_pass_their_own_tests(name, tmp_path):
    shutil.copytree(ROOT / "extensions" / name, tmp_path / name)
    command = [sys.executable, str(ROOT / "webui.py"), "extension", "test", str(tmp_path / name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_tests_that_the_docs_write_pass(tmp_path):
    from tests.plugins.test_native import documented_extension

    source, tests = documented_extension()
    (tmp_path / "soft-light").mkdir()
    (tmp_path / "soft-light/extension.py").write_text(source)
    space = {}
    exec(tests, space)
    with open_studio(tmp_path / "soft-light") as studio:
        space["test_at_zero_the_picture_is_as_without_it"](studio)
        space["test_the_same_request_gives_the_same_picture"](studio)
