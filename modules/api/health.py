"""Routes for start scripts, load balancers and monitors: is the server up, does it make pictures, and its figures."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from modules.api.errors import refusal_body
from modules.api.routing import router
from modules.app.app import App
from modules.app.fair_queue import DEVICE, FILES
from modules.app.process_memory import resident_memory
from modules.app.readiness import TAKES_JOBS, readiness
from modules.base.accounts import Role
from modules.base.errors import NotFound
from modules.store.jobs import ENDED

RETRY_SECONDS = 5      # a server that starts or restarts is asked again so soon


def routes(app: App) -> APIRouter:
    api = router("health", "", Role.ANYONE)

    @api.get("/internal/ping", include_in_schema=False)
    async def ping() -> dict[str, Any]:
        return {}

    @api.get("/internal/ready", include_in_schema=False)
    async def ready() -> Response:
        """200 if pictures are made now, else 503; `state` says why."""
        state = readiness(app.jobs)
        if state in TAKES_JOBS:
            return JSONResponse({"ready": True, "state": state})
        body = {"ready": False, "state": state, **refusal_body("busy", f"Easel is not ready: {state}.")}
        return JSONResponse(body, 503, {"Retry-After": str(seconds_until_ready(app))})

    api.include_router(figures(app))
    return api


def figures(app: App) -> APIRouter:
    """Figures for Prometheus, for the administrator."""
    api = router("health", "", Role.ADMINISTRATOR)

    @api.get("/internal/metrics", include_in_schema=False)
    def metrics() -> Response:
        """Figures in Prometheus' text format. Raises NotFound without the flag."""
        if not app.flags.metrics:
            raise NotFound("There are no figures here.", "The server gives them when it is started with --metrics.")
        from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

        return Response(generate_latest(Figures(app)), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return api


def seconds_until_ready(app: App) -> int:
    return max(RETRY_SECONDS, math.ceil(app.jobs.status.retry_in))


class Figures:
    """A registry of prometheus_client that holds nothing: all figures are read when they are asked for."""

    def __init__(self, app: App) -> None:
        self.app, self.jobs, self.tally = app, app.jobs, app.jobs.tally

    def collect(self) -> Iterator[Any]:
        yield from self._of_jobs()
        yield from self._since_start()
        yield from self._now()

    def _of_jobs(self) -> Iterator[Any]:
        from prometheus_client.core import GaugeMetricFamily

        unfinished, in_hand = len(self.jobs.unfinished.live), len(self.jobs.unfinished.in_hand())
        states = {"waiting": max(0, unfinished - in_hand), "in_hand": in_hand}
        jobs = GaugeMetricFamily("easel_jobs", "Unfinished jobs, by what becomes of them now.", labels=["state"])
        for state, number in states.items():
            jobs.add_metric([state], number)
        yield jobs
        recorded = GaugeMetricFamily("easel_jobs_recorded", "Jobs in the database, by state.", labels=["state"])
        for state, number in self.jobs.store.state_counts().items():
            recorded.add_metric([state], number)
        yield recorded
        pictures = sum(job.left for lane in (DEVICE, FILES) for job in self.jobs.unfinished.queue_order(lane))
        yield GaugeMetricFamily("easel_queue_pictures", "Pictures that unfinished jobs have yet to make.", pictures)

    def _since_start(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily, SummaryMetricFamily

        tally = self.tally
        ended = {state: tally.jobs[state] for state in sorted(ENDED)}
        made = {"outputs": tally.pictures[True], "cache": tally.pictures[False]}
        tables = (
            ("easel_jobs_ended", "Jobs that have ended.", "state", ended),
            ("easel_job_errors", "Failed jobs, by the error's code.", "error", tally.errors),
            ("easel_pictures_made", "Pictures, by where they were saved.", "folder", made),
            ("easel_http_responses", "HTTP responses, by class of status.", "status", self.tally.responses),
        )
        for name, explained, label, numbers in tables:
            family = CounterMetricFamily(name, explained, labels=[label])
            for value, number in sorted(dict(numbers).items()):
                family.add_metric([value], number)
            yield family
        yield SummaryMetricFamily("easel_step_seconds", "Seconds from a step of a picture to its next.",
                                  count_value=tally.steps, sum_value=tally.step_seconds)
        yield CounterMetricFamily("easel_worker_restarts", "Workers that died and were replaced.", tally.deaths)

    def _now(self) -> Iterator[Any]:
        from prometheus_client.core import GaugeMetricFamily

        word = readiness(self.jobs)
        yield GaugeMetricFamily("easel_ready", "1 if /internal/ready says so.", float(word in TAKES_JOBS))
        state = GaugeMetricFamily("easel_state", "The state that /internal/ready gives.", labels=["state"])
        state.add_metric([word], 1)
        yield state
        yield GaugeMetricFamily("easel_open_streams", "Open streams of events.", self.app.streams.open.total())
        memory = GaugeMetricFamily("easel_memory_bytes", "Resident memory, by process.", labels=["process"])
        for process, size in resident_memory().items():
            memory.add_metric([process], size)
        yield memory
