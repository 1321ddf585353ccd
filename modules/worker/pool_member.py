"""A worker of a pool: its place, what it was given, what it has loaded, and what a job would cost it."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from modules.app.fair_queue import DEVICE
from modules.engine import messages as events
from modules.engine.messages import READY, RESTARTING, WORKER_STARTING, JobSpec, Worker, WorkerHealth, WorkerInfo
from modules.worker.needs import NO_NEEDS, JobNeeds
from modules.worker.pace import Pace
from modules.worker.planners import lane_of
from modules.worker.texts import names_paths

FETCH_COST = 12.0         # pictures that may be made while a machine is sent a checkpoint
MODEL_COST = 4.0          # and while it is loaded
ADDITIONS_COST = 0.5      # and while its VAE and networks are exchanged


@dataclass(frozen=True)
class Home:
    """The place of a worker.

    shared: it sees the server's files under the server's paths; has: returns whether its disk has a checkpoint
    """

    name: str = ""
    shared: bool = True
    has: Callable[[str], bool] = lambda model: True


@dataclass
class GivenJob:
    """A job, or a part of one, that a worker has. pictures: left to make; work: megapixel-steps of each"""

    pictures: int
    work: float


@dataclass(eq=False)
class PoolMember:
    """One of the workers, and its latest state."""

    home: Home = Home()
    worker: Worker = field(init=False)
    jobs: dict[str, GivenJob] = field(default_factory=dict)
    pace: Pace = field(default_factory=lambda: Pace(time.monotonic))
    models: OrderedDict[str, frozenset[str]] = field(default_factory=OrderedDict)     # last checkpoints → additions
    health: WorkerHealth = WorkerHealth("", WORKER_STARTING)
    state: events.WorkerState = events.WorkerState("")
    ready: events.WorkerReady | None = None
    used: int = 0                     # the number of the latest job that it was given
    draining: bool = False            # it finishes what it has, and is given nothing

    @property
    def rank(self) -> int:
        """Its rank among those that may be given a job: 0 if it lives, 1 while it starts, 2 after several deaths.

        After one death it is back soon, and others keep their models.
        """
        first_death = self.health.phase == RESTARTING and self.health.deaths == 1
        return 0 if first_death or self.health.phase == READY else 1 + (self.health.phase != WORKER_STARTING)

    def sees_files_of(self, spec: JobSpec) -> bool:
        """Return whether it sees what a job works on, which may be the server's files."""
        return self.home.shared or lane_of(spec.kind) == DEVICE and not names_paths(spec.params)

    def can_do(self, spec: JobSpec, needs: JobNeeds) -> bool:
        """Return whether it is known to have what a job needs, and to see what it works on."""
        has = needs == NO_NEEDS or (self.ready is not None and needs.met_by(self.ready))
        return has and self.sees_files_of(spec)

    def cost(self, model: str, additions: frozenset[str], behind: int) -> float:
        """Return the number of pictures until it would begin a job of that checkpoint.

        behind: pictures in the queue, which whoever has work would get as well
        """
        waiting = float(self.pictures) + (behind if self.jobs else 0)
        if model not in self.models:
            return waiting + MODEL_COST + (0.0 if self.home.has(model) else FETCH_COST)
        return waiting if self.models[model] == additions else waiting + ADDITIONS_COST

    @property
    def pictures(self) -> int:
        """The pictures that it has still to make."""
        return sum(job.pictures for job in self.jobs.values())

    @property
    def device(self) -> Mapping[str, str]:
        """Its device and what else decides a picture's last bits, such as precisions."""
        return self.ready.device if self.ready else {}

    def can_help(self, other: PoolMember) -> bool:
        """Return whether it may make a part of the other's job: it is idle, and its pictures would be the other's."""
        return not (self.jobs or other.jobs) and self.health.phase == READY and self.device == other.device

    @property
    def info(self) -> WorkerInfo:
        device = self.device.get("device", "")
        models = tuple(Path(model).name for model in self.models)
        return WorkerInfo(
            self.home.name, device, self.health.phase, self.health.deaths, self.state.loading, models,
            len(self.jobs), self.pictures, self.draining, self.home.shared, self.health.reason,
            self.device.get("unet", ""), self.ready.memory if self.ready else 0,
        )

    def remember(self, model: str, additions: frozenset[str], most: int) -> None:
        self.models[model] = additions
        self.models.move_to_end(model)
        while len(self.models) > most:
            self.models.popitem(last=False)
