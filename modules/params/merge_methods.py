"""The methods of mixing checkpoints' tensors: names, formulas and arithmetic, on any kind of numbers. No torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from torch import Tensor

# A, the others, their shares → the mix
MixTensors: TypeAlias = "Callable[[Tensor, Sequence[Tensor], Sequence[float]], Tensor]"


@dataclass(frozen=True, slots=True)
class MergeMethod:
    """A method of mixing tensors.

    formula: for people; sources: the number of checkpoints, or the least number if it is open
    mix: None keeps A's; shares: the field of a request with the shares
    """

    name: str
    formula: str
    sources: int
    mix: MixTensors | None
    shares: str = "multiplier"

    @property
    def open(self) -> bool:
        """True if it takes any number of checkpoints."""
        return self.shares == "more"


def weighted_sum(a: Tensor, others: Sequence[Tensor], shares: Sequence[float]) -> Tensor:
    """A · (1 − M) + B · M."""
    return (1 - shares[0]) * a + shares[0] * others[0]


def add_difference(a: Tensor, others: Sequence[Tensor], shares: Sequence[float]) -> Tensor:
    """A + (B − C) · M."""
    return a + shares[0] * (others[0] - others[1])


def sum_of_more(a: Tensor, others: Sequence[Tensor], shares: Sequence[float]) -> Tensor:
    """Each by its share; A gets the rest."""
    mixture = (1 - sum(shares)) * a
    for other, share in zip(others, shares, strict=True):
        mixture = mixture + share * other
    return mixture


MERGE_METHODS: Mapping[str, MergeMethod] = {
    method.name: method
    for method in (
        MergeMethod("Weighted sum", "A · (1 − M) + B · M", 2, weighted_sum),
        MergeMethod("Add difference", "A + (B − C) · M", 3, add_difference),
        MergeMethod("Sum of more", "A · (what is left) + each other · its share", 2, sum_of_more, shares="more"),
        MergeMethod(
            "No interpolation", "A alone: to bake in a VAE, change the precision or discard weights", 1, None, shares=""
        ),
    )
}
