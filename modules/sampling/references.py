"""References: pictures that a row of a UNet call looks at in its self-attention, as noisy as its own latent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from modules.sampling.cond_extras import ReadElsewhere

if TYPE_CHECKING:
    from torch import Tensor

    from modules.sampling.noise import Stream
    from modules.sampling.schedules import ModelSigmas

REFERENCES = "references"


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """A picture that one row looks at.

    noised: (C, h, w), its latent with the row's noise level, on the network's scale
    picture: (C, h, w), without noise, for models that are shown one
    fidelity: the share of the result in which the negative prompt's row does not look at it
    layers: the share of the UNet's layers that look at it, the widest first
    attention: self-attention reads its tokens; statistics: blocks take on its means and deviations
    """

    noised: Tensor
    picture: Tensor
    fidelity: float = 0.0
    layers: float = 1.0
    attention: bool = True
    statistics: bool = False
    negative: bool = False      # true for the negative prompt's row


@dataclass(frozen=True, slots=True, eq=False)
class References(ReadElsewhere):
    """The references of one row, an extra of its conditioning, read by layers (`models/control/references.py`)."""

    references: tuple[Reference, ...]

    def blank(self) -> References:
        return References(())


class Moment(NamedTuple):
    """A moment of sampling: the number of the model's evaluation, and its noise level."""

    evaluation: int
    sigma: float


@dataclass(eq=False)
class TimedReference:
    """A reference that counts from one share of a pass's steps to another, with the noise that it gets.

    reference: as it is without noise
    levels: the model's, whose nearest timestep says how noisy it is
    """

    reference: Reference
    levels: ModelSigmas
    noise: Stream
    start: float = 0.0
    end: float = 1.0
    _drawn: tuple[int, Tensor] | None = field(default=None, init=False)

    def at(self, moment: Moment, rows: int) -> list[Tensor]:
        """Return the noised picture for each row of an evaluation of the model, on the network's scale."""
        picture = self.reference.picture
        if self._drawn is None or self._drawn[0] != moment.evaluation or len(self._drawn[1]) < rows:
            self._drawn = moment.evaluation, self.noise.randn((rows, *picture.shape))
        level = self.levels.sigma(round(self.levels.timestep(moment.sigma)))
        scale = self.levels.parametrization.input_scale(level)
        return [(picture + noise.to(picture) * level) * scale for noise in self._drawn[1]]

    def of_row(self, noised: Tensor, negative: bool) -> Reference:
        return replace(self.reference, noised=noised, negative=negative)


def references_of(extras: Mapping[str, Any]) -> tuple[Reference, ...]:
    """Return the references among a conditioning's extras."""
    found: References | None = extras.get(REFERENCES)
    return found.references if found else ()
