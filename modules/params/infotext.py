"""Generation data as text: A1111's format in picture files.

    a cat                                       the prompt, one line or more
    Negative prompt: a dog                      where there is one
    Steps: 20, Sampler: Euler, Size: 64x64      pairs; a value with a comma, colon or line end is a JSON string
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil, sqrt

NEGATIVE = "Negative prompt:"
FEWEST_PAIRS = 3      # a last line with fewer is part of the prompt

Pair = tuple[str, object]      # a key of generation data and its value
KEY_PATTERN = re.compile(r"[\w \-/]+")
VALUE = re.compile(r'\s*(?:("(?:\\.|[^\\"])+")(?:,|\Z)|([^,]*),?)')
SIZE = re.compile(r"(?<!\d)(\d+)x(\d+)")

# The order in which A1111 writes its pairs; other keys go before "Version".
NOWHERE: Mapping[str, str] = {}
ORDER = (
    "Steps",
    "Sampler",
    "Schedule type",
    "CFG scale",
    "Image CFG scale",
    "Seed",
    "Face restoration",
    "Size",
    "Model hash",
    "Model",
    "FP8 weight",
    "Cache FP16 weight for LoRA",
    "VAE hash",
    "VAE",
    "Variation seed",
    "Variation seed strength",
    "Seed resize from",
    "Denoising strength",
    "Conditional mask weight",
    "Clip skip",
    "ENSD",
    "Token merging ratio",
    "Token merging ratio hr",
    "Init image hash",
    "RNG",
    "Tiling",
    "Hires checkpoint",
    "Hires sampler",
    "Hires schedule type",
    "Hires prompt",
    "Hires negative prompt",
    *(f"ControlNet {place}" for place in range(10)),
    "Soft inpainting enabled",
    "Soft inpainting schedule bias",
    "Soft inpainting preservation strength",
    "Soft inpainting transition contrast boost",
    "Soft inpainting mask influence",
    "Soft inpainting difference threshold",
    "Soft inpainting difference contrast",
    "Mask mode",
    "Mask blur",
    "Inpaint area",
    "Masked area padding",
    "Masked content",
    "Noise multiplier",
    "Extra noise",
    "Hires upscale",
    "Hires resize",
    "Hires steps",
    "Hires upscaler",
    "Lora hashes",
    "TI hashes",
    "Emphasis",
    "Schedule max sigma",
    "Schedule min sigma",
    "Schedule rho",
    "Beta schedule alpha",
    "Beta schedule beta",
    "Discard penultimate sigma",
    "Eta",
    "Eta DDIM",
    "Sigma churn",
    "Sigma tmin",
    "Sigma tmax",
    "Sigma noise",
    "SGM noise multiplier",
    "Refiner switch by sampling steps",
    "Skip Early CFG",
    "Hires refiner",
    "Refiner",
    "Refiner switch at",
    "NGMS",
    "NGMS all steps",
    "Pad conds",
    "Pad conds v0",
    "Downcast alphas_cumprod",
    "Noise Schedule",
    "VAE Encoder",
    "VAE Decoder",
    "Old prompt editing timelines",
    "Script",
    "X Type",
    "X Values",
    "Fixed X Values",
    "Y Type",
    "Y Values",
    "Fixed Y Values",
    "Z Type",
    "Z Values",
    "Fixed Z Values",
    "Version",
    "User",
)

# Values of missing pairs: A1111's form defaults, so that pasting resets everything else.
MISSING: Mapping[str, object] = {
    "Clip skip": "1",
    "Hires sampler": "Use same sampler", "Hires schedule type": "Use same scheduler",
    "Hires checkpoint": "Use same checkpoint", "Hires prompt": "", "Hires negative prompt": "",
    "Mask mode": "Inpaint masked", "Masked content": "original",
    "Inpaint area": "Whole picture", "Masked area padding": 32,
    "RNG": "GPU", "Schedule type": "Automatic",
    "Schedule max sigma": 0, "Schedule min sigma": 0, "Schedule rho": 0,
    "VAE Encoder": "Full", "VAE Decoder": "Full", "FP8 weight": "Disable",
    "Refiner switch by sampling steps": False,
}


# Values ------------------------------------------------------------------------------------------


def quote(text: object) -> object:
    """Return a value as in a pair: a JSON string if it has a comma, a colon or a line end, else itself."""
    return json.dumps(text, ensure_ascii=False) if any(mark in str(text) for mark in ",:\n") else text


def unquote(text: str) -> str:
    """Undo `quote`; a text that is no JSON string stays as it is."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


# Writing -----------------------------------------------------------------------------------------


def ordered(pairs: Mapping[str, object], before: Mapping[str, str] = NOWHERE) -> dict[str, object]:
    """Return the pairs in A1111's order; its unknown keys stay in order, each before the key that `before` has for it.

    Without one there they come before `Version`.
    """
    rank: dict[str, float] = {key: i for i, key in enumerate(ORDER)}
    for key in pairs.keys() - rank.keys():
        rank[key] = rank[before.get(key, "Version")] - 0.5
    return {key: pairs[key] for key in sorted(pairs, key=rank.__getitem__)}


def write_infotext(prompt: str, negative_prompt: str, pairs: Mapping[str, object]) -> str:
    """Return A1111's text, with the pairs in their given order (see `ordered`); None is left out."""
    line = ", ".join(f"{key}: {quote(value)}" for key, value in pairs.items() if value is not None)
    negative = f"{NEGATIVE} {negative_prompt}" if negative_prompt else ""
    return "\n".join((prompt, *filter(None, (negative,)), line)).strip()


def with_pairs(text: str, pairs: Mapping[str, object]) -> str:
    """Return generation data with further pairs, before the version as A1111 has them."""
    found = split_infotext(text)
    before = {key: value for key, value in found.pairs.items() if key not in AT_END}
    after = {key: value for key, value in found.pairs.items() if key in AT_END}
    return write_infotext(found.prompt, found.negative_prompt, before | dict(pairs) | after)


AT_END = ("User", "Version")


# Reading -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Infotext:
    """Generation data split into parts, nothing added."""

    prompt: str
    negative_prompt: str
    raw: list[tuple[str, str]]      # keys and values as written

    @property
    def pairs(self) -> dict[str, str]:
        return {key: unquote(value) for key, value in self.raw}


def split_infotext(text: str) -> Infotext:
    """Split generation data. Any text is accepted: at worst all of it is prompt."""
    *lines, last = text.strip().split("\n")
    raw = read_pairs(last)
    if len(raw) < FEWEST_PAIRS:
        lines, raw = [*lines, last], []
    return Infotext(*split_prompts(lines), raw)


def split_prompts(lines: list[str]) -> tuple[str, str]:
    """Split the lines into prompt and negative prompt, which starts at the first `Negative prompt:`."""
    positive: list[str] = []
    negative: list[str] = []
    target = positive
    for line in map(str.strip, lines):
        if line.startswith(NEGATIVE):
            target = negative
            line = line.removeprefix(NEGATIVE).strip()
        if line or target:      # empty lines before the first text are dropped
            target.append(line)
    return "\n".join(positive), "\n".join(negative)


def read_pairs(line: str) -> list[tuple[str, str]]:
    """Return keys and values of a line of pairs, in order, as written.

    >>> read_pairs('Steps: 20, Size: 512x768, Note: "a, b"')
    [('Steps', '20'), ('Size', '512x768'), ('Note', '"a, b"')]
    """
    pairs: list[tuple[str, str]] = []
    position = 0
    while run := KEY_PATTERN.search(line, position):
        position = run.end()
        key = run[0].lstrip(" -/")
        if len(key) > 1 and line.startswith(":", position):
            value = VALUE.match(line, position + 1)
            assert value      # the pattern matches the empty text too
            pairs.append((key, value[1] or value[2]))
            position = value.end()
    return pairs


def parse_infotext(text: str, emphasised: Callable[[str], bool], backcompat: bool = True) -> dict[str, object]:
    """Return every pair of a text, `Prompt` and `Negative prompt`, as A1111 pastes them.

    Sizes become `Size-1`, `Size-2`; missing pairs get the values of older or plainer A1111 versions.
    emphasised: has a prompt any weighted words? (`prompts.grammar.emphasised`)
    backcompat: turn on the settings that an older version's picture needs (A1111's setting `auto_backcompat`)
    """
    found = split_infotext(text)
    values: dict[str, object] = {}
    for key, value in found.raw:
        if size := SIZE.fullmatch(unquote(value)):
            values[f"{key}-1"], values[f"{key}-2"] = size.groups()
        elif value:
            values[key] = unquote(value)
    values["Prompt"], values["Negative prompt"] = found.prompt, found.negative_prompt
    add_hypernetwork(values)
    add_missing(values)
    if "Emphasis" not in values and (emphasised(found.prompt) or emphasised(found.negative_prompt)):
        values["Emphasis"] = "Original"
    if backcompat:
        add_version_quirks(values)
    return values


def add_hypernetwork(values: dict[str, object]) -> None:
    """Add the hypernetwork, once a setting, to the prompt as a tag."""
    if "Hypernet" in values:
        values["Prompt"] = f"{values['Prompt']}<hypernet:{values['Hypernet']}:{values.get('Hypernet strength', '1.0')}>"


def add_missing(values: dict[str, object]) -> None:
    if "Hires resize-1" not in values:
        values["Hires resize-1"], values["Hires resize-2"] = 0, 0
    add_first_pass(values)
    if values.get("FP8 weight", "Disable") != "Disable":
        values.setdefault("Cache FP16 weight for LoRA", False)
    for key, value in MISSING.items():
        values.setdefault(key, value)


def add_first_pass(values: dict[str, object]) -> None:
    """Convert hires fix's old sizes, the first pass's and the result's; 0x0 meant about 512 × 512 pixels."""
    if "First pass size-1" not in values:
        return
    first = parse_pixels(values, "First pass size-1", 0), parse_pixels(values, "First pass size-2", 0)
    width, height = parse_pixels(values, "Size-1", 512), parse_pixels(values, "Size-2", 512)
    values["Size-1"], values["Size-2"] = first if all(first) else first_pass_size(width, height)
    values["Hires resize-1"], values["Hires resize-2"] = width, height


def parse_pixels(values: Mapping[str, object], key: str, missing: int) -> int:
    """Return a length of at most six digits; `missing` if there is none."""
    value = str(values.get(key, ""))
    return int(value) if re.fullmatch(r"\d{1,6}", value) else missing


def first_pass_size(width: int, height: int) -> tuple[int, int]:
    """Return the first pass's size for a result: about 512 × 512 pixels, rounded up to whole 64s."""
    scale = sqrt(512 * 512 / (width * height)) if width and height else 0.0
    return ceil(scale * width / 64) * 64, ceil(scale * height / 64) * 64


# Versions ----------------------------------------------------------------------------------------

VERSION_PATTERN = re.compile(r"v?(\d+(?:\.\d+)*)(?:-(\d+)|(-?(?:rc|a|b|dev)\d*))?", re.IGNORECASE)


def parse_version(text: str) -> tuple[float, ...] | None:
    """Return a version as comparable numbers: release (four of them), then commits since; None if it is no version.

    >>> parse_version("v1.7.0-225-g0ad3ac2e")
    (1, 7, 0, 0, 225)
    """
    found = VERSION_PATTERN.fullmatch("-".join(text.split("-")[:2]))      # `-g…` names the commit
    if not found:
        return None
    release = [int(part[:9]) for part in found[1].split(".")[:4]]
    return (*release, *[0] * (4 - len(release)), -1 if found[3] else int((found[2] or "0")[:9]))


def add_version_quirks(values: dict[str, object]) -> None:
    """Turn on the settings that reproduce pictures of older versions."""
    version = parse_version(str(values.get("Version", "")))
    if version is None:
        return
    if version < (1, 6, 0, 0, 0):
        if "[" in str(values["Prompt"]):
            values["Old prompt editing timelines"] = True
        if values.get("Sampler") in ("DDIM", "PLMS"):
            values["Pad conds v0"] = True
    if version < (1, 7, 0, 0, 225):
        values["Downcast alphas_cumprod"] = True
    if version < (1, 8, 0, 0, 0) and values.get("Refiner"):
        values["Refiner switch by sampling steps"] = True
