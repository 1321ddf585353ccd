from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.kills import KillLoop, play_kills
from tests.clusters import Machines
from tests.servers import with_tiny_model

MACHINES = 2


def run(kills: str = "20", seed: str = "0") -> None:
    """What the death of a machine of a Ray cluster loses, at random moments: `node_kills [kills]`."""
    random.seed(int(seed))
    with tempfile.TemporaryDirectory() as folder:
        machines = Machines(Path(folder) / "machines")
        try:
            loop = NodeKillLoop(with_tiny_model(Path(folder) / "server"), machines)
            play_kills(loop, int(kills))
            left = [path for name in loop.alive for path in (machines.folder / name).rglob("*.png") if path.is_file()]
            print(f"  pictures that machines which are there have kept: {len(left)}, goal 0")
        finally:
            machines.close()


class NodeKillLoop(KillLoop):
    """A server whose workers are the machines of a cluster; for each that dies, a new one joins."""

    def __init__(self, data: Path, machines: Machines) -> None:
        self.machines, self.joined = machines, 0
        self.alive: dict[str, Any] = {}      # the machines' nodes by their names
        for _ in range(MACHINES):
            self.join()
        super().__init__(data, "machine")

    @property
    def worker_flags(self) -> Sequence[str]:
        return "--worker", "ray", "--ray-address", self.machines.cluster.address

    def join(self) -> None:
        self.joined += 1
        name = f"machine-{self.joined}"
        self.alive[name] = self.machines.join(name)

    def kill(self) -> None:
        """Kill a machine and all that runs on it, whichever; one that joins takes its place."""
        self.machines.kill(self.alive.pop(random.choice(list(self.alive))))
        self.killed_at = time.monotonic()
        self.join()
