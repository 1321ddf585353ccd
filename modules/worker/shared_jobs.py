"""One job made by several workers: each draws a part of its pictures, and one of them makes its grids at the end.

A part is as many neighbours in the order of drawing, so that the cells of a plot that need one model stay together.
Every worker plans the whole job, so that each picture is what it would be if one worker made them all.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from modules.app.jobs import MOST_DEATHS
from modules.engine import messages as events
from modules.engine.messages import Ended, JobSpec
from modules.params.scripts import SCRIPTS
from modules.settings.account_options import SAFETY_OFF
from modules.settings.safety_checking import safety_setting
from modules.store.jobs import DONE, FAILED, IMAGE, INTERRUPTED

XYZ_PLOT = "X/Y/Z plot"
# scripts that draw a picture in several passes; all others make requests of a request
OF_PASSES = frozenset(script.name for script in SCRIPTS if script.kinds == ("img2img",))
NO_PICTURES = (0, 0)      # the part of who makes the grids alone
T = TypeVar("T")


def share_of(order: Sequence[T], share: tuple[int, ...]) -> Sequence[T]:
    """Return a part of pictures in their order of drawing. share: as in `JobSpec`"""
    if not share:
        return order
    number, parts = share
    return order[number * len(order) // parts : (number + 1) * len(order) // parts] if parts else ()


def is_first_part(share: tuple[int, ...]) -> bool:
    """Return whether a part, as in `JobSpec`, is the first one or all."""
    return not share or (share[0] == 0 and share[1] > 0)


def can_be_shared(spec: JobSpec) -> bool:
    """Return whether the pictures of a job are independent of each other, and nobody judges them together."""
    params: Mapping[str, Any] = spec.params
    checked = spec.settings.get(safety_setting(spec.role), SAFETY_OFF) != SAFETY_OFF
    drawn = spec.kind in ("txt2img", "img2img")
    return drawn and not spec.alone and not checked and params.get("script_name") not in OF_PASSES


def wants_grids(spec: JobSpec) -> bool:
    """Return whether there may be grids to make once all pictures are there; a batch of files has none."""
    wanted = spec.params.get("script_name") or spec.settings.get("return_grid") or spec.settings.get("grid_save")
    return bool(wanted and not spec.params.get("batch"))


@dataclass
class SharedJob:
    """A job in parts, and what was heard of it.

    holders: who makes which part; waiting: parts that nobody makes yet; outputs: index → file
    helped: all who have had a part; drawing: whose picture moved last, which is the one that is shown
    making: picture → how far it is; useful: holders who have made something of their part
    failure: of a part of which nothing could be made; closed: nothing but its last pictures is told any more
    """

    spec: JobSpec
    parts: int
    holders: dict[Any, tuple[int, ...]] = field(default_factory=dict)
    waiting: deque[tuple[int, ...]] = field(default_factory=deque)
    helped: set[Any] = field(default_factory=set)
    drawing: Any = None
    outputs: dict[int, str] = field(default_factory=dict)
    done: set[int] = field(default_factory=set)
    making: dict[int, float] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    pictures: int = 0
    blamed: int = 0
    useful: set[Any] = field(default_factory=set)
    end: Ended | None = None
    failure: Ended | None = None
    interrupted: bool = False
    finishing: bool = False
    closed: bool = False

    def __post_init__(self) -> None:
        self.waiting.extend((number, self.parts) for number in range(self.parts))
        self.outputs.update(zip(self.spec.done, self.spec.paths, strict=False))

    def spec_of(self, part: tuple[int, ...]) -> JobSpec:
        """Return the job as it is told to who makes a part of it.

        The files are for grids: whoever has the first part may have to make the job as a whole (worker/runner.py).
        """
        done = tuple(sorted(self.outputs))
        paths = tuple(self.outputs[index] for index in done) if is_first_part(part) or part == NO_PICTURES else ()
        return replace(self.spec, share=part, done=done, paths=paths, alone=self.blamed > 0)

    def give_out(self, holder: Any) -> JobSpec:
        """Let somebody make the next part; return what they are told."""
        self.useful.discard(holder)
        self.helped.add(holder)
        self.holders[holder] = self.waiting.popleft()
        return self.spec_of(self.holders[holder])

    def lose(self, holder: Any, blamed: bool) -> bool:
        """Take a part back from one who died over it or has gone; return whether the whole job is given up."""
        part = self.holders.pop(holder, None)
        self.blamed += blamed
        if self.blamed >= MOST_DEATHS and not self.closed:
            self.waiting.clear()
            self.closed = True
            return True
        if self.interrupted:
            self.stop(Ended(self.spec.id, INTERRUPTED))
        if part and not (self.end or self.closed):
            self.waiting.appendleft(part)
        return False

    def interrupt(self) -> None:
        """Give out no further part; how the job ends is told by those who have one."""
        self.interrupted = True
        if self.waiting:
            self.stop(Ended(self.spec.id, INTERRUPTED))

    def begin_grids(self) -> None:
        """Let somebody make the grids, once, if there are pictures that may have some."""
        if not (self.finishing or self.closed) and self.outputs and wants_grids(self.spec):
            self.finishing = True
            self.waiting.append(NO_PICTURES)

    def stop(self, end: Ended) -> None:
        """Give out no further part, since the job ends like that."""
        self.waiting.clear()
        self.end = self.end or end

    def hear(self, holder: Any, event: events.Event) -> events.Event | None:
        """Return what is told of an event of one part; None if nothing is."""
        if isinstance(event, events.Made):
            self.useful.add(holder)
            self.outputs[event.index] = event.path
            self.making.pop(event.index, None)
            self.done.update([event.index] if event.kind == IMAGE else ())
            return event
        if self.closed:
            return None
        if isinstance(event, events.Started):
            begun, self.pictures = bool(self.pictures), event.pictures or self.pictures
            return None if begun else event
        if isinstance(event, events.Warned):
            known = event.message in self.told
            self.told.add(event.message)
            return None if known else event
        if isinstance(event, events.Progress | events.Preview):
            self.drawing = holder
        return self.progress(event) if isinstance(event, events.Progress) else event

    def progress(self, event: events.Progress) -> events.Event:
        """Return a picture's progress as that of the whole job."""
        self.making[event.index] = event.step / max(1, event.steps)
        if not self.pictures:
            return event
        earlier = sum(index < self.pictures for index in self.spec.done)
        return replace(event, fraction=min(1.0, (earlier + len(self.done) + sum(self.making.values())) / self.pictures))

    def part_ended(self, holder: Any, event: Ended) -> bool:
        """Take the end of a part; return whether the other parts must be interrupted.

        Cells of a plot fail alone: their worker tells of each that another one could be made beside it.
        """
        self.holders.pop(holder, None)
        if event.state == DONE or self.finishing:
            return False
        if event.state == FAILED and self.spec.params.get("script_name") == XYZ_PLOT and holder not in self.useful:
            self.failure = event
            return False
        self.stop(event)
        return event.state == FAILED

    @property
    def outcome(self) -> Ended:
        return self.end or (self.failure if not self.outputs else None) or Ended(self.spec.id, DONE)
