"""Failures of extensions' code: which count, and how many in a row take an extension out of use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from modules.base.errors import WebUIError

MOST_FAILURES = 3       # in a row; then an extension is switched off until the next start
# moments of loading, at which an extension that ends the program is left out at the next start
MARKED_MOMENTS = frozenset({
    "preload", "load", "before_ui", "ui_settings", "script", "ui", "ui_tabs", "page", "app_started"
})
# moments at which a failure takes nothing away: the other files are used, and what these list is the engine's
NOT_COUNTED = frozenset({"load", "list_optimizers", "list_unets"})


@dataclass
class FailuresInARow:
    """An extension's failures since its last success; all in one job are one."""

    number: int = 0
    job: Any = None             # of the last one; None: it was none's

    def add(self, job: Any) -> bool:
        """Count a failure, and return whether there are now too many. job: in whose hook it was, if in one's"""
        self.number += job is None or job is not self.job
        self.job = job
        return self.number >= MOST_FAILURES


def may_switch_off(error: BaseException, moment: str, shared: bool) -> bool:
    """Return whether a failure may take its extension out of use.

    Not what a request asked for and may not have. Where several people share the server, nothing that a request brings
    about: one of them could have an extension switched off for all by arguments that it cannot take.
    """
    if moment in NOT_COUNTED or isinstance(error, WebUIError) and error.status < 500:
        return False
    return moment in MARKED_MOMENTS or not shared
