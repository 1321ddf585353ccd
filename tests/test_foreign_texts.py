"""Texts from outside cost time linear in their length:
every pattern of the source is attacked with texts made for it.
"""

from __future__ import annotations

import ast
import contextlib
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from re import _constants as codes
from re import _parser as parser

import pytest

from modules.api.info import decode_base64
from modules.base.errors import WebUIError
from modules.base.families import family_named
from modules.base.limits import MAX_PROMPT
from modules.imaging.read import png_texts
from modules.library.catalog import Catalog
from modules.library.user_metadata import text_of_html
from modules.params import infotext
from modules.params.prompt_lines import split_words, tags
from modules.prompts.grammar import emphasised, schedule
from modules.prompts.styles import apply_styles_to_prompt
from tests.imaging.test_read import chunk, png

ROOT = Path(__file__).parents[1]
SOURCES = [ROOT / "webui.py", *sorted((ROOT / "modules").rglob("*.py"))]
CALLS = {"compile", "search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer"}
# what patterns are put together with
NAMES = {"UNET": "model.diffusion_model.", "stem": "input_blocks", "name": "word"}
CLASSES = {codes.CATEGORY_DIGIT: "1", codes.CATEGORY_SPACE: " ", codes.CATEGORY_WORD: "a"}
SHORT, LONG = 1_000, 8_000
FREE = 0.02               # s of CPU that nobody minds for the longer text
MOST = 3 * LONG / SHORT   # times as long for 8 times the text: linear is 8, quadratic 64


def patterns() -> Iterator[str]:
    """Every pattern that the source hands to `re`, and those in tables of patterns."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if is_call_of_re(node):
                yield from texts_of(node.args[0])
    yield from (pattern for _, pattern in tables())


def is_call_of_re(node: ast.AST) -> bool:
    called = node.func if isinstance(node, ast.Call) else None
    return (
        isinstance(called, ast.Attribute)
        and isinstance(called.value, ast.Name)
        and called.value.id == "re"
        and called.attr in CALLS
    )


def texts_of(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(
            str(part.value) if isinstance(part, ast.Constant) else re.escape(filled(part)) for part in node.values
        )


def filled(part: ast.FormattedValue) -> str:
    return next((text for name, text in NAMES.items() if name in ast.unparse(part)), "word")


def tables() -> Iterator[tuple[str, str]]:
    """Patterns that a loop goes through: known by name, since no literal stands at the call."""
    from modules.base.families import KNOWN_FAMILIES
    from modules.models.upscaling.architectures import RENAMED

    yield from (("families", family.words) for family in KNOWN_FAMILIES)
    yield from (("renamed", pattern) for pattern, _ in RENAMED)


def pieces(pattern: str) -> list[str]:
    """Short texts that parts of the pattern match: its literals, one of each class,
    and each prefix of one that it matches whole.
    """
    whole = list(samples(parser.parse(pattern)))
    prefixes = ["".join(whole[:end]) for end in range(1, len(whole) + 1)]
    return list(dict.fromkeys(piece for piece in [*whole, *prefixes, *prefixes[-1:]] if piece))


def samples(parsed: parser.SubPattern) -> Iterator[str]:
    for code, given in parsed:
        if code is codes.LITERAL:
            yield chr(given)
        elif code is codes.NOT_LITERAL:
            yield "a" if given != ord("a") else "b"
        elif code is codes.ANY:
            yield "a"
        elif code is codes.IN:
            yield from one_of(given)
        elif code is codes.BRANCH:
            for branch in given[1]:
                yield "".join(samples(branch))
        elif code in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
            yield "".join(samples(given[2])) * max(1, min(given[0], 8))
        elif code is codes.SUBPATTERN:
            yield "".join(samples(given[3]))


def one_of(allowed: list) -> Iterator[str]:
    if allowed[0] == (codes.NEGATE, None):
        forbidden = {chr(value) for code, value in allowed if code is codes.LITERAL}
        yield next(letter for letter in "a1 :b" if letter not in forbidden)
        return
    for code, value in allowed[:3]:
        yield chr(value) if code is codes.LITERAL else chr(value[0]) if code is codes.RANGE else CLASSES.get(value, "a")


def attacks(pattern: str) -> Iterator[str]:
    """Units that are repeated, with a beginning that fits and an end that does not."""
    found = pieces(pattern)
    yield from dict.fromkeys([*found, *(one + other for one in found[:4] for other in found[:4])])


def cost(work: Callable[[str], object], text: str) -> float:
    """Seconds of this thread's CPU, the least of some tries."""
    tries = []
    for _ in range(2):
        begun = time.thread_time()
        work(text)
        tries.append(time.thread_time() - begun)
        if tries[-1] < FREE:
            break
    return min(tries)


def grows_too_fast(work: Callable[[str], object], text: Callable[[int], str]) -> bool:
    """Tried again before it is said, since single figures of a shared machine are worth little."""
    longer, shorter = text(LONG), text(SHORT)
    return all((long := cost(work, longer)) >= FREE and long >= MOST * cost(work, shorter) for _ in range(5))


def ways(pattern: str) -> list[Callable[[str], object]]:
    compiled = re.compile(pattern)
    return [compiled.search, compiled.fullmatch, lambda text: compiled.sub("", text)]


def slow_for(pattern: str) -> str | None:
    """The beginning of a text that the pattern takes longer than linear for, if one is found."""
    end = pieces(pattern)[-1]
    makes = [
        lambda n, unit=unit, ends=ends: ends[0] + unit * (n // len(unit)) + ends[1]
        for unit in attacks(pattern)
        for ends in (("", "\0"), (end, ""))
    ]
    return next((make(20) for make in makes for way in ways(pattern) if grows_too_fast(way, make)), None)


@pytest.mark.parametrize("pattern", sorted(set(patterns())))
def test_every_pattern_is_linear_whatever_it_is_given(pattern):
    assert slow_for(pattern) is None


@pytest.mark.slow
@pytest.mark.parametrize("pattern", [r"\s*\[([0-9a-f]{8,64})\]\s*$", r"(\d+)x(\d+)", r"<(\w+):([^>]+)>"])
def test_the_attack_finds_what_it_is_for(pattern):
    assert slow_for(pattern)


TEXTS = {  # a reader of foreign text, and what is repeated for it
    "infotext.parse": (
        lambda text: infotext.parse_infotext(text, emphasised),
        ('ab:"x,', "ab: 1x1, ", "1", '"', '\\"', "Steps: 1\n", " :-/", "Negative prompt:\n"),
    ),
    "infotext.version_of": (infotext.parse_version, ("1.", "1", "-", "v1-")),
    "split_title": (Catalog.split_title, (" ", "[", "[aaaaaaaa", "[aaaaaaaa] ")),
    "prompt_lines.tags": (
        lambda text: quietly(tags, text, 1),
        ("--steps 1 ", "--prompt a b ", "'", '"', "a", '"\\"', "--prompt 'a' "),
    ),
    "styles": (
        lambda text: quietly(apply_styles_to_prompt, text[:100], [text, "{prompt}a"]),
        ("{prompt}", "a, ", ", "),
    ),
    "user metadata": (text_of_html, ("<", "<br", "&", "<a>", "< ")),
    "family_named": (family_named, ("sdxl", "-", "sd ")),
    "base64": (lambda text: quietly(decode_base64, text), ("A", "\n", "=", "data:", "-_", "%", ",", ";")),
    "split_words": (lambda text: quietly(split_words, text), ("a'b'", "a\\", "\"a'", "'\"")),
    "schedule": (
        lambda text: schedule(text[: MAX_PROMPT // 2], 3),
        ("[a:b:", "1", "[a|b]", "[a:b:1]", "[:", ":1]", "[a:b:" + "1" * 200 + "!]"),
    ),
}


def quietly(read, *args):
    with contextlib.suppress(WebUIError, ValueError):
        read(*args)


@pytest.mark.parametrize(("reader", "unit"), [(name, unit) for name, (_, units) in TEXTS.items() for unit in units])
def test_every_reader_is_linear_in_what_it_reads(reader, unit):
    assert not grows_too_fast(TEXTS[reader][0], lambda n: unit * (6 * n // len(unit)))


def test_many_texts_in_a_picture_cost_as_much_each_as_few():
    def png_of(count):
        return png(after=chunk(b"tEXt", b"k\0a") * count)

    assert not grows_too_fast(lambda text: png_texts(png_of(len(text))), lambda n: "a" * n)
