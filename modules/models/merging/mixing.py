"""The tensors of a merge: listed beforehand, made one at a time.

The arithmetic is A1111's, in the files' own precision, and so are its results, to the bit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import reduce

import torch
from torch import Tensor

from modules.base.errors import Invalid, ModelMismatch
from modules.library.catalog import FIRST_CONVOLUTION
from modules.models.checkpoint.key_mapping import UNET_PREFIX, VAE_PREFIX
from modules.models.files.tensor_stream import Source, TensorEntry
from modules.models.merging.discarding import found
from modules.models.merging.recipe import Recipe
from modules.models.merging.sources import Renamed, averaged
from modules.models.merging.writing import converted
from modules.sampling.latent import SD_LATENT

FIRSTS = frozenset({FIRST_CONVOLUTION, averaged(FIRST_CONVOLUTION)})
NEVER_MIXED = frozenset({"cond_stage_model.transformer.text_model.embeddings.position_ids"})
NUMBERED = re.compile(rf"{re.escape(UNET_PREFIX)}(input|middle|output)_blocks?\.(\d+)\.")


class Mixer:
    """The mixer: `entries` lists the result's tensors; `tensor` makes one of them.

    Raises at once Invalid for a pattern that leaves nothing or takes too long, ModelMismatch for sources that do not
    fit.
    """

    def __init__(self, recipe: Recipe, sources: Sequence[Source], vae: Source | None) -> None:
        self.recipe, self.method = recipe, recipe.method
        self.sources = [Renamed.of(source) for source in sources]
        self.vae = None if vae is None else Renamed.of(vae)
        self.entries = {name: self.entry(name) for name in self.names()}
        self.check_whole()

    def names(self) -> Iterator[str]:
        """Yield A's names, and those of a model's weights that only the next sources have, without discarded ones."""
        added = self.sources[1:] if self.method.open else self.sources[1:2]
        names = dict.fromkeys(
            [*self.sources[0].entries, *(name for source in added for name in source.entries if mixes(name))]
        )
        discarded = found(self.recipe.request.discard, names)
        return (name for name in names if name not in discarded)

    def entry(self, name: str) -> TensorEntry:
        own = self.owner(name).entries[name]
        if baked := self.baked(name):
            self.check_baked(name, *baked)
            source, known = baked
            return converted(source.entries[known], self.precision(name))
        others = [self.sources[place].entries[name] for place in self.partners(name)]
        self.check_fits(name, own, others)
        in_place = any(other.shape != own.shape for other in others)
        dtype = own.dtype if in_place else reduce(torch.promote_types, (other.dtype for other in others), own.dtype)
        return converted(TensorEntry(dtype, own.shape), self.precision(name))

    def precision(self, name: str) -> torch.dtype | None:
        """Return the precision that a tensor is converted to.

        In a mix, tensors of no model stay: a noise schedule in half precision would be another one.
        """
        return self.recipe.dtype if self.method.mix is None or mixes(name) else None

    def owner(self, name: str) -> Renamed:
        """Return the first source that has it."""
        return next(source for source in self.sources if name in source.entries)

    def partners(self, name: str) -> list[int]:
        """Return the sources that are mixed into A's tensor: all that the method takes, or none.

        Integers are no weights: A's stay.
        """
        entry = self.sources[0].entries.get(name)
        if entry is None or self.method.mix is None or not (mixes(name) and entry.dtype.is_floating_point):
            return []
        having = [place for place in range(1, len(self.sources)) if name in self.sources[place].entries]
        return having if self.method.open or len(having) == self.method.sources - 1 else []

    def tensor(self, name: str) -> Tensor:
        baked = self.baked(name)
        found = baked[0].tensor(baked[1]) if baked else self.mixed(name)
        return found.to(self.entries[name].dtype)

    def mixed(self, name: str) -> Tensor:
        own, partners, mix = self.owner(name).tensor(name), self.partners(name), self.method.mix
        if not partners or mix is None:
            return own
        others, shares = [self.sources[place].tensor(name) for place in partners], self.shares(name, partners)
        if others[0].shape == own.shape:
            return mix(own, others, shares)
        out = own.clone()      # an inpainting model has more input channels: only the common ones are mixed
        out[:, :SD_LATENT.channels] = mix(own[:, :SD_LATENT.channels], others, shares)
        return out

    def shares(self, name: str, partners: Sequence[int]) -> tuple[float, ...]:
        asked = self.recipe.request
        if self.method.open:
            return tuple(asked.more[place - 1] for place in partners)
        return (asked.block_weights[block_index(name)] if asked.block_weights else asked.multiplier,)

    def baked(self, name: str) -> tuple[Renamed, str] | None:
        """Return the baked-in VAE, and a checkpoint tensor's name in it; None if the tensor stays."""
        vae = self.vae
        if vae is None or not name.startswith(VAE_PREFIX):
            return None
        return next(((vae, known) for known in (name.removeprefix(VAE_PREFIX), name) if known in vae.entries), None)

    def check_fits(self, name: str, own: TensorEntry, others: Sequence[TensorEntry]) -> None:
        shapes = {other.shape for other in others}
        if shapes <= {own.shape} or (name in FIRSTS and shapes == {narrowed(own.shape)}):
            return
        place = next(
            place for place, other in zip(self.partners(name), others, strict=True) if other.shape != own.shape
        )
        hint = "Put the inpainting or editing model first." if name in FIRSTS else "All must be of one family."
        raise mismatch(
            self.recipe.sources[0].name,
            self.recipe.sources[place].name,
            name,
            (own, self.sources[place].entries[name]),
            hint,
        )

    def check_whole(self) -> None:
        ours = self.recipe.sources[0].name
        if not self.entries:
            raise Invalid(f"Nothing of {ours} is left.", "Write a pattern that finds fewer names.", field="discard")
        if self.recipe.vae and not any(map(self.baked, self.entries)):
            hint = "Choose one in Stable Diffusion's original layout, and a checkpoint that has a VAE."
            raise ModelMismatch(f"{self.recipe.vae.name} replaces nothing in {ours}.", hint)

    def check_baked(self, name: str, vae: Renamed, known: str) -> None:
        own, other = self.owner(name).entries[name], vae.entries[known]
        if self.recipe.vae and own.shape != other.shape:
            raise mismatch(
                self.recipe.sources[0].name,
                self.recipe.vae.name,
                name,
                (own, other),
                "Choose a VAE of the same family.",
            )


def mismatch(ours: str, theirs: str, name: str, entries: tuple[TensorEntry, TensorEntry], hint: str) -> ModelMismatch:
    return ModelMismatch(
        f"{ours} and {theirs} do not go together: {name} is {entries[0].shape} and {entries[1].shape}.", hint
    )


def narrowed(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of the UNet's first weight (out, in, kh, kw) without channels beside the latent."""
    return (*shape[:1], SD_LATENT.channels, *shape[2:]) if shape[1] > SD_LATENT.channels else shape


def mixes(name: str) -> bool:
    """Return whether it is a weight that is mixed; A1111 leaves tensors of no model, and CLIP's positions."""
    return "model" in name and name not in NEVER_MIXED


def block_index(name: str) -> int:
    """Return the weight's index in BLOCKS; BASE is everything outside the UNet's numbered blocks."""
    if match := NUMBERED.match(name):
        place = {"input": 1, "middle": 13, "output": 14}[match[1]]
        return place if match[1] == "middle" else place + int(match[2])
    return 0
