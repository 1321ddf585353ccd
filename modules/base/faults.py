"""The fault that a test wants at a certain point of a job: `EASEL_FAULT=oom@step:3`, with --test-hooks alone.

    oom@load    nan@vae    segv@step:2    hang@step:2,always    exc@save

It hits the first job that comes to that point, each time that one does, and no other; with `,always` every job.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from modules.base.errors import Invalid

FAULT_VARIABLE = "EASEL_FAULT"
FAULT_KINDS = ("oom", "nan", "segv", "kill", "exit", "hang", "exc")
FAULT_POINTS = ("load", "text", "step", "hires", "upscale", "vae", "save")
WRITTEN = re.compile(rf"({'|'.join(FAULT_KINDS)})@({'|'.join(FAULT_POINTS)})(?::(\d{{1,5}}))?(,always)?", re.ASCII)


@dataclass(frozen=True)
class Fault:
    """What happens, and where; `step` counts from 0, and means something at the point "step" alone."""

    kind: str
    point: str
    step: int = 0
    always: bool = False


def read_fault(environ: Mapping[str, str]) -> Fault | None:
    """The fault that the environment names. Raises Invalid for one that is not known."""
    text = environ.get(FAULT_VARIABLE, "").strip()
    if not text:
        return None
    found = WRITTEN.fullmatch(text)
    if not found:
        raise Invalid(
            f"{FAULT_VARIABLE} says {text!r:.100}, which is no fault.",
            f"One of {', '.join(FAULT_KINDS)}, then @ and one of {', '.join(FAULT_POINTS)}, like oom@step:3.",
        )
    return Fault(found[1], found[2], int(found[3] or 0), bool(found[4]))
