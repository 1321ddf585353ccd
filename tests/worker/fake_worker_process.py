"""A worker's process without a model: its pictures are numbers. The prompt says what becomes of it.

Run as a program by tests/worker/test_process.py, which hosts it as the real one is hosted.
"""

from __future__ import annotations

import json
import os
import signal
import time
from queue import SimpleQueue
from threading import Thread

from modules.engine.messages import Ended, Made, Preview, Progress, Started, WorkerReady
from modules.worker.child import InHandNotes, die_with_parent, obey, private_pipes
from modules.worker.outbox import Outbox


class FakeWorker:
    """One job after another; each picture has two steps."""

    def __init__(self, emit, note):
        self.emit, self.note = emit, note
        self.inbox, self.interrupted = SimpleQueue(), set()
        Thread(target=self.run, daemon=True).start()

    def submit(self, spec):
        self.inbox.put(spec)

    def interrupt(self, job):
        self.interrupted.add(job)

    def skip(self, job):
        pass

    def stop(self):
        pass

    def run(self):
        self.emit(WorkerReady("", {"device": f"fake {os.getpid()}"}))
        while spec := self.inbox.get():
            self.note("device", [spec.id])
            self.emit(Started(spec.id, spec.params["pictures"]))
            for index in range(spec.params["pictures"]):
                if index not in spec.done:
                    self.picture(spec, index)
            self.emit(Ended(spec.id, "interrupted" if spec.id in self.interrupted else "done"))
            self.note("device", [])

    def picture(self, spec, index):
        for step in range(2):
            if index == spec.params.get("at", 0) and step == 1:
                self.happen(spec)
            if spec.id in self.interrupted:
                return
            self.emit(Progress(spec.id, index, step, 2, 0.0))
            self.emit(Preview(spec.id, index, bytes([index, step])))
        self.emit(Made(spec.id, index, f"/{spec.id}-{index}", facts={"pid": os.getpid()}))

    def happen(self, spec):
        prompt = spec.params["prompt"]
        if prompt == "crash" or (prompt == "crash in company" and not spec.alone):
            os.kill(os.getpid(), signal.SIGSEGV)
            time.sleep(600)      # it may reach another thread first
        if prompt == "hang":
            time.sleep(600)
        if prompt == "until interrupted":
            while spec.id not in self.interrupted:
                time.sleep(0.01)


def play():
    commands, events = private_pipes()
    die_with_parent()

    def write(line):
        events.write(line)
        events.flush()

    outbox = Outbox(write)
    outbox.start()
    if json.loads(commands.readline()).get("crash"):
        os.kill(os.getpid(), signal.SIGSEGV)
        time.sleep(600)
    obey(commands, FakeWorker(outbox.emit, InHandNotes(outbox).note), lambda command: None)
    outbox.flush(5)
    os._exit(0)


if __name__ == "__main__":
    play()
