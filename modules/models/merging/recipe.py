"""What a merge is asked to do: sources, method, shares; checked before any file is opened."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from modules.base.errors import Invalid

Mix = Callable[[Tensor, Sequence[Tensor], Sequence[float]], Tensor]      # A, the others, their shares → the mixture


@dataclass(frozen=True, slots=True)
class Method:
    """How tensors are mixed. sources: how many it takes, or takes at least if it is open; mix: None keeps A's."""

    sources: int
    mix: Mix | None
    open: bool = False


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a checkpoint is made of others.

    method: one of METHODS; multiplier: A1111's M
    more: for "Sum of more", the share of each source after the first; the first has what is left
    block_weights: multipliers of the BLOCKS in place of M, or none
    precision: one of PRECISIONS; vae: a file whose VAE replaces that of A; discard: a pattern of names to leave out
    config: one of CONFIGS, whose .yaml the result takes over
    hashes: SHA-256 of each source where the caller knows them; otherwise the files are read for them
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
    config: str = "A, B or C"
    hashes: tuple[str, ...] = ()

    @property
    def used(self) -> tuple[Path, ...]:
        """The sources that the method looks at."""
        method = METHODS[self.method]
        return self.sources if method.open else self.sources[: method.sources]

    @property
    def dtype(self) -> torch.dtype | None:
        return PRECISIONS[self.precision]


def check(recipe: Recipe) -> None:
    """Raises Invalid for a recipe that makes no sense, naming the field."""
    choices = ("method", recipe.method, METHODS), ("precision", recipe.precision, PRECISIONS), ("config", recipe.config, CONFIGS)
    for name, given, known in choices:
        if given not in known:
            raise Invalid(f"There is no {name} called {given!r:.80}.", f"There are: {', '.join(known)}.", field=name)
    check_shares(recipe, METHODS[recipe.method])
    check_pattern(recipe.discard)
    if recipe.hashes and len(recipe.hashes) != len(recipe.sources):
        raise Invalid("Each checkpoint needs its hash.", "Give one for each, or none.", field="hashes")


def check_shares(recipe: Recipe, method: Method) -> None:
    if len(recipe.sources) < method.sources:
        raise Invalid(f"{recipe.method} needs {method.sources} checkpoints, not {len(recipe.sources)}.", "Choose the others too.", field="sources")
    if method.open and len(recipe.more) != len(recipe.sources) - 1:
        raise Invalid("Each checkpoint after the first needs a share.", "Give one number for each.", field="more")
    if method.open and recipe.block_weights:
        raise Invalid(f"{recipe.method} takes no block weights.", "Leave them out, or take another method.", field="block_weights")
    if not all(map(math.isfinite, (recipe.multiplier, *recipe.more, *recipe.block_weights))):
        raise Invalid("A share is no finite number.", "Write numbers like 0.3.", field="more" if method.open else "multiplier")
    if recipe.block_weights and len(recipe.block_weights) != len(BLOCKS):
        raise Invalid(f"There are {len(recipe.block_weights)} block weights.", f"Give {len(BLOCKS)}: {', '.join(BLOCKS)}.", field="block_weights")


def check_pattern(pattern: str) -> None:
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise Invalid(f"The pattern of names to discard is wrong: {error}.", "Leave it empty to discard nothing.", field="discard") from error


def weighted_sum(a: Tensor, others: Sequence[Tensor], shares: Sequence[float]) -> Tensor:
    """A · (1 − M) + B · M."""
    return (1 - shares[0]) * a + shares[0] * others[0]


def add_difference(a: Tensor, others: Sequence[Tensor], shares: Sequence[float]) -> Tensor:
    """A + (B − C) · M."""
    return a + shares[0] * (others[0] - others[1])


def sum_of_more(a: Tensor, others: Sequence[Tensor], shares: Sequence[float]) -> Tensor:
    """Each by its share, A by what the others leave."""
    mixture = (1 - sum(shares)) * a
    for other, share in zip(others, shares, strict=True):
        mixture = mixture + share * other
    return mixture


METHODS = {
    "Weighted sum": Method(2, weighted_sum),
    "Add difference": Method(3, add_difference),
    "No interpolation": Method(1, None),
    "Sum of more": Method(2, sum_of_more, open=True),
}
PRECISIONS = {"keep": None, "fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}
CONFIGS = {"A, B or C": (0, 1, 2), "B": (1,), "C": (2,), "Don't": ()}      # whose .yaml, the first there is; in A1111's order, which it writes
BLOCKS = ("BASE", *(f"IN{i:02}" for i in range(12)), "M00", *(f"OUT{i:02}" for i in range(12)))
