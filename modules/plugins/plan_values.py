"""A request as extensions of Easel's own API see it."""

from __future__ import annotations

from typing import Any

from easel.moments import CHANGEABLE, Plan
from modules.params.img2img import Img2Img
from modules.params.txt2img import Generation


def plan_of_request(params: Generation, index: int) -> Plan:
    """Return what extensions see of a request for one picture."""
    values = {name: getattr(params, name) for name in CHANGEABLE}
    kind: Any = "img2img" if isinstance(params, Img2Img) else "txt2img"
    return Plan(kind=kind, index=index, seed=params.seed, **values)
