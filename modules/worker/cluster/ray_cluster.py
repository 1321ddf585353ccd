"""The machines of a Ray cluster, and workers' processes on them. The one room that imports Ray.

Placement, transport and the notice of a death are Ray's; which job a worker is given is ours (worker/pool.py).
https://docs.ray.io/en/latest/ray-core/actors.html
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modules.base.border import outcome
from modules.base.errors import WebUIError
from modules.worker.cluster.ray_link import HostLost
from modules.worker.cluster.ray_token import auth_mode

log = logging.getLogger(__name__)
SLOT_RESOURCE = "easel_worker"                # the resource of Ray that a worker takes one of
SHARED_RESOURCE = "easel_shared_files"        # the resource of machines that see the server's folders
START_SECONDS = 120.0                # for a worker's host to appear; after each failure twice as many
MOST_DOUBLED = 3                     # times
CALL_SECONDS = 120.0                 # for an answer, even of a machine that has much to do
PREPARE_SECONDS = 3600.0                # for a machine to look for a job's files, of which it may hash some
OBJECT_BYTES = 256 * 2**20           # of Ray's object store on this machine: pictures on their way, no more
LINES_AT_ONCE = 5                    # calls of one actor that run side by side: a command while messages are read
RAY_ENVIRONMENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS": "0"}      # nothing is sent anywhere
RAY_WAITS = ("RAY_raylet_start_wait_time_s", "RAY_gcs_server_port_wait_time_s")      # for what Ray itself starts
RAY_START_SECONDS = 300              # of each; Ray gives 30


@dataclass(frozen=True)
class ClusterMachine:
    """A machine of the cluster. slots: workers that it has room for; gpus: its GPUs; shared: it sees our folders"""

    id: str
    name: str
    slots: int
    gpus: float
    shared: bool


class RayCluster:
    """The cluster as the server sees it. address: of a running one; "" starts one of this machine alone"""

    def __init__(self, address: str, slots: int, actor: type) -> None:
        """actor: the class of a worker's host on its machine (commands/cluster_host.py)"""
        self.address, self.slots, self.actor = address, slots, actor
        self.late: dict[str, int] = {}      # machine → starts in a row that took too long

    def connect(self) -> None:
        """Raises ImportError without Ray, ConnectionError if nobody answers at the address."""
        own = auth_mode(os.environ) if self.address else ray_patience(os.environ)
        os.environ.update({**RAY_ENVIRONMENT, **own})
        import ray

        if ray.is_initialized():
            return
        common: dict[str, Any] = {"log_to_driver": False, "logging_level": "error", "namespace": "easel"}
        if self.address:
            ray.init(address=self.address, **common)
        else:
            ray.init(
                address="local", include_dashboard=False, num_cpus=self.slots, resources={SLOT_RESOURCE: self.slots},
                object_store_memory=OBJECT_BYTES, **common,
            )
        log.info("The cluster has %d machines", len(self.machines()))

    @property
    def own_id(self) -> str:
        import ray

        return str(ray.get_runtime_context().get_node_id())

    def machines(self) -> list[ClusterMachine]:
        """Return the machines that are there now and have room for workers."""
        import ray

        found = [node for node in ray.nodes() if node["Alive"] and SLOT_RESOURCE in node["Resources"]]
        return [cluster_machine(node, self.own_id) for node in found]

    def host(self, machine: ClusterMachine, setup: bytes) -> RemoteHost:
        """Start a worker's process on a machine. Raises OSError."""
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        options = {
            "num_cpus": 0, "num_gpus": 1 if machine.gpus >= machine.slots else 0, "resources": {SLOT_RESOURCE: 1},
            "max_concurrency": LINES_AT_ONCE, "max_restarts": 0,
            "scheduling_strategy": NodeAffinitySchedulingStrategy(machine.id, soft=False),
        }
        actor: Any = ray.remote(self.actor).options(**options).remote(setup, machine.shared)
        host, late = RemoteHost(actor), self.late.get(machine.id, 0)
        try:
            host.call("begun", seconds=START_SECONDS * 2**late)
        except HostLost as error:
            self.late[machine.id] = min(late + 1, MOST_DOUBLED)
            outcome(host.kill)      # else it would keep the machine's slot, should it come up yet
            raise OSError(absence_reason(machine.name, error)) from error
        self.late.pop(machine.id, None)
        return host

    def close(self) -> None:
        import ray

        ray.shutdown()


def ray_patience(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables by which Ray waits until its part of a slow machine is up; those that are set stay."""
    return {name: environment.get(name, str(RAY_START_SECONDS)) for name in RAY_WAITS}


def cluster_machine(node: Mapping[str, Any], own_id: str) -> ClusterMachine:
    resources = node["Resources"]
    return ClusterMachine(
        node["NodeID"], node.get("NodeName") or node["NodeManagerHostname"], int(resources[SLOT_RESOURCE]),
        float(resources.get("GPU", 0)), node["NodeID"] == own_id or SHARED_RESOURCE in resources,
    )


class RemoteHost:
    """A `WorkerHost` on another machine. Its methods raise HostLost once that does not answer."""

    def __init__(self, actor: Any) -> None:
        self.actor = actor

    def call(self, method: str, *values: Any, seconds: float = CALL_SECONDS) -> Any:
        """Raises HostLost, or the error of Easel's own that the method raised there."""
        import ray

        try:
            return ray.get(getattr(self.actor, method).remote(*values), timeout=seconds)
        except TimeoutError as error:
            raise HostLost(f"no answer within {seconds:g} seconds") from error
        # the last two: there is no cluster any more
        except (ray.exceptions.RayError, RuntimeError, ValueError) as error:
            cause = getattr(error, "cause", None)
            if isinstance(cause, WebUIError):
                raise cause from error
            raise HostLost(first_line(cause or error)) from error

    def ping(self) -> None:
        self.call("begun")

    def tell(self, line: bytes) -> None:
        self.call("tell", line)

    def prepare(self, listed: Iterable[Mapping[str, Any]]) -> list[str]:
        return list(json.loads(self.call("prepare_listed", json.dumps([*listed]).encode(), seconds=PREPARE_SECONDS)))

    def send(self, digest: str, parts: Iterable[bytes]) -> None:
        """Send a file that was missing."""
        for part in parts:
            self.call("take_part", digest, part)
        self.call("take_part", digest, b"")

    def said(self) -> Iterator[bytes]:
        """Yield frames until the process has ended."""
        import ray

        try:
            for reference in self.actor.said.options(num_returns="streaming").remote():
                yield ray.get(reference)
        except ray.exceptions.RayError as error:
            raise HostLost(first_line(error)) from error

    def kill(self) -> None:
        import ray

        ray.kill(self.actor)


def absence_reason(name: str, reason: object) -> str:
    """Return in words that no worker of a machine appears."""
    return f"{name} does not come up: {reason}"


def first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return (lines or [type(error).__name__])[0][:300]
