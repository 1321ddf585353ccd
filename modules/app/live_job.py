"""An unfinished job beyond its record: its progress and watchers, and changes that a full disk kept from the record."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from modules.app.fair_queue import DEVICE
from modules.engine import messages as events
from modules.store.jobs import JobRecord, OutputRecord, made_count


@dataclass
class Live:
    """The state of an unfinished job beyond its record."""

    owner: str
    pictures: int
    lane: str = DEVICE                               # what it is carried out by
    before: float = 0.0                              # the fraction that an earlier run made
    step: int = 0
    steps: int = 0
    fraction: float = 0.0
    preview: bytes = b""
    previews: int = 0                                # number of previews, so that a watcher sees a new one
    waiting: list[Callable[[], None]] = field(default_factory=list)     # called when it has ended
    watchers: list[Callable[[], object]] = field(default_factory=list)    # called whenever something has changed
    skipped: bool = False                            # one of its images was skipped
    interrupted: bool = False                        # it was asked to stop
    began: float | None = None                       # time.monotonic() of its first step

    @property
    def eta(self) -> float | None:
        """Seconds left, once there is progress to judge by."""
        if self.began is None or self.fraction <= self.before:
            return None
        return (time.monotonic() - self.began) * (1 - self.fraction) / (self.fraction - self.before)


@dataclass
class Unrecorded:
    """Changes that a full disk kept out of the database; watchers are told all the same.

    The next start makes such images again.
    """

    ended: events.Ended | None = None
    outputs: dict[int, OutputRecord] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def added_to(self, record: JobRecord) -> JobRecord:
        outputs = {output.index: output for output in record.outputs} | self.outputs
        found = replace(
            record, outputs=tuple(outputs[index] for index in sorted(outputs)),
            made=record.made + made_count(self.outputs.values()), warnings=(*record.warnings, *self.warnings),
        )
        return replace(found, state=self.ended.state, error=self.ended.error) if self.ended else found
