"""Pictures' data side by side, and the plot that leads from one to another. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os.path import commonprefix
from typing import Any

from modules.base.errors import UnknownName
from modules.base.fields import declared_params
from modules.metadata.contents import PictureContents
from modules.params.img2img import Img2Img
from modules.params.infotext_edit import NEGATIVE_KEY, PROMPT_KEY, infotext_values
from modules.params.known_axes import find_axis
from modules.params.plot_axes import NOTHING
from modules.params.plot_values import join_values
from modules.params.plots import XyzPlot
from modules.params.scripts import in_order
from modules.params.txt2img import Txt2Img
from modules.requests.data_edit import told_values
from modules.requests.data_fields import data_parts
from modules.requests.paste import REQUESTS
from modules.settings.options import Settings

MOST_AXES = 3
A1111_ARGUMENTS = 18      # of the plot; those after them are filled in by Easel
MOST_COMPARED_VALUE = 100_000      # characters of a value in a reply
XYZ_NAME = "X/Y/Z plot"
AXIS_NAMES = {      # keys of generation data → A1111's axes
    "Seed": "Seed", "Variation seed": "Var. seed", "Variation seed strength": "Var. strength", "Steps": "Steps",
    "Hires steps": "Hires steps", "CFG scale": "CFG Scale", "Image CFG scale": "Image CFG Scale",
    "Sampler": "Sampler", "Hires sampler": "Hires sampler", "Model": "Checkpoint name", "VAE": "VAE",
    "Schedule type": "Schedule type", "Size": "Size", "Clip skip": "Clip skip", "Denoising strength": "Denoising",
    "Hires upscaler": "Hires upscaler", "Refiner": "Refiner checkpoint", "Refiner switch at": "Refiner switch at",
    "RNG": "RNG source", "Token merging ratio": "Token merging ratio", "Eta": "Eta", "Face restoration": "Face restore",
    "Token merging ratio hr": "Token merging ratio high-res",
}
# These follow from others, or say where a picture comes from.
FOLLOWING = frozenset({"Model hash", "VAE hash", "Version", "User", "Lora hashes", "TI hashes", "Init image hash"})


@dataclass(frozen=True, slots=True)
class ComparedRow:
    """A value of each picture, "" where one has none."""

    key: str
    label: str
    values: tuple[str, ...]

    @property
    def differs(self) -> bool:
        return len(set(self.values)) > 1


@dataclass
class PlotPreset:
    """Arguments of X/Y/Z plot, for the first picture's form; notes: what it cannot change, in sentences."""

    script_name: str = XYZ_NAME
    script_args: list[Any] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def compared_rows(pictures: Sequence[PictureContents]) -> list[ComparedRow]:
    """Return what the pictures say, value by value; generation data come first."""
    told = [told_values(each) for each in pictures]
    keys = list(dict.fromkeys(key for values in told for key in values))
    rows = [
        ComparedRow(key, key, tuple(values.get(key, "")[:MOST_COMPARED_VALUE] for values in told)) for key in keys
    ]
    return [row for row in rows if any(row.values)]


def plot_preset(texts: Sequence[str]) -> PlotPreset | None:
    """Return the plot that draws what differs between pictures, beginning with the first; None without differences.

    texts: their generation data
    """
    values, preset = [infotext_values(text) for text in texts], PlotPreset()
    keys = [key for key in dict.fromkeys(key for each in values for key in each) if key not in FOLLOWING]
    tab = data_parts(texts[0]).tab
    axes: list[tuple[str, str]] = []
    for key in keys:
        given = list(dict.fromkeys(each.get(key, "") for each in values))
        if len(given) == 1:
            continue
        name = axis_name(key, tab)
        told = prompt_parts(given, values[0]) if key in (PROMPT_KEY, NEGATIVE_KEY) else given
        if not name or not all(told) or (name == "Prompt S/R" and name in dict(axes)):
            preset.notes.append(f"A plot does not change {key}: {' → '.join(each[:200] or '–' for each in given)}.")
        elif len(axes) == MOST_AXES:
            preset.notes.append(f"{key} differs too, and a plot has three axes.")
        else:
            axes.append((name, join_values(told)))
    if not axes and not preset.notes:
        return None
    preset.script_args = plot_arguments(axes)
    return preset


def axis_name(key: str, tab: str) -> str:
    """Return the axis that changes a key of generation data, "" if there is none."""
    if key in (PROMPT_KEY, NEGATIVE_KEY):
        return "Prompt S/R"
    request: type[Any] = REQUESTS.get(tab, Txt2Img)
    named = [
        name for cls in (request, Settings) for name, param in declared_params(cls).items() if param.infotext == key
    ]
    for name in (AXIS_NAMES.get(key, ""), *named):
        try:
            if name:
                return find_axis(name, "img2img" if request is Img2Img else "txt2img", request, Settings).name
        except UnknownName:
            continue
    return ""


def prompt_parts(prompts: Sequence[str], first: Mapping[str, str]) -> list[str]:
    """Return the parts in which prompts differ, whole words; all of them if the first one's part stands there twice."""
    start = len(commonprefix(list(prompts)))
    end = len(commonprefix([each[start:][::-1] for each in prompts]))
    whole = prompts[0]
    while start and not whole[start - 1].isspace():
        start -= 1
    while end and not whole[len(whole) - end].isspace():
        end -= 1
    parts = [each[start : len(each) - end].strip() for each in prompts]
    both = first.get(PROMPT_KEY, "") + "\n" + first.get(NEGATIVE_KEY, "")
    return parts if all(parts) and both.count(parts[0]) == 1 else list(prompts)


def plot_arguments(axes: Sequence[tuple[str, str]]) -> list[Any]:
    """Return the script's arguments in their order, axes by their names."""
    given: dict[str, Any] = {}
    for letter, (name, values) in zip("xyz", [*axes, *[(NOTHING.name, "")] * (MOST_AXES - len(axes))], strict=False):
        given |= {f"{letter}_type": name, f"{letter}_values": values}
    arguments = in_order(XyzPlot(**given, csv_mode=True))[:A1111_ARGUMENTS]
    return [list(each) if isinstance(each, tuple) else each for each in arguments]
