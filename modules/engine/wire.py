"""Messages between the server and a worker's process, as lines of JSON.

JSON, not pickle: a worker that a model file has taken over still cannot make the server run anything.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from modules.engine import messages

KIND = "is"      # the key of a message's class name


@dataclass(frozen=True)
class Submit:
    """Begin a job.

    models_kept: the number of checkpoints that stay loaded, by the server's present settings
    refresh: kinds of model files whose folders must be read again first
    settings: the server's that differ from their defaults, extensions' too
    """

    spec: messages.JobSpec
    models_kept: int = 1
    refresh: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Interrupt:
    job: str


@dataclass(frozen=True)
class Skip:
    job: str


@dataclass(frozen=True)
class KeepLoaded:
    """Have a checkpoint in memory before a job needs it. checkpoint: its SHA-256; "" frees the memory of all"""

    checkpoint: str


@dataclass(frozen=True)
class StopWork:
    """End, after the step in hand."""


@dataclass(frozen=True)
class InHand:
    """The jobs that a part of the worker works on now; the part "device" repeats it as a sign of life."""

    part: str
    jobs: tuple[str, ...]


@dataclass(frozen=True)
class FaultDone:
    """A test's fault has hit this job; it hits no other."""

    job: str


@dataclass(frozen=True)
class FilesMade:
    """The new files in the outputs that go with the output whose `Made` is next; told where files are sent."""

    job: str
    index: int
    paths: tuple[str, ...] = ()


Message = Any      # one of WIRE_MESSAGES

WIRE_MESSAGES = {
    cls.__name__: cls
    for cls in (
        Submit, Interrupt, Skip, KeepLoaded, StopWork, InHand, FaultDone, FilesMade, messages.JobSpec, messages.Started,
        messages.Progress, messages.Preview, messages.Made, messages.Warned, messages.Advanced, messages.Ended,
        messages.WorkerState, messages.WorkerReady, messages.WorkerMemory, messages.ExtensionOut,
    )
}


def to_line(message: Message) -> bytes:
    return json.dumps(plain(message)).encode() + b"\n"


def from_line(line: bytes) -> Message:
    """Read a message. Raises ValueError if the line is none."""
    try:
        return restored(json.loads(line))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a message: {line[:100]!r}") from error


def plain(value: Any) -> Any:
    """Return a message as a mapping with its class name under KIND, bytes as base64."""
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
    """Return a field's value from JSON. declared: the field's type, as text"""
    if declared == "bytes":
        return base64.b64decode(value)
    if declared.startswith("tuple"):
        return tuple(value)
    return restored(value) if declared.endswith("JobSpec") else value
