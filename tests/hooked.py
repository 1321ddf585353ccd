"""Plays A1111's recorded calls with an extension on Easel's worker: the case's folder is the extension."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from modules.engine.messages import Ended, Event, JobSpec, Made, Warned
from modules.models.device import Placement
from modules.params.known_names import KnownNames
from modules.params.scripts import SCRIPTS, resolve_script
from modules.params.txt2img import Txt2Img
from modules.plugins.host import Host
from modules.prompts.tokenizer import load_tokenizer
from modules.requests.extension_axes import extension_axes
from modules.requests.own_sampling import SAMPLING_FIELDS, fields_of_extensions
from modules.settings.file import SettingsFile
from modules.settings.flags import Flags
from modules.settings.options import Settings
from modules.worker.config import WorkerConfig
from modules.worker.thread import ThreadWorker
from tests.golden_data import GOLDEN, golden_library, inputs, spec

WAIT_SECONDS = 120


class HookedShop:
    """A worker with extensions, and everything it told."""

    def __init__(self, folder: Path, models: Path) -> None:
        self.folder = folder
        self.extensions = folder / "extensions"
        self.extensions.mkdir(parents=True, exist_ok=True)
        self.host = Host(self.extensions)
        self.events: list[Event] = []
        self.changed = threading.Condition()
        self.config = WorkerConfig(
            folder / "outputs",
            folder / "cache",
            golden_library(models),
            lambda: load_tokenizer(GOLDEN / "models/tiny-clip"),
            lambda: Placement.choose(cpu=True),
            lambda: None,
            extensions=self.host,
        )

    def add(self, source: Path, name: str) -> None:
        shutil.copytree(source, self.extensions / name)

    @contextmanager
    def open(self) -> Iterator[HookedShop]:
        torch.set_num_threads(1)
        (self.folder / "cache").mkdir(exist_ok=True)
        (self.folder / "cache/inputs").mkdir(exist_ok=True)
        (self.folder / "cache/inputs/test").symlink_to(inputs())
        data = Flags(data_dir=self.folder)
        settings = SettingsFile(self.folder / "config.json")
        self.host.load(SimpleNamespace(flags=data, settings=settings, models=self.config.library))
        worker = ThreadWorker(self.config, self.hear)
        worker.start()
        self.worker = worker
        try:
            yield self
        finally:
            worker.stop()
            self.host.unload()

    def hear(self, event: Event) -> None:
        with self.changed:
            self.events.append(event)
            self.changed.notify_all()

    def of(self, job: str, kind: type) -> list[Any]:
        return [event for event in list(self.events) if event.job == job and isinstance(event, kind)]

    def made(self, job: JobSpec) -> tuple[Ended, list[Made], list[Warned]]:
        """Carry a job out; its end, its pictures in order, and what its owner was told."""
        self.worker.submit(job)
        with self.changed:
            assert self.changed.wait_for(lambda: self.of(job.id, Ended), WAIT_SECONDS), self.events
        pictures = {made.index: made for made in self.of(job.id, Made)}
        return self.of(job.id, Ended)[0], [pictures[index] for index in sorted(pictures)], self.of(job.id, Warned)


def hooked_spec(case: dict[str, Any], host: Host | None = None) -> JobSpec:
    """A recorded call as a job. host: whose axes its plot may have"""
    payload = dict(case["payload"])
    script = {name: payload.pop(name) for name in ("script_name", "script_args") if name in payload}
    own: dict[str, Any] = {}
    if "alwayson_scripts" in payload:
        own["alwayson_scripts"] = {name: each["args"] for name, each in payload.pop("alwayson_scripts").items()}
    if script and SCRIPTS.get(script["script_name"]) is None:
        own["extension_script"] = {"title": script["script_name"], "args": script.get("script_args", [])}
    saved = payload.pop("save_images", False)
    for name in fields_of_extensions(payload):
        own[name], payload[name] = payload[name], SAMPLING_FIELDS[name][1]
    job = spec({**case, "payload": payload})
    if host and SCRIPTS.get(script.get("script_name", "")):
        known = KnownNames({}, Settings, extension_axes=partial(extension_axes, host), returns_grids=True)
        asked = Txt2Img(**{**job.params, **script})
        job = replace(job, params=asdict(resolve_script(asked, "txt2img", known)))
    return replace(job, params=json.loads(json.dumps({**job.params, **own})), save=saved)

