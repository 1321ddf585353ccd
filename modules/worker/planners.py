"""Where the worker finds what carries a kind of job out. No torch until a planner is asked for."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from modules.requests.kinds import JOB_KINDS

# of a JobPlan (worker/job_kinds.py), or of FileWork where a kind needs no device (worker/file_jobs.py)
Planner = Callable[..., Any]


def planner_of(kind: str) -> Planner:
    """The function that the table of kinds names. Raises UnknownName."""
    module, _, planner = JOB_KINDS[kind].planner.partition(":")
    found: Planner = getattr(import_module(module), planner)
    return found


def needs_device(kind: str) -> bool:
    """A kind that nobody knows does: whoever plans it refuses it by name."""
    row = JOB_KINDS.get(kind)
    return row is None or row.device
