"""The program of a worker's process: `python -m modules.commands.worker_process`, started by the server alone."""

from __future__ import annotations

import faulthandler
import json
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

from modules.base.border import outcome
from modules.base.faults import read_fault
from modules.base.gpu_memory import UNAVAILABLE, gpu_memory
from modules.base.logs import start_log
from modules.commands.assemble import cached_tokenizer
from modules.commands.workers import placement
from modules.engine.messages import Event, ExtensionOut, WorkerMemory, WorkerState
from modules.engine.wire import FaultDone, Submit
from modules.library.catalog import ModelFile
from modules.library.library import Library, find_models
from modules.plugins.host import Host
from modules.prompts.styles import StyleFiles
from modules.settings.account_paths import account_paths
from modules.settings.flags import Flags, Paths
from modules.settings.told_flags import flags_of
from modules.settings.told_settings import ToldSettings
from modules.worker.child import InHandNotes, die_with_parent, killed_first, obey, private_pipes
from modules.worker.config import WorkerConfig
from modules.worker.new_files import NewFiles
from modules.worker.outbox import FLUSH_SECONDS, Outbox
from modules.worker.thread import ThreadWorker

MEMORY_SECONDS = 2.0    # between two looks at the GPU's memory
ENGINE_FAILED = 70      # the exit code of a worker that cannot go on


class HostedWorker:
    """A `ThreadWorker` in this process, and how it is told what the server knows."""

    def __init__(self, flags: Flags, told: Mapping[str, Any], outbox: Outbox) -> None:
        self.library, self.outbox, self.kept = find_models(flags), outbox, 1
        self.settings, self.loaded = ToldSettings(told.get("settings", {})), ""
        self.host = self.loaded_extensions(flags)
        paths = flags.paths
        config = WorkerConfig(
            paths.outputs,
            paths.cache,
            self.library,
            cached_tokenizer(paths.configs / "clip"),
            partial(placement, flags),
            partial(checkpoint_at, self.library, told.get("first", "")),
            lambda: self.kept,
            InHandNotes(outbox).note,
            paths,
            self.host,
            read_fault(os.environ) if flags.test_hooks else None,
            told.get("faulted", ""),
            self.tell_fault,
        )
        self.send = NewFiles(paths.outputs, outbox).emit if told.get("sends_files") else outbox.emit
        self.worker = ThreadWorker(config, self.emit)

    def emit(self, event: Event) -> None:
        """Send an event to the server; extensions of this process hear of another checkpoint."""
        self.send(event)
        if isinstance(event, WorkerState) and event.loaded and event.loaded != self.loaded:
            self.loaded = event.loaded
            self.host.tell_model_loaded()

    def loaded_extensions(self, flags: Flags) -> Host:
        """Return the extensions of this process: the server's own draw its page, these take part in pictures."""
        host = Host(flags.paths.extensions, "worker", flags.paths.examples)
        tokenizer = cached_tokenizer(flags.paths.configs / "clip")
        host.on_failed = self.tell_extension_out
        host.shared = lambda: flags.shared
        host.load_parts(flags, self.settings.foreign)
        told = {"settings": self.settings, "models": self.library, "tokenizer": tokenizer,
                "data_of": partial(style_files_of, flags.paths)}
        host.load(SimpleNamespace(flags=flags, **told))
        return host

    def tell_extension_out(self, name: str, why: str) -> None:
        self.outbox.put(ExtensionOut("", name, why))

    def tell_fault(self, job: str) -> None:
        self.outbox.put(FaultDone(job))
        self.outbox.flush(FLUSH_SECONDS)

    def prepare(self, command: Submit) -> None:
        """What has changed in the server since the last job."""
        self.kept = command.models_kept
        self.settings.hear(command.settings)
        for kind in command.refresh:
            self.library.of(kind).refresh()

    def tell_memory(self) -> None:
        """Tell the GPU's memory whenever it has changed, once torch is imported."""
        self.worker.runner.exception()
        told = UNAVAILABLE
        while True:
            found = outcome(gpu_memory)
            if isinstance(found, dict) and found != told:
                told = found
                self.outbox.put(WorkerMemory("", found))
            time.sleep(MEMORY_SECONDS)

    def end_with_engine(self) -> None:
        """An engine that has failed is of no use: the server starts another process."""
        self.worker.thread.join()
        if self.worker.runner.done() and not self.worker.runner.exception() and not self.worker.stopping:
            self.outbox.flush(FLUSH_SECONDS)
            os._exit(ENGINE_FAILED)


def style_files_of(paths: Paths, owner: str) -> Any:
    """Return the `style_files` of an account, of all its data."""
    return SimpleNamespace(style_files=StyleFiles(account_paths(paths, owner).styles_files))


def checkpoint_at(library: Library, path: str) -> ModelFile | None:
    return next((file for file in library.checkpoints.list() if file.path == Path(path)), None) if path else None


def work() -> None:
    commands, events = private_pipes()
    die_with_parent()
    killed_first()
    faulthandler.enable()

    def write(line: bytes) -> None:
        events.write(line)
        events.flush()

    outbox = Outbox(write)
    outbox.start()
    told = json.loads(commands.readline() or b"null")
    if told is None:      # the server is gone
        return
    flags = replace(flags_of(told["flags"]), extension_flags=tuple(told["extension_flags"]))
    start_log(flags.loglevel, flags.log_json)
    host = HostedWorker(flags, told, outbox)
    host.worker.start()
    Thread(target=host.end_with_engine, name="engine's end", daemon=True).start()
    Thread(target=host.tell_memory, name="memory", daemon=True).start()
    obey(commands, host.worker, host.prepare)
    outbox.flush(FLUSH_SECONDS)
    os._exit(0)      # torch's threads may be at work


if __name__ == "__main__":
    work()
