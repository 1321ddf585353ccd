"""A worker's process on a machine of the cluster: started there, told the server's lines, its own lines handed on.

Runs in an actor of Ray (ray_cluster.py) and knows nothing of Ray. Where the machine does not see the server's folders,
the process has a data folder of its own, and what it makes is sent with the message that tells of it.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from typing import Any

from modules.base.files import discard
from modules.engine.messages import RETURNED, Ended, Made, Progress
from modules.engine.wire import FilesMade, Submit, from_line, to_line
from modules.store.step_files import STEPS_FOLDER, StepFiles
from modules.worker.cluster.file_lists import done_place, with_done_places
from modules.worker.cluster.frames import Frame, packed_frame
from modules.worker.cluster.machine_files import MachineFiles
from modules.worker.link import WorkerProgram
from modules.worker.texts import is_path

COMMAND = (sys.executable, "-m", "modules.commands.worker_process")
EXIT_CODE = "exit_code"      # the key of the last line: the process has ended


class WorkerHost:
    """A worker's process and its lines.

    command: of the process; setup: its first line of input; files: where it sees nothing of the server's, else None
    """

    def __init__(self, setup: bytes, files: MachineFiles | None, command: Sequence[str] = COMMAND) -> None:
        """Raises OSError if the process cannot be started."""
        self.files = files
        self.outcome: list[WorkerProgram | OSError] = []
        started = Event()
        # its own thread, which lives as long: Linux ends the process with the thread that started it
        Thread(target=self._keep, args=(command, started), name="worker's process", daemon=True).start()
        started.wait()
        [found] = self.outcome
        if isinstance(found, OSError):
            raise found
        self.program = found
        self.program.tell(setup)

    def _keep(self, command: Sequence[str], started: Event) -> None:
        try:
            program = WorkerProgram(command)
        except OSError as error:
            self.outcome.append(error)
            started.set()
            return
        self.outcome.append(program)
        started.set()
        program.process.wait()

    def tell(self, line: bytes) -> None:
        """Write a command to the process. Raises OSError or ValueError once it is dead."""
        self.program.tell(self.own_paths(line) if self.files else line)

    def own_paths(self, line: bytes) -> bytes:
        """Return a command with the paths of this worker's own folder; its lists of models are read anew for a job."""
        command = from_line(line)
        if self.files is None or not isinstance(command, Submit):
            return line
        spec = with_done_places(command.spec, self.files.root)
        return to_line(replace(command, spec=spec, refresh=tuple(self.files.kinds)))

    def said(self) -> Iterator[bytes]:
        """Yield the process's messages, each as a frame with its files; last how it ended."""
        made = MadeFiles(self.files.root) if self.files else None
        for line in self.program.said:
            frame = made.with_files(line) if made else Frame(line)
            if frame:
                yield packed_frame(frame)
        if self.files:
            shutil.rmtree(self.files.root, ignore_errors=True)
        yield packed_frame(Frame(json.dumps({EXIT_CODE: self.program.end()}).encode()))

    def prepare(self, listed: Iterable[Mapping[str, Any]]) -> list[str]:
        """Link the listed files that are here; return the SHA-256 of those that must be sent."""
        return self.files.prepare(listed) if self.files else []

    def take_part(self, digest: str, part: bytes) -> None:
        """Take the next bytes of a missing file; none: it is whole."""
        if self.files:
            self.files.take_part(digest, part)

    def kill(self) -> None:
        self.program.kill()


class MadeFiles:
    """The files that a worker makes, read to be sent. root: its data folder"""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.beside: dict[tuple[str, int], tuple[str, ...]] = {}      # of outputs whose `Made` is still to come
        self.kept: dict[str, list[Path]] = {}                         # job → pictures that its grids may show
        self.steps = StepFiles(root / "cache")
        self.sent_steps: dict[tuple[str, int], int] = {}              # picture → bytes of its steps that were sent

    def with_files(self, line: bytes) -> Frame | None:
        """Return a message with the files that it tells of; None for one that is not for the server."""
        message = message_in(line)
        if isinstance(message, FilesMade):
            self.beside[message.job, message.index] = message.paths
            return None
        if isinstance(message, Made):
            return self.sent(message)
        if isinstance(message, Progress):
            return Frame(line, self.new_steps(message.job, message.index))
        if isinstance(message, Ended):
            self.forget(message.job)
        return Frame(line)

    def new_steps(self, job: str, index: int) -> dict[str, bytes]:
        """Return what is kept of a picture's steps since the last look, under the bytes that were sent before it."""
        offset = self.sent_steps.get((job, index), 0)
        content = self.steps.since(job, index, offset)
        if not content:
            return {}
        self.sent_steps[job, index] = offset + len(content)
        return {f"cache/{STEPS_FOLDER}/{offset}": content}

    def sent(self, made: Made) -> Frame:
        """Return the message with its files, all named as in the worker's folder."""
        path, shown = Path(made.path), [Path(each) for each in made.facts.get(RETURNED, ())]
        beside = [Path(each) for each in self.beside.pop((made.job, made.index), ()) if Path(each) != path]
        files = {self.relative(each): each.read_bytes() for each in (*beside, *shown, path)}
        self.kept.setdefault(made.job, []).extend((path, *shown))
        for each in beside:
            discard(each)
        facts = {**made.facts, RETURNED: [self.relative(each) for each in shown]} if shown else made.facts
        return Frame(to_line(replace(made, path=self.relative(path), facts=facts)), files)

    def forget(self, job: str) -> None:
        """Delete what a job that has ended needed here."""
        for path in self.kept.pop(job, ()):
            discard(path)
        self.sent_steps = {picture: sent for picture, sent in self.sent_steps.items() if picture[0] != job}
        shutil.rmtree(self.root / Path(done_place(job, 0, Path())).parent, ignore_errors=True)

    def relative(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()


def exit_code_in(line: bytes) -> int | None:
    """Return the process's exit code, if a line is the one that tells it."""
    told = json.loads(line)
    return int(told[EXIT_CODE]) if EXIT_CODE in told else None


def message_in(line: bytes) -> Any:
    """Return the message in a line; None for what is none."""
    try:
        return from_line(line)
    except ValueError:
        return None


def own_setup(setup: bytes, root: Path) -> bytes:
    """Return a worker's first line with a data folder of its own; no path of the server's means anything here."""
    told = json.loads(setup)
    own = {"data_dir": str(root), "batch_dir": [], "styles_file": []}
    paths = [name for name, value in told["flags"].items() if isinstance(value, str) and is_path(value)]
    flags = told["flags"] | dict.fromkeys(paths)
    return json.dumps({**told, "flags": flags | own, "first": "", "sends_files": True}).encode() + b"\n"


def new_root(above: Path) -> Path:
    """Return a new data folder of a worker."""
    above.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix="worker-", dir=above))
