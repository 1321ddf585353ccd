"""Whether the server makes pictures now: for load balancers, start scripts and monitors."""

from __future__ import annotations

from modules.app.jobs import DRAINING, PAUSED, Jobs
from modules.engine.messages import BROKEN, RESTARTING

READY_STATE = "ready"
TAKES_JOBS = frozenset({READY_STATE, PAUSED})      # of these states new jobs are taken and nobody need wait for a start


def readiness(jobs: Jobs) -> str:
    """Return the server's state in one word: the first of these that it is in.

    stopping, starting (no worker yet), broken (the worker died again and again), restarting, draining,
    loading (the first model of a worker), paused, ready
    """
    phase = jobs.status.health.phase
    if jobs.unfinished.stopping:
        return "stopping"
    if phase in (BROKEN, RESTARTING):
        return phase
    if jobs.mode == DRAINING:
        return DRAINING
    if not jobs.status.warm:
        return "loading" if jobs.status.device else "starting"
    return PAUSED if jobs.mode == PAUSED else READY_STATE
