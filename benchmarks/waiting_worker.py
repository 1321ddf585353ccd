"""A worker's process that waits as long as a device would, for `benchmarks.ray`: no torch, no model."""

from __future__ import annotations

import os
import sys
import time
from queue import SimpleQueue
from threading import Thread
from types import SimpleNamespace

from modules.engine.messages import Ended, JobSpec, Made, Started, WorkerReady
from modules.store.jobs import DONE
from modules.worker.child import InHandNotes, die_with_parent, obey, private_pipes
from modules.worker.outbox import Outbox
from modules.worker.shared_jobs import share_of

COMMAND = (sys.executable, "-m", "benchmarks.waiting_worker")
AT_ONCE = 4      # jobs that it is given ahead, so that it never waits for the next
STEP_SECONDS = 0.02      # of a job that does not say how long a picture takes


def main() -> None:
    commands, events = private_pipes()
    die_with_parent()

    def write(line: bytes) -> None:
        events.write(line)
        events.flush()

    outbox = Outbox(write)
    outbox.start()
    commands.readline()      # the setup, which nothing here needs
    inbox: SimpleQueue[JobSpec] = SimpleQueue()
    Thread(target=wait_for_all, args=(inbox, outbox, InHandNotes(outbox)), daemon=True).start()
    outbox.emit(WorkerReady("", {"device": "waiting"}, AT_ONCE))
    nothing = SimpleNamespace(submit=inbox.put, interrupt=print, skip=print, stop=lambda: None)
    obey(commands, nothing, lambda command: None)
    os._exit(0)


def wait_for_all(inbox: SimpleQueue[JobSpec], outbox: Outbox, notes: InHandNotes) -> None:
    while True:
        spec = inbox.get()
        notes.note("device", [spec.id])
        pictures = max(1, spec.pictures)
        seconds = spec.params.get("seconds", STEP_SECONDS * spec.params.get("steps", 1))
        outbox.emit(Started(spec.id, pictures))
        for number in share_of(range(pictures), spec.share):
            if number not in spec.done:
                time.sleep(seconds)
                outbox.emit(Made(spec.id, number, ""))
        outbox.emit(Ended(spec.id, DONE))
        notes.note("device", [])


if __name__ == "__main__":
    main()
