"""The request for maps by a preprocessor that is a network; those without one are made at once, without a job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Le, MaxLen
from pydantic import ConfigDict

from modules.base.limits import MAX_SENT, Name
from modules.params.preprocessors import NO_PREPROCESSOR, Preprocessor, find_preprocessor


@dataclass(frozen=True, kw_only=True)
class MapRequest:
    """The pictures, names of `imaging.inputs`, and the preprocessor with its values as in a ControlNet unit.

    masks: one for each picture, for a preprocessor that fills what they mark
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    images: Annotated[tuple[Name, ...], MaxLen(MAX_SENT)] = ()
    masks: Annotated[tuple[Name, ...], MaxLen(MAX_SENT)] = ()
    module: Name = NO_PREPROCESSOR
    processor_res: Annotated[float, Ge(-1), Le(4096)] = -1.0
    threshold_a: Annotated[float, Ge(-1), Le(65_536)] = -1.0
    threshold_b: Annotated[float, Ge(-1), Le(65_536)] = -1.0

    @property
    def preprocessor(self) -> Preprocessor:
        return find_preprocessor(self.module)

    @property
    def sliders(self) -> tuple[float, float, float]:
        """Resolution and both thresholds as they count."""
        return self.preprocessor.effective(self.processor_res, self.threshold_a, self.threshold_b)
