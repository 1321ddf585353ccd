"""The lookup of a job kind's planner. No torch until a planner is asked for."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from modules.app.fair_queue import DEVICE
from modules.requests.kinds import JOB_KINDS

# returns a JobPlan (worker/job_kinds.py), or FileWork for a kind without a device (worker/file_jobs.py)
Planner = Callable[..., Any]


def planner_of(kind: str) -> Planner:
    """Return the function that the table of kinds names. Raises UnknownName."""
    module, _, planner = JOB_KINDS[kind].planner.partition(":")
    found: Planner = getattr(import_module(module), planner)
    return found


def lane_of(kind: str) -> str:
    """Return what jobs of a kind are carried out by; an unknown kind's planning refuses it by name, in the device's."""
    row = JOB_KINDS.get(kind)
    return DEVICE if row is None else row.lane
