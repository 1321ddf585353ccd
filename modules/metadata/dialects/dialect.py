"""A program's way of writing generation data, and what all readers of one share."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, TypeAlias

from modules.params.infotext import FEWEST_PAIRS, ordered, write_infotext
from modules.sampling.samplers import SAMPLERS
from modules.sampling.schedules import SCHEDULES

LabelledValues: TypeAlias = "tuple[tuple[str, str], ...]"
MOST_SHOWN = 500          # pairs of a text that are shown readably; the text itself is there too
DEEPEST_SHOWN = 4         # levels of a JSON value that become pairs of their own
USUAL_KEY = "parameters"      # where A1111 and many others write; EXIF's comment and a JPEG's go by it too
HIDDEN = "hidden in the pixels"


@dataclass(frozen=True, slots=True)
class PictureTexts:
    """All that a picture's file says.

    texts: by keyword, or by EXIF's name; what stands in the usual place is called "parameters" in every format
    xmp: properties by their qualified names; IPTC's texts too, by "iptc:" and their labels
    """

    texts: Mapping[str, str]
    size: tuple[int, int]
    xmp: Mapping[str, str] = field(default_factory=dict)

    @property
    def parameters(self) -> str:
        return self.texts.get(USUAL_KEY, "")

    @property
    def size_text(self) -> str:
        return f"{self.size[0]}x{self.size[1]}"


@dataclass(frozen=True, slots=True)
class ProgramData:
    """What a program says of a picture.

    keys: of the texts it was read from
    infotext: the same as Easel's generation data, "" where that is not well defined
    notes: what could not be converted, in sentences
    """

    program: str
    keys: tuple[str, ...]
    infotext: str = ""
    readable: LabelledValues = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dialect:
    """A row of the table.

    places: where the program writes, in words
    read: what it says of a picture; None if the texts are not its own
    """

    name: str
    places: str
    read: Callable[[PictureTexts], ProgramData | None]
    aliases: tuple[str, ...] = ()


# Values from outside -------------------------------------------------------------------------------


def json_object(text: str) -> dict[str, Any]:
    """Return a JSON object, empty if the text is none."""
    if "{" not in text[:100]:
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def text_or_empty(value: Any) -> str:
    return value if isinstance(value, str) else ""


def number_or_none(value: Any) -> int | float | None:
    """Return a finite number, also if it is written as a text."""
    if isinstance(value, bool) or isinstance(value, float) and not isfinite(value):
        return None
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,20}(?:\.\d{1,20})?", value):
        return float(value) if "." in value else int(value)
    return value if isinstance(value, int | float) else None


def mapping_or_empty(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def list_or_empty(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def readable_pairs(value: Any) -> LabelledValues:
    """Return a JSON value as labels and values: inner ones by their path."""
    found: list[tuple[str, str]] = []
    for pair in flat_pairs("", value, DEEPEST_SHOWN):
        if len(found) == MOST_SHOWN:
            return (*found, ("…", "More is in the text itself."))
        found.append(pair)
    return tuple(found)


def flat_pairs(label: str, value: Any, levels: int) -> Iterator[tuple[str, str]]:
    if levels and isinstance(value, Mapping):
        for key, inner in value.items():
            yield from flat_pairs(f"{label} · {key}" if label else str(key), inner, levels - 1)
    elif levels and isinstance(value, list) and any(isinstance(each, Mapping | list) for each in value):
        for number, inner in enumerate(value, 1):
            yield from flat_pairs(f"{label} · {number}" if label else str(number), inner, levels - 1)
    elif value not in (None, "", [], {}):
        yield label, shown_value(value)


def shown_value(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and all(isinstance(each, str | int | float) for each in value):
        return ", ".join(map(str, value))
    return json.dumps(value, ensure_ascii=False)


# ConvertedData ----------------------------------------------------------------------------------------

COMFY_SAMPLERS = {      # names of k-diffusion's samplers in ComfyUI, SwarmUI and Fooocus → A1111's
    "euler_cfg_pp": "Euler", "euler_ancestral_cfg_pp": "Euler a", "dpm_2": "DPM2", "dpm_2_ancestral": "DPM2 a",
    "dpm_fast": "DPM fast", "dpm_adaptive": "DPM adaptive", "dpmpp_2s_ancestral": "DPM++ 2S a",
    "euler_ancestral": "Euler a", "dpmpp_sde": "DPM++ SDE", "dpmpp_2m": "DPM++ 2M", "dpmpp_2m_sde": "DPM++ 2M SDE",
    "dpmpp_3m_sde": "DPM++ 3M SDE", "uni_pc": "UniPC", "uni_pc_bh2": "UniPC",
}


@dataclass
class ConvertedData:
    """Generation data in the making: prompts, pairs, and what could not be said in Easel's words."""

    prompt: str = ""
    negative_prompt: str = ""
    pairs: dict[str, object] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, key: str, value: object) -> None:
        """Add a pair, unless there is no value."""
        if value not in (None, ""):
            self.pairs[key] = value

    def add_numbers(self, said: Mapping[str, Any], keys: Mapping[str, str]) -> None:
        """Add pairs for numbers of a JSON object. keys: its key → the pair's."""
        for name, key in keys.items():
            self.add(key, number_or_none(said.get(name)))

    def add_size(self, width: Any, height: Any, otherwise: str = "") -> None:
        sides = number_or_none(width), number_or_none(height)
        self.add("Size", f"{sides[0]:g}x{sides[1]:g}" if sides[0] and sides[1] else otherwise)

    def add_sampler(self, name: str, schedule: str = "") -> None:
        """Add sampler and schedule type by any program's names; an unknown one is told and left out."""
        sampler = SAMPLERS.get(comfy_sampler(name))
        if sampler:
            self.pairs["Sampler"] = sampler.name
        elif name:
            self.notes.append(f"Easel has no sampler called {name}.")
        found = SCHEDULES.get(schedule)
        if found:
            self.pairs["Schedule type"] = found.name
        elif schedule:
            self.notes.append(f"Easel has no schedule called {schedule}.")

    def add_network(self, name: str, strength: object) -> None:
        """Add a LoRA to the prompt."""
        called = model_stem(name)
        if called and not any(mark in called for mark in "<>:"):
            self.prompt = f"{self.prompt} <lora:{called}:{number_text(strength)}>".strip()

    def told(self, program: str, keys: tuple[str, ...], readable: LabelledValues) -> ProgramData:
        """Return what there is as a program's data; too few pairs to be read as such are left out."""
        pairs = ordered(self.pairs) if len(self.pairs) >= FEWEST_PAIRS else {}
        text = write_infotext(self.prompt, self.negative_prompt, pairs)
        return ProgramData(program, keys, text, readable, tuple(dict.fromkeys(self.notes)))


def comfy_sampler(name: str) -> str:
    plain = name.removesuffix("_gpu")
    return COMFY_SAMPLERS.get(plain, plain)


def number_text(value: object) -> str:
    number = number_or_none(value)
    return "1" if number is None else f"{number:g}"


def model_stem(name: str) -> str:
    """Return a model's name as generation data have it: without folder and ending."""
    last = file_part(name)
    for ending in (".safetensors", ".ckpt", ".pt", ".sft", ".gguf", ".bin"):
        if last.lower().endswith(ending):
            return last[: -len(ending)]
    return last


def file_part(name: str) -> str:
    """Return a file's name without its folders, whose separator is that of the program's system."""
    return name.replace("\\", "/").rpartition("/")[2]
