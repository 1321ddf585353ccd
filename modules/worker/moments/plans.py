"""A request as `easel.moments.Plan`, and the request that a changed plan stands for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from easel.moments import CHANGEABLE, Plan
from modules.base.errors import Invalid
from modules.base.fields import checker
from modules.params.img2img import Img2Img
from modules.params.txt2img import Generation
from modules.pipelines.plan import ImagePlan
from modules.requests.resolve import resolve_request


def plan_value(plan: ImagePlan[Any, Any], index: int) -> Plan:
    return plan_of_request(plan.params, index)


def plan_of_request(params: Generation, index: int) -> Plan:
    """Return what extensions see of a request for one picture."""
    values = {name: getattr(params, name) for name in CHANGEABLE}
    kind: Any = "img2img" if isinstance(params, Img2Img) else "txt2img"
    return Plan(kind=kind, index=index, seed=params.seed, **values)


def request_of_plan(params: Generation, plan: Plan) -> Generation:
    """Return the request with what a plan changed, checked as one from outside. Raises Invalid or UnknownName."""
    changed = {name: getattr(plan, name) for name in CHANGEABLE if getattr(plan, name) != getattr(params, name)}
    if not changed:
        return params
    own = replace(params, **changed)
    try:
        checker(type(params)).validate_python(vars(own))
    except ValidationError as error:
        first = error.errors()[0]
        raise Invalid(
            f"An extension planned {first['loc'][0]} as {first['input']!r:.80}.", f"{first['msg']}.", "extensions"
        ) from error
    return resolve_request(own)
