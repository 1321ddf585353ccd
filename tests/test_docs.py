"""The docs are held against the code: what they list is all there is, and what they name is there."""

from __future__ import annotations

import ast
import base64
import inspect
import re
import shlex
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path

import httpx
import pytest
from PIL import Image

from docs.__main__ import TABLE, with_tables
from easel import Easel, Generated
from modules.base.accounts import LOCAL_OWNER
from modules.base.fields import declared_params
from modules.base.hooks import Hooks
from modules.commands.generate import flag_of
from modules.imaging.save import png
from modules.params.training import Training
from modules.params.txt2img import Txt2Img
from modules.sampling.samplers import SAMPLERS
from modules.sampling.schedules import SCHEDULES
from modules.settings import flags
from modules.settings.options import Settings
from tests.api.test_limits import operations
from tests.golden_data import GOLDEN
from tests.servers import serving, settled

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
ANYWHERE = (ROOT, ROOT / "modules", ROOT / "modules/ui", ROOT / "docs")      # where a path in the docs may begin
CODE = re.compile(r"`([^`\n]+)`")
FILE = re.compile(r"[\w./-]+\.(?:py|js|css|toml)\b|(?:modules|tests|benchmarks|docs|configs(?!/accounts))/[\w./-]*")
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(#[^)\s]+)?\)")
PROOF = re.compile(r"`tests/([\w/]+\.py)::([\w:]+)`")
ROUTE = re.compile(r"^\| `(GET|POST|PUT|PATCH|DELETE) ([^`?]+)`", re.MULTILINE)
EXAMPLE = re.compile(r"^curl .*", re.MULTILINE)
STEP = re.compile(r"^(\d+)\. `([\w./]+)`(.*?)(?=^\d+\. |\Z|^$)", re.MULTILINE | re.DOTALL)
per_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@cache
def text_of(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def prose(page: Path) -> str:
    """Without what is meant for a shell, or is drawn."""
    return re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)


# What is listed is what there is


@per_page
def test_the_tables_are_as_the_program_is(page):
    text = page.read_text("utf-8")
    assert with_tables(text) == text, "python3 webui.py docs writes them anew"


def test_every_flag_is_documented():
    found = set(re.findall(r"`(--?[\w-]+)`", text_of("docs/flags.md")))
    assert {*flags.known_flags()} - {"--help"} <= found and len(TABLE.findall(text_of("docs/flags.md"))) == 2


def test_every_setting_sampler_and_schedule_is_documented():
    guide = text_of("docs/user-guide.md")
    assert [name for name in declared_params(Settings) if f"| `{name}` |" not in guide] == []
    assert [name for name in (*SAMPLERS.names, *SCHEDULES.names) if f"\n| {name} |" not in guide] == []


def test_every_hook_is_documented():
    assert [each.name for each in fields(Hooks) if f"| `{each.name}` |" not in text_of("docs/how-to.md")] == []


def routes() -> set[tuple[str, str]]:
    return {(method.upper(), path) for method, path, _ in operations()}


def test_every_route_is_documented_once():
    rows = ROUTE.findall(text_of("docs/api.md"))
    assert sorted(rows) == sorted(routes()), "docs/api.md has a table of routes for each area"


def test_every_route_has_an_example():
    shown = [route_of(method, path) for method, path, *_ in map(asked, EXAMPLE.findall(text_of("docs/api.md")))]
    assert sorted(shown) == sorted(routes())


# What is named is there


def there(name: str) -> bool:
    return any((start / name).exists() for start in ANYWHERE) or any(ROOT.glob(f"modules/**/{name}"))


@per_page
def test_every_file_that_is_named_is_there(page):
    named = {
        name for quoted in CODE.findall(prose(page)) for name in FILE.findall(quoted.split(" ")[0]) if "*" not in quoted
    }
    assert [name for name in sorted(named) if not there(name)] == []


@per_page
def test_every_link_leads_somewhere(page):
    for target, place in LINK.findall(prose(page)):
        linked = (page.parent / target) if target else page
        assert linked.exists(), target
        assert not place or place[1:] in anchors(linked), f"{target}{place}"


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.*)", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_is_linked_from_the_readme():
    assert [page.name for page in (ROOT / "docs").glob("*.md") if f"docs/{page.name}" not in text_of("README.md")] == []


NAME = re.compile(r"[A-Za-z_]\w*")
OUTSIDE = {"ru_maxrss"}      # the operating system's


@cache
def words_of_the_code() -> frozenset[str]:
    files = [
        path
        for folder in ("modules", "easel", "tests", "benchmarks")
        for end in ("py", "js")
        for path in (ROOT / folder).rglob(f"*.{end}")
    ]
    return frozenset(
        word for path in files if "static" not in path.parts for word in NAME.findall(path.read_text("utf-8"))
    )


@pytest.mark.slow
@per_page
def test_every_name_of_the_code_is_in_the_code(page):
    """Names as only code has them: `CamelCase`, `UPPER_CASE`, `snake_case`, `dotted.name`."""
    quoted = [text.removesuffix("(…)") for text in CODE.findall(prose(page))]
    names = [
        text
        for text in quoted
        if text not in OUTSIDE
        and re.fullmatch(r"[A-Za-z_][\w.]*", text)
        and not there(text)
        and (text != text.lower() or "_" in text)
    ]
    assert [text for text in names if not set(text.split(".")) <= words_of_the_code()] == []


FLAG = re.compile(r"(?<![\w-])--[a-z][\w-]+")
OTHERS = {      # curl's, pytest's, those of `users`, of `data`, of `train`, `worker`, of extensions' arguments and commands
    "--head", "--slots", "--ray-port", "--keep-gb", "--shared-files", "--node-ip-address", "--no-deps",
    "--extension", "--least",
    "--json", "--data-binary", "--dist", "--help", "--role",
    "--list", "--write", "--stop", "--pause", "--watch", "--fresh",
    "--value", "--unset", "--author", "--rating", "--replace", "--regex", "--part", "--dry-run",
    "--rows", "--passes", "--lanes", "--table", "--people", "--minutes",      # of `bench attacks` and `bench server`
    # of tools.stickers
    "--pictures", "--jitter", "--turned", "--dyed", "--pairs", "--several", "--shapes", "--nouns", "--mirrored", "--concepts",
}


@per_page
def test_every_flag_that_is_named_is_one(page):
    known = {*flags.known_flags(), *map(flag_of, [*declared_params(Txt2Img), *declared_params(Training)]), *OTHERS}
    assert [
        flag for flag in FLAG.findall(re.sub(r"<!--.*?-->", "", page.read_text("utf-8"))) if flag not in known
    ] == []


def test_every_label_that_the_guide_names_is_in_the_program():
    """Labels are bold there."""
    folders = [
        path.read_text("utf-8")
        for folder in ("ui", "params", "settings", "library")
        for end in ("py", "js")
        for path in (ROOT / "modules" / folder).rglob(f"*.{end}")
    ]
    guide = prose(ROOT / "docs/user-guide.md")
    labels = {label for bold in re.findall(r"\*\*([^*\n]+)\*\*", guide) for label in bold.split(": ")}
    assert (
        len(labels) > 20
        and [label for label in sorted(labels) if not any(f'"{label}"' in text for text in folders)] == []
    )


def test_every_argument_of_the_library_is_documented():
    page = text_of("docs/python.md")
    arguments = {
        name
        for function in (Easel.__init__, Easel.txt2img, Easel.img2img)
        for name in inspect.signature(function).parameters
    } - {"self"}
    members = {name for name in vars(Generated) if not name.startswith("_")} | {each.name for each in fields(Generated)}
    assert [name for name in sorted(arguments | members) if not re.search(rf"\b{name}\b", page)] == []


# How to add something: the names stand in the files


def steps_of(page: str) -> Iterator[tuple[str, str]]:
    yield from ((path, rest) for _, path, rest in STEP.findall(text_of(page)))


@pytest.mark.parametrize(("path", "rest"), list(steps_of("docs/how-to.md")), ids=str)
def test_what_a_step_names_is_in_its_file(path, rest):
    names = [text for text in CODE.findall(rest) if NAME.fullmatch(text)]
    code = "".join(
        text_of(each)
        for each in (
            path,
            *(f"{Path(path).parent}/{text}" for text in CODE.findall(rest) if text.endswith(".py") and "/" not in text),
        )
    )
    imported = set(NAME.findall(code))
    assert [name for name in names if name not in imported] == []


# The reading order is a chain of calls

REACHED = re.compile(r"^(\d+)\. `([\w./]+)`(?:, by `([^`]+)` in (\d+))?: ", re.MULTILINE)


def reading_order() -> list[tuple[str, str, str]]:
    """File, a piece of the line that leads there, and the file which that is in."""
    found = REACHED.findall(text_of("README.md").split("## Reading order")[1].split("\n## ")[0])
    files = {number: path for number, path, _, _ in found}
    return [(path, line, files.get(step, "")) for _, path, line, step in found]


def names_of(path: str) -> set[str]:
    """What a file defines: functions, classes, methods, tables."""
    nodes = list(ast.walk(ast.parse(text_of(path))))
    defined = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}
    assigned = [
        node.targets if isinstance(node, ast.Assign) else [node.target]
        for node in nodes
        if isinstance(node, ast.Assign | ast.AnnAssign)
    ]
    return defined | {target.id for targets in assigned for target in targets if isinstance(target, ast.Name)}


def test_the_reading_order_has_twelve_steps_from_one_beginning():
    steps = reading_order()
    assert len(steps) == 12 and [path for path, line, _ in steps if not line] == [steps[0][0]]


@pytest.mark.parametrize(("path", "line", "earlier"), reading_order()[1:], ids=str)
def test_each_step_of_the_reading_order_is_reached_from_an_earlier_one(path, line, earlier):
    assert line in text_of(earlier), f"{earlier} has no {line}"
    assert set(NAME.findall(line)) & names_of(path), f"{line} is nothing of {path}"


# The API's examples, run


def asked(example: str) -> tuple[str, str, dict[str, str], int]:
    """Method, address, what else curl is told, and the status in the example's comment (200)."""
    command, _, comment = example.partition("      # ")
    _, *words = shlex.split(command)
    given: dict[str, str] = {}
    while words[0].startswith("-"):
        flag, value, *words = words
        given[flag] = value
    method = given.get("-X") or ("POST" if {"--json", "--data-binary"} & given.keys() else "GET")
    return method, words[0].removeprefix("$EASEL"), given, int(comment[:3] or 200)


def route_of(method: str, address: str) -> tuple[str, str]:
    """The route that an address is of. A route without parameters goes before one with."""
    path = address.partition("?")[0]
    fitting = [(m, route) for m, route in sorted(routes(), key=lambda each: each[1].count("{"))
               if m == method and re.fullmatch(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(route)), path)]
    assert fitting, f"{method} {path} is no route"
    return fitting[0]


@pytest.fixture(scope="module")
def examples(tmp_path_factory) -> Iterator[tuple[httpx.Client, Path]]:
    """A server with the models that the examples name, a picture to send, and a finished job."""
    data = tmp_path_factory.mktemp("data")
    models = data / "models/Stable-diffusion"
    models.mkdir(parents=True)
    for name in ("dreamshaper", "sketches", "tiny-sd1"):
        for end in ("safetensors", "yaml"):
            (models / f"{name}.{end}").write_bytes((GOLDEN / f"models/Stable-diffusion/tiny-sd1.{end}").read_bytes())
    (data / "fox.png").write_bytes(png(Image.new("RGB", (64, 64), "orange"), "a fox\nSteps: 20"))
    with serving(data) as client:
        yield client, data


@pytest.mark.slow
def test_every_example_of_the_api_runs(examples):
    """In their order, with what the page says of the variables; pictures are smaller than there."""
    client, data = examples
    small = {"512": "64", '"steps": 20': '"steps": 2'}
    wrong, variables = [], {"$PICTURE": base64.b64encode((data / "fox.png").read_bytes()).decode()}
    for example in EXAMPLE.findall(text_of("docs/api.md")):
        for short, value in small.items():
            example = example.replace(short, value)
        variables |= ids_at(client) if "$" in example else {}
        for name, value in variables.items():
            example = example.replace(f"'{name}'", value).replace(name, value)
        reply = answer(client, data, *asked(example)[:3])
        if reply.status_code // 100 != asked(example)[3] // 100:
            wrong.append((example[:200], reply.status_code, reply.text[:300]))
    assert wrong == []


def ids_at(client: httpx.Client) -> dict[str, str]:
    """A finished job with a picture, the card of a checkpoint, and a picture of the library."""
    jobs = [job for job in client.get("/easel/v1/jobs").json() if job["kind"] == "txt2img"]
    cards = client.get("/easel/v1/cards?kind=checkpoint&search=dreamshaper").json()["cards"]
    client.app.galleries.of(LOCAL_OWNER).scan()
    shots = client.get("/easel/v1/library").json()["pictures"]
    return ({"$SHOT": str(shots[-1]["id"])} if shots else {}) | ({"$JOB": settled(client, jobs[-1]["id"])["id"]} if jobs else {}) | (
        {"$CARD": cards[0]["id"]} if cards else {}
    )


def answer(client: httpx.Client, data: Path, method: str, address: str, given: dict[str, str]) -> httpx.Response:
    if form := given.get("-F"):
        field, _, file = form.partition("=@")
        return client.request(method, address, files={field: (data / file).read_bytes()})
    if file := given.get("--data-binary"):
        kind, _, value = given["-H"].partition(": ")
        return client.request(method, address, content=(data / file[1:]).read_bytes(), headers={kind: value})
    sent = {"content": given["--json"], "headers": {"Content-Type": "application/json"}} if "--json" in given else {}
    return client.request(method, address, **sent)


def test_every_test_that_is_named_as_a_proof_is_there():
    named = PROOF.findall((ROOT / "docs/server.md").read_text())
    assert len(named) > 60
    for file, names in named:
        body = ast.parse((ROOT / "tests" / file).read_text()).body
        for name in names.split("::"):
            found = [each for each in body if getattr(each, "name", None) == name]
            assert len(found) == 1, f"{file}::{names}"
            body = getattr(found[0], "body", [])
