"""The worker that the flags ask for: a thread, a process, or one process for each device."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from modules.app.app import App
from modules.base.errors import Invalid, WebUIError
from modules.base.faults import read_fault
from modules.engine.messages import Emit, Event, Worker, WorkerState
from modules.library.control_models import control_model_named
from modules.library.library import Library
from modules.requests.model_choice import checkpoint_named, first_checkpoint
from modules.settings.flag_types import CPU_DEVICE
from modules.settings.flags import PROCESS_WORKER, RAY_WORKER, Flags
from modules.settings.told_flags import setup_line
from modules.worker.cluster.file_lists import FileLists
from modules.worker.cluster.machines import ClusterWorkers
from modules.worker.cluster.ray_cluster import ClusterMachine, RayCluster
from modules.worker.cluster.ray_link import Exchange, RayLink
from modules.worker.cluster.returned_files import ReturnedFiles
from modules.worker.config import WorkerConfig, nobody_notes
from modules.worker.link import Launch
from modules.worker.needs import job_needs
from modules.worker.pool import WorkerPool
from modules.worker.process import ProcessWorker
from modules.worker.thread import ThreadWorker

if TYPE_CHECKING:
    from modules.models.device import Placement

CHILD_MODULE = "modules.commands.worker_process"


def worker_of(app: App, emit: Emit) -> Worker:
    """Not started. Raises Invalid for a fault that is none."""
    flags, fault = app.flags, read_fault(os.environ) if app.flags.test_hooks else None
    hears = partial(learn_titles, app.models, emit)
    if flags.worker_kind == RAY_WORKER:
        return cluster_workers(app, hears)
    if flags.worker_kind == PROCESS_WORKER:
        devices = [replace(flags, device_id=(device,)) for device in flags.device_id] or [flags]
        make = [partial(ProcessWorker, launch_of(app, each)) for each in devices]
        return make[0](hears) if len(make) == 1 else several_workers(app, make, hears)
    paths = flags.paths
    config = WorkerConfig(
        paths.outputs,
        paths.cache,
        app.models,
        app.tokenizer,
        partial(placement, flags),
        partial(first_checkpoint, app),
        partial(models_kept, app),
        app.process.note_in_hand if app.process else nobody_notes,
        paths,
        app.extensions,
        fault,
    )
    return ThreadWorker(config, emit)


def several_workers(app: App, make: Sequence[Callable[[Emit], Worker]], emit: Emit) -> WorkerPool:
    identify, behind = partial(checkpoint_identity, app), app.jobs.unfinished.waiting_pictures
    needs = partial(job_needs, partial(checkpoint_named, app), partial(control_model_named, app.models))
    return WorkerPool(make, emit, partial(models_kept, app), identify, behind, needs)


def cluster_workers(app: App, emit: Emit) -> ClusterWorkers:
    """Return the workers of a Ray cluster's machines, not started. Raises Invalid without Ray."""
    if find_spec("ray") is None:
        raise Invalid("--worker ray needs Ray.", "pip install -r requirements-ray.txt")
    from modules.commands.cluster_host import HostActor

    cluster = RayCluster(app.flags.ray_address, max(1, len(app.flags.device_id)), HostActor)
    pool = several_workers(app, [], emit)
    return ClusterWorkers(cluster, pool, partial(new_exchange, app), partial(cluster_worker, app, cluster))


def new_exchange(app: App) -> Exchange:
    paths = app.flags.paths
    lists = FileLists(app.models, paths.models, paths.cache)
    return Exchange(lists, ReturnedFiles(paths.outputs, paths.cache))


def cluster_worker(
    app: App, cluster: RayCluster, machine: ClusterMachine, exchange: Exchange | None, emit: Emit
) -> ProcessWorker:
    """Return the worker of one slot of a machine, not started."""

    def connect(launch: Launch, told: Mapping[str, Any], clock: Callable[[], float]) -> RayLink:
        return RayLink(cluster.host(machine, launch.setup(told)), launch, clock(), exchange)

    return ProcessWorker(launch_of(app, replace(app.flags, device_id=())), emit, connect=connect)


def checkpoint_identity(app: App, name: str) -> str:
    """Return the path of the checkpoint that a job gets by that name or title; the name if there is none."""
    found = checkpoint_named(app, name)
    return str(found.path) if found else name


def models_kept(app: App) -> int:
    return app.settings.current.sd_checkpoints_limit


def launch_of(app: App, flags: Flags) -> Launch:
    first = first_checkpoint(app)
    return Launch(
        command=(sys.executable, "-m", CHILD_MODULE),
        setup=partial(setup_line, flags),
        hang_seconds=flags.worker_timeout,
        models_kept=partial(models_kept, app),
        listed=partial(listed_models, app.models),
        first={"first": str(first.path)} if first else {},
        settings=lambda: app.settings.told,
    )


def listed_models(library: Library) -> Mapping[str, object]:
    return {kind: catalog.state for kind, catalog in library.catalogs.items()}


def learn_titles(library: Library, emit: Emit, event: Event) -> None:
    """A checkpoint that a worker has hashed has its hash in this process's list too, before anybody is told of it."""
    if isinstance(event, WorkerState) and event.loaded:
        learn_title(library, event.loaded)
    emit(event)


def learn_title(library: Library, title: str) -> None:
    catalog = library.checkpoints
    for file in catalog.all_named(catalog.split_title(title)[0]):
        try:
            if not file.sha256 and catalog.hashes.known(file.path):
                catalog.hashed(file)
        except (OSError, WebUIError):      # it has gone
            continue


def placement(flags: Flags) -> Placement:
    from modules.models.device import Placement

    half = not flags.no_half and flags.precision != "full"
    device = next(iter(flags.device_id), None)
    return Placement.choose(
        cpu=device == CPU_DEVICE or bool({"all", "sd"} & set(flags.use_cpu)),
        device_id=int(device) if device and device != CPU_DEVICE else None,
        half=half,
        half_vae=half and not flags.no_half_vae,
        attention=flags.attention,
    )
