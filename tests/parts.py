"""Easel's own parts that live as extensions, for tests without a program around them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from modules.library.library import Library
from modules.plugins.host import Host
from modules.settings.account_limits import AccountLimits
from modules.settings.flags import ROOT, Flags
from modules.worker.moments.moment_planner import MomentPlanner


@cache
def parts_host() -> Host:
    host = Host(Path("no-extensions"), examples=ROOT / "extensions")
    host.load_parts(Flags(), {})
    return host


def with_parts(library: Library) -> MomentPlanner:
    """Return what plans a job with them."""
    return MomentPlanner(parts_host(), library, AccountLimits(), lambda name: None)
