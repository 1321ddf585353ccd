"""/easel/v1/train: runs of training, started, followed and steered. Each is a job like any other."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import Field

from modules.api.audit_log import note_own
from modules.api.jobs import JobStarted
from modules.api.routing import KnownFields, account, few_unknown, router
from modules.app.app import App
from modules.base.accounts import Role
from modules.base.limits import Id
from modules.params.training import Training
from modules.requests.submit import Submission, submit
from modules.requests.training_runs import (
    LARGEST_RATE,
    order_of_run,
    pause_run,
    resume_run,
    run_of_job,
    runs_of,
    thinned_log,
    unfinished_job,
)
from modules.store.run_folder import RATE, SAMPLE, SNAPSHOT

MOST_POINTS = 10_000


class RateChange(KnownFields):
    """A change of a run's learning rates."""

    value: float = Field(description="By which all rates are multiplied from the next step on.", ge=0, le=LARGEST_RATE)


def routes(app: App) -> APIRouter:
    api = router("training", "/easel/v1", Role.MEMBER)
    add_runs(api, app)
    add_steering(api, app)
    return api


def add_runs(api: APIRouter, app: App) -> None:
    """Add the routes by which runs begin and are followed."""

    @api.post("/train")
    def begin(body: Annotated[Training, few_unknown(Training)], request: Request) -> JobStarted:
        """Train; the answer is the job's id at once. `resume` names a run that goes on from its last state."""
        submitted = submit(app, Submission("train", body), account(request))
        note_own(app, request, "began a training", submitted.job)
        return JobStarted(job=submitted.job, notes=list(submitted.notes))

    @api.get("/train")
    def runs(request: Request) -> list[dict[str, Any]]:
        """The caller's runs, the newest first."""
        return [run.facts() for run in runs_of(app, account(request))]

    @api.get("/train/{job}/log")
    def log(
        job: Id, request: Request, since: Annotated[int, Query(ge=-1)] = -1,
        points: Annotated[int, Query(ge=1, le=MOST_POINTS)] = 1000,
    ) -> list[dict[str, Any]]:
        """What happened at the steps after `since`: loss, rates, gradient norm; validations; changes of the rate."""
        return thinned_log(run_of_job(app, job, account(request)), since, points)

    @api.get("/train/{job}/samples")
    def samples(job: Id, request: Request) -> list[dict[str, Any]]:
        """The samples: step, row, prompt, and the job that drew or draws the picture."""
        return run_of_job(app, job, account(request)).folder.samples()

    @api.get("/train/{job}/snapshots")
    def snapshots(job: Id, request: Request) -> list[dict[str, Any]]:
        """The files that the run has written."""
        record = run_of_job(app, job, account(request)).record
        outputs = record.outputs if record else ()
        return [{"index": each.index, "name": Path(each.path).name, **each.facts} for each in outputs]


def add_steering(api: APIRouter, app: App) -> None:
    """Add the routes that say to a run what it does next."""

    @api.post("/train/{job}/pause", status_code=204)
    def pause(job: Id, request: Request) -> None:
        """Keep the run's state before the next step, and leave the device until it is resumed."""
        pause_run(app, run_of_job(app, job, account(request)), account(request))

    @api.post("/train/{job}/resume")
    def resume(job: Id, request: Request) -> JobStarted:
        """Go on, as if there had been no pause; of a run that has ended, as a new job."""
        found = resume_run(app, run_of_job(app, job, account(request)), account(request))
        return JobStarted(job=found, notes=[])

    @api.post("/train/{job}/stop", status_code=204)
    def stop(job: Id, request: Request) -> None:
        """End the run before its next step, with a state and a snapshot."""
        run = run_of_job(app, job, account(request))
        app.jobs.interrupt(unfinished_job(run).id)

    @api.post("/train/{job}/rate", status_code=204)
    def rate(job: Id, body: RateChange, request: Request) -> None:
        """Change the learning rates; the log notes it."""
        order_of_run(run_of_job(app, job, account(request)), RATE, body.value)

    @api.post("/train/{job}/sample", status_code=204)
    def sample(job: Id, request: Request) -> None:
        """Have samples drawn before the next step, with a snapshot that is written for them."""
        order_of_run(run_of_job(app, job, account(request)), SAMPLE)

    @api.post("/train/{job}/snapshot", status_code=204)
    def snapshot(job: Id, request: Request) -> None:
        """Have a snapshot written before the next step."""
        order_of_run(run_of_job(app, job, account(request)), SNAPSHOT)
