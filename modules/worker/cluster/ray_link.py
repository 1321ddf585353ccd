"""The link to a worker's process on another machine (worker/link.py), with the files that it needs and makes."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import Any, Protocol

from modules.base.border import outcome
from modules.base.errors import error_data
from modules.engine.messages import Ended, JobSpec, Made, Progress
from modules.engine.wire import Interrupt, Skip, StopWork, Submit, from_line, to_line
from modules.store.jobs import FAILED, INTERRUPTED
from modules.worker.cluster.file_lists import FileLists, NeededFile
from modules.worker.cluster.frames import unpacked_frame
from modules.worker.cluster.host import exit_code_in, message_in
from modules.worker.cluster.returned_files import ReturnedFiles
from modules.worker.link import Launch, exit_reason
from modules.worker.outbox import Outbox

log = logging.getLogger(__name__)
PART_BYTES = 8 * 2**20      # of a file, in one call
PULSE_SECONDS = 30.0        # between two questions whether a machine is still there
WAS_KILLED, MACHINE_LOST = "killed", "lost"
END_NOTES = {WAS_KILLED: "it was killed", MACHINE_LOST: "its machine is lost: {reason}"}


class HostLost(Exception):
    """A worker's machine does not answer."""


class LinkedHost(Protocol):
    """A `WorkerHost` somewhere else. Methods raise HostLost once it does not answer."""

    def ping(self) -> None: ...
    def tell(self, line: bytes) -> None: ...
    def prepare(self, listed: Iterable[Mapping[str, Any]]) -> list[str]: ...
    def send(self, digest: str, parts: Iterable[bytes]) -> None: ...
    def said(self) -> Iterator[bytes]: ...
    def kill(self) -> None: ...


@dataclass(frozen=True)
class Exchange:
    """What crosses to a machine that does not see the server's folders, and what comes back.

    there: the server's files that were sent to it, or that it had
    """

    lists: FileLists
    returned: ReturnedFiles
    there: set[str] = field(default_factory=set)


class RayLink:
    """The `WorkerLink` to a process elsewhere.

    It ends once, by whichever comes first: the process's own end, a machine that does not answer a question, or `kill`.
    exchange: None for a worker that sees the server's folders
    """

    def __init__(self, host: LinkedHost, launch: Launch, now: float, exchange: Exchange | None) -> None:
        self.host, self.exchange = host, exchange
        self.in_hand: dict[str, tuple[str, ...]] = {}
        self.listed = launch.listed()
        self.heard = now
        self.heard_extensions = self.heard
        self.ready, self.loading, self.hung = False, False, ""
        self._end = END_NOTES[WAS_KILLED], True
        self._ended, self._ending = Event(), Lock()
        self._heard: SimpleQueue[bytes | None] = SimpleQueue()
        self.courier = Courier(self) if exchange else None
        self.outbox = Outbox(self._tell)
        self.outbox.start()
        Thread(target=self._listen, name="cluster", daemon=True).start()
        Thread(target=self._feel_pulse, name="pulse", daemon=True).start()

    @property
    def said(self) -> Iterable[bytes]:
        return iter(self._heard.get, None)

    def kill(self) -> None:
        self._finish(END_NOTES[WAS_KILLED], True)
        outcome(self.host.kill)

    def lose(self, error: Exception) -> None:
        """End without the machine's word, since it does not answer; no job is to blame."""
        self._finish(END_NOTES[MACHINE_LOST].format(reason=error), False)
        outcome(self.host.kill)

    def _finish(self, how: str, blames: bool) -> None:
        with self._ending:
            if not self._ended.is_set():
                self._end = how, blames
            self._ended.set()
        self._heard.put(None)

    def end(self) -> tuple[str, bool]:
        self.outbox.close()
        if self.courier:
            self.courier.stop()
        self.kill()
        return self._end

    def answer(self, message: Ended) -> None:
        """Say in the worker's place that a job has ended."""
        if self.courier:
            self.courier.forget(message.job)
        self._heard.put(to_line(message))

    def _tell(self, line: bytes) -> None:
        """Raises OSError once the machine does not answer."""
        command = from_line(line)
        try:
            if self.courier is None or not self.courier.carries(command):
                self.host.tell(line)
        except HostLost as error:
            self.lose(error)
            raise OSError(str(error)) from error

    def _listen(self) -> None:
        """Hand on what the process says, until its end or its machine's."""
        problem = outcome(self._hear_all)
        if isinstance(problem, HostLost):
            self.lose(problem)
        elif problem:
            log.error("What a worker elsewhere says cannot be read", exc_info=problem)
        self._finish(*self._end)

    def _feel_pulse(self) -> None:
        """Ask the machine now and then: one that is cut off, or a stream that stands still, tells nothing by itself."""
        while not self._ended.wait(PULSE_SECONDS):
            if problem := outcome(self.host.ping):
                self.lose(problem)

    def _hear_all(self) -> None:
        for content in self.host.said():
            if self._ended.is_set():      # what it still sends is another worker's to make
                return
            self._hear(content)

    def _hear(self, content: bytes) -> None:
        frame = unpacked_frame(content)
        code = exit_code_in(frame.line)
        if code is not None:
            self._end = exit_reason(code), True      # it has ended once its stream has, else Ray is closed below that
            return
        self._heard.put(self._received(frame.line, frame.files) if self.courier else frame.line)

    def _received(self, line: bytes, files: Mapping[str, bytes]) -> bytes:
        """Write what a worker elsewhere has made; return its message with the server's paths, or the job's failure."""
        made = message_in(line)
        if self.courier and isinstance(made, Ended):
            self.courier.forget(made.job)
        if self.exchange and files and isinstance(made, Progress):
            outcome(self.exchange.returned.keep_steps, made.job, made.index, files)
        spec = self.courier.specs.get(made.job) if self.courier and isinstance(made, Made) else None
        if spec is None or self.exchange is None:
            return line
        written = outcome(self.exchange.returned.write, spec, made, files)
        if isinstance(written, Exception):
            log.error("A picture of job %s cannot be kept", made.job, exc_info=written)
            return to_line(Ended(made.job, FAILED, error_data(written)))
        return to_line(written)


class Courier:
    """Sends a job's files before the job, in the jobs' order, while other commands pass."""

    def __init__(self, link: RayLink) -> None:
        self.link = link
        self.specs: dict[str, JobSpec] = {}      # of jobs that have not ended
        self._queue: SimpleQueue[Submit | None] = SimpleQueue()
        self._waiting: set[str] = set()          # jobs that are not told yet
        self._lock = Lock()
        Thread(target=self._run, name="courier", daemon=True).start()

    def carries(self, command: Any) -> bool:
        """Take a command, if it concerns a job that is not told yet; return whether it has."""
        if isinstance(command, Submit):
            with self._lock:
                self._waiting.add(command.spec.id)
                self.specs[command.spec.id] = command.spec
            self._queue.put(command)
            return True
        if isinstance(command, StopWork):
            self.stop()
        if not isinstance(command, Interrupt | Skip):
            return False
        with self._lock:      # one step: it is either told or not told
            waits = command.job in self._waiting
            if waits and isinstance(command, Interrupt):
                self._waiting.discard(command.job)
        if waits and isinstance(command, Interrupt):
            self.link.answer(Ended(command.job, INTERRUPTED))
        return waits

    def forget(self, job: str) -> None:
        """Keep nothing of a job that has ended."""
        with self._lock:
            self._waiting.discard(job)
            self.specs.pop(job, None)

    def stop(self) -> None:
        self._queue.put(None)

    def wanted(self, job: str) -> bool:
        with self._lock:
            return job in self._waiting

    def _run(self) -> None:
        while (command := self._queue.get()) is not None:
            problem = outcome(self._deliver, command)
            if isinstance(problem, HostLost):
                self.link.lose(problem)
                return
            if isinstance(problem, Exception) and self.wanted(command.spec.id):
                log.error("Job %s cannot be sent", command.spec.id, exc_info=problem)
                self.link.answer(Ended(command.spec.id, FAILED, error_data(problem)))

    def _deliver(self, command: Submit) -> None:
        spec = command.spec
        exchange = self.link.exchange
        if exchange is None or not self.wanted(spec.id):
            return
        listed = exchange.lists.of(spec)
        files = {file.sha256: file for file in listed}
        for digest in self.link.host.prepare(file.told() for file in listed):
            self.link.host.send(digest, self.parts(files[digest], spec.id))
        exchange.there.update(str(file.path) for file in listed)
        with self._lock:
            told = spec.id in self._waiting
            self._waiting.discard(spec.id)
        if told:
            self.link.host.tell(to_line(command))

    def parts(self, file: NeededFile, job: str) -> Iterator[bytes]:
        """Yield a file's content, as long as the job is wanted."""
        with Path(file.path).open("rb") as opened:
            while self.wanted(job) and (part := opened.read(PART_BYTES)):
                yield part
