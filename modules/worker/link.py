"""Links to a worker's process: what starts it, carries lines to it and from it (engine/wire.py), and kills it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from modules.worker.outbox import Outbox

PROGRAM = Path(__file__).resolve().parents[2]


class WorkerLink(Protocol):
    """A running worker process as its supervisor (worker/process.py) sees it.

    said: its messages, a line each, until it has ended; in_hand: part of the worker → the jobs it works on
    listed: the lists of model files that it has been told of; heard: when its device last gave a sign of life
    heard_extensions: the same of the thread of extensions; hung: the part whose silence it is being killed for
    """

    outbox: Outbox
    in_hand: dict[str, tuple[str, ...]]
    listed: Mapping[str, object]
    heard: float
    heard_extensions: float
    ready: bool
    loading: bool
    hung: str

    @property
    def said(self) -> Iterable[bytes]: ...

    def kill(self) -> None: ...

    def end(self) -> tuple[str, bool]:
        """Wait for its end; return how it ended, in words, and whether that may be the fault of a job in hand."""
        ...


def one_kept() -> int:
    return 1


def no_kinds() -> Mapping[str, object]:
    return {}


@dataclass(frozen=True)
class Launch:
    """The start of a worker's process.

    setup: returns its first line of input, JSON; first: added to that line for the first process alone
    hang_seconds: the device's thread may be silent for so long with a job in hand; then the process is killed
    listed: returns a value for each kind of model files, which is another object once its list has changed
    settings: returns the server's settings that differ from their defaults, extensions' too
    """

    command: Sequence[str]
    setup: Callable[[Mapping[str, Any]], bytes]
    hang_seconds: float = 600.0
    models_kept: Callable[[], int] = one_kept
    listed: Callable[[], Mapping[str, object]] = no_kinds
    first: Mapping[str, Any] = field(default_factory=dict)
    settings: Callable[[], Mapping[str, Any]] = dict


class WorkerProgram:
    """The process of a worker on this machine, and its pipes.

    It has a process group of its own, so that Ctrl+C reaches only the server.
    """

    def __init__(self, command: Sequence[str]) -> None:
        """Raises OSError."""
        self.process = subprocess.Popen(
            [*command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=os.name != "nt", cwd=PROGRAM,
        )
        if self.process.stdin is None or self.process.stdout is None:
            raise OSError("a process without pipes")
        self.commands, self.said = self.process.stdin, self.process.stdout

    def tell(self, line: bytes) -> None:
        """Write a command. Raises OSError or ValueError once it is dead."""
        self.commands.write(line)
        self.commands.flush()

    def kill(self) -> None:
        """Kill it, and all processes that it may have started."""
        with contextlib.suppress(OSError):
            if os.name == "nt":
                self.process.kill()
            else:
                os.killpg(self.process.pid, signal.SIGKILL)

    def end(self) -> int:
        """Wait for its end; return the exit code."""
        code = self.process.wait()
        for pipe in (self.commands, self.said):
            with contextlib.suppress(OSError):
                pipe.close()
        return code


class ChildProcess:
    """The `WorkerLink` to a process of this machine."""

    def __init__(self, launch: Launch, told: Mapping[str, Any], clock: Callable[[], float]) -> None:
        """Raises OSError."""
        self.program = WorkerProgram(launch.command)
        self.outbox = Outbox(self.program.tell)
        self.in_hand: dict[str, tuple[str, ...]] = {}
        self.listed = launch.listed()
        self.heard = clock()
        self.heard_extensions = self.heard
        self.ready, self.loading, self.hung = False, False, ""
        with contextlib.suppress(OSError):       # it is dead already, which the supervisor notices when it reads
            self.program.tell(launch.setup(told))
        self.outbox.start()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        return self.program.process

    @property
    def said(self) -> Iterable[bytes]:
        return self.program.said

    def kill(self) -> None:
        self.program.kill()

    def end(self) -> tuple[str, bool]:
        code = self.program.end()
        self.outbox.close()
        return exit_reason(code), True


def exit_reason(code: int) -> str:
    """Return in words how a process ended."""
    if code >= 0:
        return f"it ended with exit code {code}"
    with contextlib.suppress(ValueError):
        name = signal.Signals(-code).name
        return f"{name}, as when the system runs out of memory" if name == "SIGKILL" else name
    return f"signal {-code}"
