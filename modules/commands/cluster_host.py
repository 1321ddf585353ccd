"""The worker's host on a machine of a Ray cluster: the actor's class, and what a joined machine has of its own.

A machine joins with `webui.py worker`, which leaves its flags in the environment of all that Ray starts there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import cache

from modules.base.logs import start_log
from modules.library.library import Library, find_models
from modules.settings.flags import Flags
from modules.settings.told_flags import flags_of
from modules.worker.cluster.host import WorkerHost, new_root, own_setup
from modules.worker.cluster.machine_files import GIGABYTE, KEEP_GIGABYTES, FileStore, MachineFiles

MACHINE_FLAGS = "EASEL_MACHINE_FLAGS"              # the machine's own flags, as JSON
KEPT_GIGABYTES = "EASEL_KEPT_GIGABYTES"            # the most that is kept of what servers sent
MACHINE_FOLDER, STORE_FOLDER = "machine", "models"      # in the machine's cache


class HostActor(WorkerHost):
    """A `WorkerHost` as an actor of Ray: bytes cross, nothing else."""

    def __init__(self, setup: bytes, shared: bool) -> None:
        start_log("info", as_json=False)
        files = None if shared else files_here(os.environ)
        super().__init__(own_setup(setup, files.root) if files else setup, files)

    def begun(self) -> bool:
        """Return True, once the actor is there."""
        return True

    def prepare_listed(self, listed: bytes) -> bytes:
        return json.dumps(self.prepare(json.loads(listed))).encode()


def files_here(environment: Mapping[str, str]) -> MachineFiles:
    """Return the files of a new worker on a joined machine."""
    flags = flags_of(json.loads(environment[MACHINE_FLAGS]))
    folder = flags.paths.cache / MACHINE_FOLDER
    most = int(environment.get(KEPT_GIGABYTES, KEEP_GIGABYTES)) * GIGABYTE
    return MachineFiles(new_root(folder), FileStore(folder / STORE_FOLDER, most), lambda: own_library(flags))


@cache
def own_library(flags: Flags) -> Library:
    """Return the machine's own models, looked up when the first job needs one."""
    return find_models(flags)
