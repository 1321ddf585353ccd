"""The extensions that take part in a picture, and the calls of their listeners: all go through `Host.call`."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from easel.extension import MomentListener
from easel.moments import MOMENTS, Moment, V
from modules.plugins.host import CallFailed, Host
from modules.plugins.native import TOOK_PART, NativeExtension

TellOwner = Callable[[str], None]        # tells the job's owner
T = TypeVar("T")
LONG_SECONDS = 2.0          # of a listener, that its picture's owner is told of


@dataclass(frozen=True)
class Participant:
    """An extension that takes part, with its arguments."""

    native: NativeExtension
    arguments: Any

    def answer(self, listener: MomentListener, value: Any) -> Any:
        """Return what a listener returns: a flow, or a value of the moment's class. Raises TypeError for another."""
        given = (value, self.arguments) if listener.takes_arguments else (value,)
        return checked_answer(listener, listener.function(*given))


def checked_answer(listener: MomentListener, answer: Any) -> Any:
    """Return a listener's answer; None for one that only looks. Raises TypeError if it is of another class."""
    wanted = listener.moment.value
    if listener.moment.looks:
        return None
    if isinstance(answer, wanted) or listener.moment.flows and isinstance(answer, Generator):
        return answer
    name = listener.function.__name__
    raise TypeError(f"{listener.where}: {name} returned {type(answer).__name__}; it must return a {wanted.__name__}.")


@dataclass(frozen=True)
class Participants:
    """All extensions that take part in a picture, in their order."""

    host: Host
    all: tuple[Participant, ...]

    @cached_property
    def heard(self) -> dict[str, list[tuple[Participant, MomentListener]]]:
        """Moment's name → its listeners, in order."""
        return {
            moment.name: [(each, listener) for each in self.all for listener in each.native.listeners(moment)]
            for moment in MOMENTS
        }

    def hear(self, moment: Moment[Any]) -> bool:
        return bool(self.heard[moment.name])

    def call(self, moment: Moment[V], value: V, note: TellOwner) -> V:
        """Return the value as the moment's listeners leave it, one after another.

        One that fails, or only looks, changes nothing.
        """
        for participant, listener in self.heard[moment.name]:
            try:
                answer = self.timed(participant.native.folder, moment, note, participant.answer, listener, value)
                value = value if moment.looks else answer
            except CallFailed as error:
                note(str(error) if moment.looks else without_it(error))
        return value

    def timed(self, folder: str, moment: Moment[Any], note: TellOwner, function: Callable[..., T], *how: Any) -> T:
        """Call an extension's function; what the device had to wait for long is told. Raises CallFailed."""
        began = time.monotonic()
        try:
            answer: T = self.host.call(folder, moment.name, function, *how)
            return answer
        finally:
            if time.monotonic() - began > LONG_SECONDS:
                note(f"The extension {folder} took more than {LONG_SECONDS:.0f} s in {moment.name}, "
                     "while the device waited for it.")

    def pairs(self) -> dict[str, object]:
        """Return the generation data: the arguments, then the extensions with their versions."""
        found: dict[str, object] = {}
        for each in self.all:
            found |= each.native.pairs(each.arguments)
        versions = (f"{each.native.name} {each.native.declaration.version}" for each in self.all)
        return found | {TOOK_PART: ", ".join(versions)}


def without_it(error: CallFailed) -> str:
    """Return what a job's owner is told of a listener that failed."""
    return f"{error}; the picture was made without it."


# Flows ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FlowMove:
    """How far a flow has come: its next question, or its result."""

    question: Any = None
    result: Any = None
    done: bool = False


def advance_flow(flow: Generator[Any, Any, Any], listener: MomentListener, answer: Any) -> FlowMove:
    """Send a flow its answer, or throw the error that stands in its place. Raises what the flow raises."""
    try:
        if isinstance(answer, Exception):
            return FlowMove(flow.throw(answer))
        fresh = inspect.getgeneratorstate(flow) == inspect.GEN_CREATED
        return FlowMove(next(flow) if fresh else flow.send(answer))
    except StopIteration as end:
        return FlowMove(result=checked_answer(listener, end.value), done=True)
