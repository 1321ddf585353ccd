"""Control of sampling by a map: what a ControlNet is given in a row of a UNet call, and when it counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modules.sampling.cond_extras import CondExtras, ReadElsewhere
from modules.sampling.control_changes import EstimateChange
from modules.sampling.references import REFERENCES, Moment, References, TimedReference

if TYPE_CHECKING:
    from torch import Tensor

CONTROL = "control"


@dataclass(frozen=True, slots=True, eq=False)
class Control:
    """One ControlNet's part in one row of a UNet call.

    hint: (3, H, W) in [0, 1], −1 where an inpainting model paints; as large as the picture. Of an IP-Adapter its tokens
    strengths: the factor of each output, the middle block's last; of an IP-Adapter of each group of layers
    region: (H, W) in [0, 1], where it counts; None: everywhere
    averaged: each output is its mean over the picture
    task: the number of the hint's type, for a model of several
    levels: the factor of each level of a T2I-Adapter's features, the finest first
    """

    sha256: str
    hint: Tensor
    strengths: tuple[float, ...]
    region: Tensor | None = None
    averaged: bool = False
    task: int = 0
    levels: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Controls(ReadElsewhere):
    """The controls of one row, an extra of its conditioning: ControlNets are asked beside the UNet's call.

    See `models/control`.
    """

    controls: tuple[Control, ...]

    def blank(self) -> Controls:
        return Controls(())


@dataclass(frozen=True, slots=True, eq=False)
class TimedControl:
    """A control that counts from one share of the steps to another, both included.

    only_prompted: the negative prompt's row does not see it
    unprompted: what that row sees, where it is something else: an IP-Adapter's tokens of nothing
    """

    control: Control
    start: float = 0.0
    end: float = 1.0
    only_prompted: bool = False
    unprompted: Control | None = None

    def of_row(self, negative: bool) -> Control:
        return self.unprompted if negative and self.unprompted else self.control


@dataclass(frozen=True, slots=True, eq=False)
class ControlTimeline:
    """The controls of a pass.

    steps: of the pass, which the shares are of
    filled: (C, h, w), the latent of a picture whose hole a unit has filled, which the pass begins with
    """

    controls: tuple[TimedControl, ...]
    steps: int
    changes: tuple[EstimateChange, ...] = ()
    references: tuple[TimedReference, ...] = ()
    filled: Tensor | None = None

    def changed(self, estimates: Sequence[Tensor], positive: int) -> list[Tensor]:
        """Return the rows' estimates, of which so many are of positive prompts, as the units change them."""
        found = list(estimates)
        for each in self.changes:
            found = [each.change(estimate, place >= positive) for place, estimate in enumerate(found)]
        return found

    def rows(self, step: int, moment: Moment, positive: int, rows: int) -> list[CondExtras]:
        """Return the extras of an evaluation's rows, of which so many are of positive prompts."""
        share = step / self.steps
        looked = [each for each in self.references if each.start <= share <= each.end]
        noised = [each.at(moment, rows) for each in looked]
        found: list[CondExtras] = []
        for place in range(rows):
            negative = place >= positive
            own = tuple(each.of_row(noise[place], negative) for each, noise in zip(looked, noised, strict=True))
            found.append({**self.at(step, negative), **({REFERENCES: References(own)} if own else {})})
        return found

    def at(self, step: int, negative: bool) -> CondExtras:
        """Return the extras of a row at a step, as A1111 counts it: that of the evaluation before."""
        share = step / self.steps
        found = tuple(
            each.of_row(negative)
            for each in self.controls
            if each.start <= share <= each.end and not (negative and each.only_prompted)
        )
        return {CONTROL: Controls(found)} if found else {}


def controls_of(extras: Mapping[str, Any]) -> tuple[Control, ...]:
    """Return the controls among a conditioning's extras."""
    found: Controls | None = extras.get(CONTROL)
    return found.controls if found else ()
