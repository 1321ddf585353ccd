"""Checkpoints made of others: mixed, converted, pruned. Tensor by tensor, so that memory holds no second model.

The arithmetic is A1111's, in the files' own precision, and so are its results, to the bit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from modules.base.errors import Invalid, ModelMismatch
from modules.models.layout import UNET, VAE
from modules.models.tensor_file import Entry, Source, opened, write

FIRST = f"{UNET}input_blocks.0.0.weight"
NEVER_MIXED = frozenset({"cond_stage_model.transformer.text_model.embeddings.position_ids"})
PRECISIONS = {"keep": None, "fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}
BLOCKS = ("BASE", *(f"IN{i:02}" for i in range(12)), "M00", *(f"OUT{i:02}" for i in range(12)))
EMA = "model_ema."

Told = Callable[[int, int], None]


@dataclass(frozen=True)
class Recipe:
    """How a checkpoint is made of others.

    method: one of METHODS; multiplier: A1111's M
    more: for "Sum of more", the share of each source after the first; the first has what is left
    block_weights: multipliers of the BLOCKS in place of M, or none
    """

    sources: tuple[Path, ...]
    method: str = "Weighted sum"
    multiplier: float = 0.3
    more: tuple[float, ...] = ()
    block_weights: tuple[float, ...] = ()
    precision: str = "keep"
    vae: Path | None = None
    discard: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    copy_metadata: bool = True
    add_recipe: bool = True


def weighted_sum(a: Tensor, others: Sequence[Tensor], share: float) -> Tensor:
    return (1 - share) * a + share * others[0]


def add_difference(a: Tensor, others: Sequence[Tensor], share: float) -> Tensor:
    """A + M · (B − C); what C has not counts for nothing."""
    return a + share * (others[0] - others[1]) if len(others) > 1 else a


@dataclass(frozen=True)
class Method:
    sources: int
    mix: Callable[[Tensor, Sequence[Tensor], float], Tensor] | None


METHODS = {
    "Weighted sum": Method(2, weighted_sum),
    "Add difference": Method(3, add_difference),
    "No interpolation": Method(1, None),
    "Sum of more": Method(2, None),
}


def merge(recipe: Recipe, out: Path, told: Told) -> None:
    """Write the checkpoint. Raises Invalid for a recipe that makes no sense, ModelMismatch naming what does not go together."""
    check(recipe)
    with ExitStack() as stack:
        sources = [stack.enter_context(opened(path)) for path in recipe.sources]
        vae = stack.enter_context(opened(recipe.vae)) if recipe.vae else None
        mixer = Mixer(recipe, sources, vae)
        write(out, mixer.entries(), mixer.tensor, metadata_of(recipe, sources), told)


def check(recipe: Recipe) -> None:
    if recipe.method not in METHODS:
        raise Invalid(f"There is no way to merge called {recipe.method!r}.", f"There are: {', '.join(METHODS)}.", field="method")
    wanted = METHODS[recipe.method].sources
    if len(recipe.sources) < wanted:
        raise Invalid(f"{recipe.method} needs {wanted} checkpoints, not {len(recipe.sources)}.", "Choose the others too.", field="sources")
    if recipe.method == "Sum of more" and len(recipe.more) != len(recipe.sources) - 1:
        raise Invalid("Each checkpoint after the first needs a share.", "Give one number for each.", field="more")
    if recipe.block_weights and len(recipe.block_weights) != len(BLOCKS):
        raise Invalid(f"There are {len(recipe.block_weights)} block weights.", f"Give {len(BLOCKS)}: {', '.join(BLOCKS)}.", field="block_weights")
    if recipe.precision not in PRECISIONS:
        raise Invalid(f"There is no precision called {recipe.precision!r}.", f"There are: {', '.join(PRECISIONS)}.", field="precision")
    try:
        re.compile(recipe.discard)
    except re.error as error:
        raise Invalid(f"The pattern of names to discard is wrong: {error}.", "Leave it empty to discard nothing.", field="discard") from error


class Mixer:
    """The tensors of a merge, made one at a time."""

    def __init__(self, recipe: Recipe, sources: Sequence[Source], vae: Source | None) -> None:
        self.recipe, self.sources, self.vae = recipe, sources, vae
        self.dtype = PRECISIONS[recipe.precision]

    def entries(self) -> dict[str, Entry]:
        first, *others = self.sources
        found = dict(first.entries)
        if METHODS[self.recipe.method].sources > 1:
            found = {name: entry for other in others[:1] for name, entry in other.entries.items() if mixes(name)} | found
        kept = {name: entry for name, entry in found.items() if not (self.recipe.discard and re.search(self.recipe.discard, name))}
        return {name: Entry(self.written(name, entry.dtype), entry.shape) for name, entry in sorted(kept.items())}

    def written(self, name: str, dtype: torch.dtype) -> torch.dtype:
        if self.baked(name) and self.dtype is None:
            return self.vae.entries[self.baked(name)].dtype
        if self.dtype is None and dtype.is_floating_point:
            return torch.result_type(*(torch.empty(0, dtype=each) for each in self.dtypes(name)[:2])) if len(self.dtypes(name)) > 1 else dtype
        return self.dtype if self.dtype and dtype.is_floating_point else dtype

    def dtypes(self, name: str) -> list[torch.dtype]:
        mixed = self.sources if mixes(name) and METHODS[self.recipe.method].sources > 1 else self.sources[:1]
        return [source.entries[name].dtype for source in mixed if name in source.entries]

    def baked(self, name: str) -> str:
        """The name that a tensor of the checkpoint's VAE has in the one that is baked in."""
        if self.vae is None or not name.startswith(VAE):
            return ""
        short = name.removeprefix(VAE)
        return next((known for known in (short, name) if known in self.vae.entries), "")

    def tensor(self, name: str) -> Tensor:
        found = self.vae.tensor(baked) if (baked := self.baked(name)) else self.mixed(name)
        return found.to(self.written(name, found.dtype))

    def mixed(self, name: str) -> Tensor:
        having = [source for source in self.sources if name in source.entries]
        own = having[0].tensor(name)
        if not mixes(name) or self.sources[0] is not having[0]:
            return own
        if self.recipe.method == "Sum of more":
            return self.summed(name, own)
        mix = METHODS[self.recipe.method].mix
        if mix is None or name not in self.sources[1].entries:
            return own
        others = [self.fitting(name, own, source) for source in self.sources[1:] if name in source.entries]
        return onto(own, others, lambda part: mix(part, others, self.share(name)))

    def summed(self, name: str, own: Tensor) -> Tensor:
        parts = [(source, share) for source, share in zip(self.sources[1:], self.recipe.more, strict=True) if name in source.entries]
        others = [(self.fitting(name, own, source), share) for source, share in parts]
        rest = 1 - sum(share for _, share in others)
        return onto(own, [other for other, _ in others], lambda part: sum((other * share for other, share in others), part * rest))

    def share(self, name: str) -> float:
        return self.recipe.block_weights[block_of(name)] if self.recipe.block_weights else self.recipe.multiplier

    def fitting(self, name: str, own: Tensor, source: Source) -> Tensor:
        other = source.tensor(name)
        if other.shape == own.shape or (name == FIRST and other.shape[1] < own.shape[1] and other.shape[2:] == own.shape[2:]):
            return other
        place = self.sources.index(source)
        names = self.recipe.sources[0].name, self.recipe.sources[place].name
        hint = "Put the inpainting or editing model first." if name == FIRST else "Both must be of one family."
        raise ModelMismatch(f"{names[0]} and {names[1]} do not go together: {name} is {tuple(own.shape)} and {tuple(other.shape)}.", hint)


def onto(own: Tensor, others: Sequence[Tensor], mix: Callable[[Tensor], Tensor]) -> Tensor:
    """Mix a tensor, or only its first input channels where the others have no more: an inpainting model sees more than they."""
    if not others or others[0].shape == own.shape:
        return mix(own)
    out, width = own.clone(), others[0].shape[1]
    out[:, :width] = mix(own[:, :width])
    return out


def mixes(name: str) -> bool:
    """Is it a weight that merging concerns? A1111 leaves alone what is not of a model, and CLIP's positions."""
    return "model" in name and name not in NEVER_MIXED


def block_of(name: str) -> int:
    """Which of the BLOCKS a weight is in; BASE is everything outside the UNet's numbered blocks."""
    if match := re.match(rf"{re.escape(UNET)}(input|middle|output)_blocks?\.(\d+)\.", name):
        place = {"input": 1, "middle": 13, "output": 14}[match[1]]
        return place if match[1] == "middle" else place + int(match[2])
    return 0


def metadata_of(recipe: Recipe, sources: Sequence[Source]) -> dict[str, str]:
    """The sources' own metadata, then what was given, then the recipe as A1111 writes it."""
    found: dict[str, str] = {}
    if recipe.copy_metadata:
        for source in reversed(sources):
            found |= {name: value for name, value in source.metadata.items() if name != "format"}
    found |= {name: value if isinstance(value, str) else json.dumps(value) for name, value in recipe.metadata.items()}
    if recipe.add_recipe:
        names = [path.name for path in recipe.sources]
        found["sd_merge_recipe"] = json.dumps({
            "type": "webui", "interp_method": recipe.method, "multiplier": recipe.multiplier, "sources": names,
            "shares": recipe.more, "block_weights": recipe.block_weights, "save_as_half": recipe.precision == "fp16",
            "bake_in_vae": recipe.vae.name if recipe.vae else "None", "discard_weights": recipe.discard,
        })
        found["sd_merge_models"] = json.dumps({name: {"name": name} for name in names})
    return {"format": "pt", **found}


def convert(source: Path, out: Path, precision: str, take_ema: bool, told: Told) -> None:
    """The checkpoint alone as safetensors: no optimiser, no EMA copy; with `take_ema` the copy instead of the weights.

    Raises Invalid for an unknown precision, ModelError naming the file.
    """
    check(Recipe((source,), "No interpolation", precision=precision))
    with opened(source) as file:
        names = {name: ema_name(name, file.entries) if take_ema else name for name in file.entries if not name.startswith(EMA)}
        dtype = PRECISIONS[precision]
        entries = {name: Entry(converted(file.entries[origin].dtype, dtype), file.entries[origin].shape) for name, origin in names.items()}
        write(out, entries, lambda name: file.tensor(names[name]).to(entries[name].dtype), {**file.metadata, "format": "pt"}, told)


def converted(dtype: torch.dtype, wanted: torch.dtype | None) -> torch.dtype:
    return wanted if wanted and dtype.is_floating_point else dtype


def ema_name(name: str, entries: Mapping[str, Entry]) -> str:
    """LDM keeps the averages under the UNet's names without their dots."""
    joined = EMA + name.removeprefix("model.").replace(".", "")
    return joined if joined in entries else name
