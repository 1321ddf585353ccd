"""A merge's request with its files, checked before any of them is opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from modules.base.errors import Invalid
from modules.params.merge import CONFIGS, PRECISIONS, Merge, check_merge, used_sources
from modules.params.merge_methods import MERGE_METHODS, MergeMethod


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recipe for a checkpoint.

    request: all but the files; sources: those of its `models`; vae: a file whose VAE replaces that of A
    hashes: SHA-256 of each source if the caller knows them; otherwise the files are hashed
    """

    request: Merge
    sources: tuple[Path, ...]
    vae: Path | None = None
    hashes: tuple[str, ...] = ()

    @property
    def method(self) -> MergeMethod:
        return MERGE_METHODS[self.request.method]

    @property
    def used(self) -> tuple[Path, ...]:
        """The sources that the method uses."""
        return self.sources[: used_sources(self.request)]

    @property
    def config_sources(self) -> tuple[Path, ...]:
        """The sources whose .yaml the result may take over, in this order."""
        return tuple(self.used[place] for place in CONFIGS[self.request.config] if place < len(self.used))

    @property
    def dtype(self) -> torch.dtype | None:
        return dtype_of(self.request.precision)


def dtype_of(precision: str) -> torch.dtype | None:
    """Return the dtype that weights are converted to; None keeps theirs."""
    name = PRECISIONS[precision]
    return getattr(torch, name) if name else None


def check_recipe(recipe: Recipe) -> None:
    """Raise Invalid for an impossible recipe, naming the field."""
    check_merge(recipe.request, len(recipe.sources))
    if recipe.hashes and len(recipe.hashes) != len(recipe.sources):
        raise Invalid("Each checkpoint needs its hash.", "Give one for each, or none.", field="hashes")
