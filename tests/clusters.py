"""Ray clusters on this machine whose nodes stand for machines: each has its own folder, and may die."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import ray
from ray.cluster_utils import Cluster

from modules.commands.cluster_host import MACHINE_FLAGS
from modules.settings.flags import parse_flags
from modules.settings.told_flags import public_flags
from modules.worker.cluster.ray_cluster import SHARED_RESOURCE, SLOT_RESOURCE, ray_patience

SMALL = {"object_store_memory": 100 * 2**20}


class Machines:
    """Joins machines to a cluster, each with a data folder of its own, and takes them away."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        os.environ.update(ray_patience(os.environ))      # the head is started from here, on a busy machine too
        head = {"num_cpus": 1, "include_dashboard": False, **SMALL}
        self.cluster = Cluster(initialize_head=True, head_node_args=head)

    def join(self, name: str, slots: int = 1, shared: bool = False) -> Any:
        """Return the node of a new machine. shared: it sees the server's folders"""
        flags = parse_flags(["--data-dir", str(self.folder / name)], {})
        told = {MACHINE_FLAGS: json.dumps(public_flags(flags)), "OMP_NUM_THREADS": "1"}
        resources = {SLOT_RESOURCE: slots, **({SHARED_RESOURCE: 1} if shared else {})}
        return self.cluster.add_node(num_cpus=slots, resources=resources, env_vars=told, **SMALL)

    def kill(self, node: Any) -> None:
        """End a machine as a cut power line does."""
        self.cluster.remove_node(node, allow_graceful=False)

    def close(self) -> None:
        ray.shutdown()
        self.cluster.shutdown()
