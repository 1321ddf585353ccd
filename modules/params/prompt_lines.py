"""Prompts from file: one request a line, as a plain prompt or as `--tag value --tag value`."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any

from modules.base.errors import Invalid

MOST_LINES = 1_000
MODEL_TAG = "sd_model"
STYLES = "styles"     # names of styles, whose texts are added to the line's prompts
# all other tags are fields of the request
SETTINGS = {MODEL_TAG: "sd_model_checkpoint", "restore_faces": "face_restoration"}

TAGGED = re.compile(r"--\w")

PromptLine = Mapping[str, Any]      # tag → value


def parse_lines(text: str) -> list[PromptLine]:
    """Parse lines; one that does not begin with a tag is a prompt, and empty ones are left out.

    Raises Invalid naming the line.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise Invalid("There is no line in the list of prompts.", "Write a prompt on each.", field="script_args")
    if len(lines) > MOST_LINES:
        raise Invalid(
            f"The list of prompts has {len(lines):,} lines.",
            f"Send at most {MOST_LINES:,} at once.",
            field="script_args",
        )
    return [tags(line, number) if TAGGED.match(line) else {"prompt": line} for number, line in enumerate(lines, 1)]


def tags(line: str, number: int) -> PromptLine:
    """Parse `--steps 20 --prompt a red cat`: a prompt's words reach to the next tag."""
    try:
        words = deque(split_words(line))
    except ValueError as error:
        raise line_error(
            number, "A quotation mark in it is not closed", "Close it, or write \\' for an apostrophe."
        ) from error
    found: dict[str, Any] = {}
    while words:
        tag = parse_tag(words.popleft(), number)
        value = taken(words, tag in WORDY)
        if not value:
            raise line_error(number, f"--{tag} says nothing", "Write its value after it.")
        found[tag] = read_value(tag, " ".join(value), number)
    return found


def taken(words: deque[str], wordy: bool) -> list[str]:
    """Take a value's words off the front: one, or all up to the next tag."""
    value: list[str] = []
    while words and (not words[0].startswith("--") if wordy else not value):
        value.append(words.popleft())
    return value


def split_words(line: str) -> list[str]:
    """Split like a POSIX shell and `shlex.split`, which takes time quadratic in a word's length. Raises ValueError."""
    words: list[list[str]] = []
    position, open_word = 0, False
    while position < len(line):
        piece = PIECE_OF_WORD.match(line, position)
        if piece is None:
            raise ValueError("No closing quotation")
        position = piece.end()
        inside = not piece["space"]
        if inside:
            words += [] if open_word else [[]]
            words[-1].append(unquoted(piece))
        open_word = inside
    return ["".join(word) for word in words]


def unquoted(piece: re.Match[str]) -> str:
    if piece["double"] is not None:
        return ESCAPED.sub(r"\1", piece["double"])
    return piece["single"] or piece["escaped"] or piece["plain"] or ""


PIECE_OF_WORD = re.compile(
    r"(?P<space>[ \t\r\n]+)|'(?P<single>[^']*)'|\"(?P<double>[^\"\\]*(?:\\.[^\"\\]*)*)\"|\\(?P<escaped>.)"
    r"|(?P<plain>[^ \t\r\n'\"\\]+)",
    re.DOTALL,
)
ESCAPED = re.compile(r"\\([\\\"])")


def parse_tag(word: str, number: int) -> str:
    """Return the tag in a word. Raises Invalid, also for tags that would write outside the outputs."""
    tag = word.removeprefix("--")
    if tag in REFUSED_TAGS:
        raise line_error(number, f"{word} is not taken", REFUSED_TAGS[tag])
    if tag == word or tag not in TAGS:
        raise line_error(number, f"{word!r:.60} is no tag", f"There are: {', '.join(f'--{tag}' for tag in TAGS)}.")
    return tag


def read_value(tag: str, text: str, number: int) -> Any:
    try:
        return TAGS[tag](text)
    except ValueError as error:
        raise line_error(number, f"--{tag} cannot be {text!r:.60}", str(error).capitalize() + ".") from error


def line_error(number: int, what: str, hint: str) -> Invalid:
    return Invalid(f"Line {number} of the list of prompts: {what}.", hint, field="script_args")


# What tags mean ------------------------------------------------------------------------------------


def boolean(text: str) -> bool:
    return text == "true"


def not_true(text: str) -> bool:
    """Raise ValueError for true: a tag of the whole request, or one without an implementation."""
    if boolean(text):
        raise ValueError("it cannot be switched on for a line")
    return False


def split_names(text: str) -> tuple[str, ...]:
    """Split names at commas."""
    return tuple(filter(None, map(str.strip, text.split(","))))


def model_name(text: str) -> str:
    """Return a name without a path."""
    path = PurePosixPath(text.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in text:
        raise ValueError("a checkpoint is chosen by its name")
    return text


TAGS: Mapping[str, Callable[[str], Any]] = {
    MODEL_TAG: model_name, "prompt_for_display": str, "prompt": str, "negative_prompt": str,
    "seed": int, "subseed": int, "subseed_strength": float, "seed_resize_from_h": int, "seed_resize_from_w": int,
    "sampler_index": int, "sampler_name": str, "batch_size": int, "n_iter": int, "steps": int, "cfg_scale": float,
    "width": int, "height": int, "restore_faces": boolean, "tiling": boolean,
    "do_not_save_samples": not_true, "do_not_save_grid": boolean, STYLES: split_names,
}
WORDY = ("prompt", "negative_prompt")
# without effect in A1111, or here
WITHOUT_EFFECT = ("prompt_for_display", "sampler_index", "do_not_save_samples", "do_not_save_grid")
REFUSED_TAGS = {
    "outpath_samples": "Where pictures go is the server's business.",
    "outpath_grids": "Where pictures go is the server's business.",
}
