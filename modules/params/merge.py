"""The parameters of jobs that make model files: merge, conversion, LoRA extraction."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from annotated_types import Interval, MaxLen
from pydantic import ConfigDict

from modules.base.errors import Invalid
from modules.base.fields import Checkbox, Choice, Numbers, Param, Radio, Slider, Text, declared_params
from modules.base.limits import JsonObject, Name
from modules.params.merge_methods import MERGE_METHODS

# → torch's dtype
PRECISIONS: Mapping[str, str] = {"keep": "", "fp16": "float16", "bf16": "bfloat16", "fp32": "float32"}
# the source of the .yaml, the first one that exists; A1111's order, by which it records the choice
CONFIGS: Mapping[str, tuple[int, ...]] = {
    "A, B or C": (0, 1, 2), "B": (1,), "C": (2,), "Don't": (),
}
BLOCKS = ("BASE", *(f"IN{i:02}" for i in range(12)), "M00", *(f"OUT{i:02}" for i in range(12)))
MOST_SOURCES = 20
LARGEST_RANK = 1024
LONGEST_NAME = 200      # bytes of a file's name; a file system takes 255, with endings and what users add to it
NO_VAE = ("", "None")   # names that choose no VAE

Share = Annotated[float, Interval(ge=-10, le=10)]
FileName = Param("Custom name (optional)", Text(1, LONGEST_NAME), "The new file's name; without one it is made of its sources'.")
ONLY_KNOWN = ConfigDict(extra="forbid")


@dataclass(frozen=True, kw_only=True)
class Merge:
    """The parameters of a merge. Names and defaults as in our API, order as in the form; `form=` is the form's default.

    models: names of checkpoints, the first is A; the form has a control for each of the first three
    """

    __pydantic_config__: ClassVar[ConfigDict] = ONLY_KNOWN

    models: Annotated[tuple[Name, ...], MaxLen(MOST_SOURCES)] = ()
    name: Annotated[str, FileName] = ""
    method: Annotated[str, Param("Interpolation method", Radio(tuple(MERGE_METHODS)), "How the checkpoints are mixed.")] = "Weighted sum"
    multiplier: Annotated[float, Param("Multiplier (M)", Slider(0, 1, 0.01, limits_of_api=(-10, 10)), "How much of the others there is in the result.")] = 0.3
    more: Annotated[tuple[Share, ...], Param("Shares of B, C, …", Numbers(MOST_SOURCES - 1), "One number for each checkpoint after the first, with commas between; A has what is left.")] = ()
    precision: Annotated[str, Param("Precision", Radio(tuple(PRECISIONS)), "Of the weights that are written; fp16 is half as large as fp32.", form="fp16")] = "keep"
    vae: Annotated[str, Param("Bake in VAE", Choice("baked_vaes"), "Put in place of A's own.")] = "None"
    block_weights: Annotated[tuple[Share, ...], Param("Block weights", Numbers(len(BLOCKS)), "In place of M, 26 numbers: BASE, IN00 – IN11, M00, OUT00 – OUT11.")] = ()
    discard: Annotated[str, Param("Discard weights with matching name", Text(1, 500), "A regular expression: tensors whose names it finds are left out.")] = ""
    config: Annotated[str, Param("Copy config from", Radio(tuple(CONFIGS)), "Whose .yaml the result takes over.")] = "A, B or C"
    copy_metadata: Annotated[bool, Param("Copy metadata", Checkbox(), "What the checkpoints' own files tell of themselves.")] = True
    add_recipe: Annotated[bool, Param("Save the recipe in the metadata", Checkbox(), "Which checkpoints it was made of, and how, as A1111 writes it.")] = True
    metadata: Annotated[JsonObject, MaxLen(100)] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """The parameters of a conversion to safetensors."""

    __pydantic_config__: ClassVar[ConfigDict] = ONLY_KNOWN

    model: Annotated[str, Param("Checkpoint", Choice("checkpoints"), "What is written anew, without what drawing does not need.", form=None)] = ""
    name: Annotated[str, FileName] = ""
    precision: Annotated[str, Param("Precision", Radio(tuple(PRECISIONS)), "Of the weights that are written.")] = "fp16"
    ema: Annotated[bool, Param("Take the averaged (EMA) weights", Checkbox(), "Instead of those that the training ended with.")] = False


@dataclass(frozen=True, kw_only=True)
class Extraction:
    """The parameters of an extraction: the difference of one checkpoint to another as a LoRA."""

    __pydantic_config__: ClassVar[ConfigDict] = ONLY_KNOWN

    tuned: Annotated[str, Param("Tuned checkpoint", Choice("checkpoints"), "What was trained further.", form=None)] = ""
    base: Annotated[str, Param("What it came from", Choice("checkpoints"), "The checkpoint that its training began with.", form=None)] = ""
    name: Annotated[str, FileName] = ""
    rank: Annotated[int, Param("Rank", Slider(1, 256, limits_of_api=(1, LARGEST_RANK)), "How fine the LoRA is; its file grows with it.")] = 32


# Impossible merges -----------------------------------------------------------------------------------


def check_merge(request: Merge, sources: int) -> None:
    """Raise Invalid, naming the field, for an impossible merge of so many checkpoints."""
    check_choices(request)
    check_shares(request, sources)
    check_pattern(request.discard)


def check_choices(request: Merge | Conversion) -> None:
    cls: type = type(request)
    for name, param in declared_params(cls).items():
        known = param.widget.of if isinstance(param.widget, Radio) else ()
        if known and (given := getattr(request, name)) not in known:
            raise Invalid(f"There is no {name} called {given!r:.80}.", f"There are: {', '.join(known)}.", field=name)


def check_shares(request: Merge, sources: int) -> None:
    method = MERGE_METHODS[request.method]
    if sources < method.sources:
        raise Invalid(
            f"{method.name} needs {method.sources} checkpoints, not {sources}.",
            "Choose the others too.",
            field="models",
        )
    if method.open and len(request.more) != sources - 1:
        raise Invalid("Each checkpoint after the first needs a share.", "Give one number for each.", field="more")
    if method.open and request.block_weights:
        raise Invalid(
            f"{method.name} takes no block weights.", "Leave them out, or take another method.", field="block_weights"
        )
    if not all(map(math.isfinite, (request.multiplier, *request.more, *request.block_weights))):
        raise Invalid(
            "A share is no finite number.", "Write numbers like 0.3.", field="more" if method.open else "multiplier"
        )
    if request.block_weights and len(request.block_weights) != len(BLOCKS):
        raise Invalid(
            f"There are {len(request.block_weights)} block weights.",
            f"Give {len(BLOCKS)}: {', '.join(BLOCKS)}.",
            field="block_weights",
        )


def check_pattern(pattern: str) -> None:
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise Invalid(
            f"The pattern of names to discard is wrong: {error}.", "Leave it empty to discard nothing.", field="discard"
        ) from error


def used_sources(request: Merge) -> int | None:
    """Return the number of checkpoints that the method uses, None for all."""
    method = MERGE_METHODS[request.method]
    return None if method.open else method.sources


def merged_name(request: Merge, stems: list[str]) -> str:
    """Return the result's name in A1111's form: each source's name, without extension, with its share."""
    m = request.multiplier
    if request.method == "Weighted sum" and len(stems) > 1:
        return f"{round(1 - m, 2)}({stems[0]}) + {round(m, 2)}({stems[1]})"
    if request.method == "Add difference" and len(stems) > 2:
        return f"{stems[0]} + {round(m, 2)}({stems[1]} - {stems[2]})"
    return " + ".join(stems) + ("" if len(stems) > 1 else " copy")
