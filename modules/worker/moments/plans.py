"""A request as `easel.moments.Plan`, and the request that a changed plan stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import ValidationError

from easel.moments import CHANGEABLE, Plan
from modules.base.errors import Invalid
from modules.base.fields import checker
from modules.params.txt2img import Generation
from modules.pipelines.plan import ImagePlan
from modules.plugins.plan_values import plan_of_request
from modules.requests.resolve import resolve_request

R = TypeVar("R", bound=Generation)


def plan_value(plan: ImagePlan[Any, Any], index: int) -> Plan:
    return plan_of_request(plan.params, index)


def request_of_plan(params: Generation, plan: Plan) -> Generation:
    """Return the request with what a plan changed, checked as one from outside. Raises Invalid or UnknownName."""
    changed = {name: getattr(plan, name) for name in CHANGEABLE if getattr(plan, name) != getattr(params, name)}
    if not changed:
        return params
    return resolve_request(changed_request(params, changed))


def changed_request(params: R, changes: Mapping[str, Any]) -> R:
    """Return the request with fields that an extension changed, checked as from outside. Raises Invalid."""
    own = replace(params, **changes)
    try:
        checker(type(params)).validate_python(vars(own))
    except ValidationError as error:
        first = error.errors()[0]
        raise Invalid(
            f"An extension planned {first['loc'][0]} as {first['input']!r:.80}.", f"{first['msg']}.", "extensions"
        ) from error
    return own
