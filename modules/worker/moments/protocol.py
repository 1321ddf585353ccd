"""What planners of jobs know of extensions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

from modules.params.txt2img import Generation
from modules.pipelines.plan import ImagePlan
from modules.pipelines.scripts.script_cells import Cells
from modules.settings.options import Settings

PlanRequest: TypeAlias = "Callable[[Any], Sequence[ImagePlan[Any, Any]]]"


class Moments(Protocol):
    """What extensions make of a job's requests: `MomentPlanner`."""

    def plans(self, params: Generation, settings: Settings, plan_request: PlanRequest) -> list[ImagePlan[Any, Any]]:
        """Return the plans of a request's pictures. plan_request: plans a request without extensions"""

    def cells(self, params: Generation, settings: Settings) -> Cells | None:
        """Return the requests that an extension's script makes of one; None if its script is none of theirs."""


def heard_plans(
    moments: Moments | None, params: Generation, settings: Settings, plan_request: PlanRequest
) -> Sequence[ImagePlan[Any, Any]]:
    """Return the plans of a request's pictures, as extensions have them where there are any."""
    return moments.plans(params, settings, plan_request) if moments else plan_request(params)
