"""Messages as lines of JSON: how a server and a worker that is another process speak.

JSON, not pickle: whatever a worker read out of a model file, its words can make the server do nothing.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from modules.engine import messages

KIND = "is"      # the key under which a line says what it is


@dataclass(frozen=True)
class Submit:
    """Begin a job.

    models_kept: how many checkpoints stay loaded, by the server's settings of this moment
    refresh: kinds of model files whose folders are to be looked into anew before
    """

    spec: messages.JobSpec
    models_kept: int = 1
    refresh: tuple[str, ...] = ()


@dataclass(frozen=True)
class Interrupt:
    job: str


@dataclass(frozen=True)
class Skip:
    job: str


@dataclass(frozen=True)
class StopWork:
    """End, after the step in hand."""


@dataclass(frozen=True)
class InHand:
    """`part` of the worker works on these jobs now; the device's part repeats it as a sign of life."""

    part: str
    jobs: tuple[str, ...]


@dataclass(frozen=True)
class FaultDone:
    """The fault of a test has hit that job, and hits no other."""

    job: str


Message = Any      # one of WIRE_MESSAGES

WIRE_MESSAGES = {
    cls.__name__: cls
    for cls in (
        Submit, Interrupt, Skip, StopWork, InHand, FaultDone, messages.JobSpec, messages.Started, messages.Progress,
        messages.Preview, messages.Made, messages.Warned, messages.Ended, messages.WorkerState, messages.WorkerReady,
        messages.WorkerMemory,
    )
}


def to_line(message: Message) -> bytes:
    return json.dumps(plain(message)).encode() + b"\n"


def from_line(line: bytes) -> Message:
    """Raises ValueError for what is no such line."""
    try:
        return restored(json.loads(line))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a message: {line[:100]!r}") from error


def plain(value: Any) -> Any:
    """Without our classes: messages as objects that say what they are, bytes in base64."""
    if is_dataclass(value):
        told = {field.name: plain(getattr(value, field.name)) for field in fields(value)}
        return {KIND: type(value).__name__, **told}
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return dict(value) if isinstance(value, Mapping) else value


def restored(told: Mapping[str, Any]) -> Message:
    cls = WIRE_MESSAGES[told[KIND]]
    return cls(**{field.name: field_value(str(field.type), told[field.name]) for field in fields(cls)})


def field_value(declared: str, value: Any) -> Any:
    """declared: the field's type, as it is written"""
    if declared == "bytes":
        return base64.b64decode(value)
    if declared.startswith("tuple"):
        return tuple(value)
    return restored(value) if declared.endswith("JobSpec") else value
