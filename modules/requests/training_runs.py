"""Runs of an account: listed, looked at, paused, resumed, stopped, and asked for a sample or a snapshot. No torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modules.app.app import App
from modules.base.accounts import Account
from modules.base.errors import Conflict, Invalid, NotFound
from modules.params.training import Training
from modules.requests.submit import Submission, submit
from modules.store.jobs import DONE, JobRecord
from modules.store.run_folder import PAUSE, RATE, RUN_ORDERS, RunFolder

LARGEST_RATE = 1_000.0      # factor of a run's rates


@dataclass(frozen=True)
class TrainingRun:
    """A run: its folder, and the newest job that it is carried out by, if that is still recorded."""

    folder: RunFolder
    record: JobRecord | None

    @property
    def name(self) -> str:
        return self.folder.root.name

    @property
    def state(self) -> str:
        """Return the job's state; a job that waits to be let go on is "paused"."""
        if self.record is None:
            return DONE if "finished" in self.folder.manifest() else "interrupted"
        return "paused" if self.record.paused and not self.record.ended else self.record.state

    def facts(self) -> dict[str, Any]:
        """Return the run for lists."""
        told, params = self.folder.manifest(), dict(self.record.params) if self.record else {}
        last = next(iter(reversed([line["step"] for line in self.folder.log() if "loss" in line])), -1)
        return {
            "run": self.name, "job": self.record.id if self.record else "", "state": self.state, "step": last + 1,
            "steps": told.get("steps", params.get("max_train_steps", 0)), "begun": told.get("begun"),
            "finished": told.get("finished"),
            "name": (told.get("params") or params).get("output_name", ""),
        }


def runs_of(app: App, account: Account) -> list[TrainingRun]:
    """Return an account's runs, the newest first; those that wait for their turn before all."""
    waiting = waiting_jobs(app, account)      # before the folders, of which one may be made by now
    root = app.data_of(account.name).paths.runs
    folders = [RunFolder(path) for path in root.iterdir() if path.is_dir()] if root.is_dir() else []
    found = [each for each in folders if each.exists]
    begun = [
        run_in(app, each, waiting.pop(each.root, None))
        for each in sorted(found, key=lambda each: -each.manifest().get("begun", 0.0))
    ]
    return [*(TrainingRun(RunFolder(folder), record) for folder, record in waiting.items()), *begun]


def waiting_jobs(app: App, account: Account) -> dict[Path, JobRecord]:
    """Return an account's trainings that have not ended, by the run's folder."""
    jobs = (each for each in app.jobs.store.unfinished() if each.kind == "train" and each.owner == account.name)
    return {Path(each.params["run_folder"]): each for each in jobs}


def run_in(app: App, folder: RunFolder, waiting: JobRecord | None = None) -> TrainingRun:
    """Return the run of a folder, as its job is now.

    waiting: a job that has not ended when the jobs were read, and that goes on with the run
    """
    job = waiting.id if waiting else folder.manifest().get("job", "")
    return TrainingRun(folder, app.jobs.store.brief(job) if job else None)


def run_of_job(app: App, job: str, account: Account) -> TrainingRun:
    """Return the run of a job. Raises UnknownName, NotFound if the job trains nothing."""
    record = app.jobs.get(job, account.name)
    if record.kind != "train":
        raise NotFound("This job is no training.", "GET /easel/v1/train lists those there are.")
    return TrainingRun(RunFolder(Path(record.params["run_folder"])), record)


def named_run(app: App, name: str, account: Account) -> TrainingRun:
    """Return an account's run by its name, or by the name of its file. Raises NotFound."""
    for run in runs_of(app, account):
        if name in (run.name, run.folder.params().get("output_name")):
            return run
    raise NotFound(f"There is no run called {name!r:.200}.", "webui.py train --list shows all.")


def pause_run(app: App, run: TrainingRun, account: Account) -> None:
    """Let a run keep its state and wait. Raises Conflict if it has ended."""
    record = unfinished_job(run)
    if app.jobs.unfinished.is_in_hand(record.id) or record.id not in app.jobs.unfinished.live:
        run.folder.order(PAUSE)
    else:
        app.queue.pause(record.id, True, account.name)


def resume_run(app: App, run: TrainingRun, account: Account) -> str:
    """Let a run go on; returns the job that carries it out, a new one if its own has ended. Raises Conflict."""
    if run.record and not run.record.ended:
        app.queue.pause(run.record.id, False, account.name)
        return run.record.id
    return submit(app, Submission("train", Training(resume=run.name)), account).job


def order_of_run(run: TrainingRun, what: str, value: float = 0.0) -> None:
    """Ask something of a run before its next step. Raises Conflict or Invalid."""
    unfinished_job(run)
    if what not in RUN_ORDERS:
        raise Invalid(f"A run cannot be asked for {what!r:.80}.", f"It can: {', '.join(RUN_ORDERS)}.", "what")
    if what == RATE and not 0 <= value <= LARGEST_RATE:
        raise Invalid(f"The rates cannot be multiplied by {value:g}.", f"Choose 0 to {LARGEST_RATE:g}.", "value")
    run.folder.order(what, value)


def unfinished_job(run: TrainingRun) -> JobRecord:
    """Return a run's job. Raises Conflict if it has ended."""
    if run.record is None or run.record.ended:
        raise Conflict("The run has ended.", "Resume it to go on from its last state.")
    return run.record


def thinned_log(run: TrainingRun, since: int, points: int) -> list[dict[str, Any]]:
    """Return the lines of a run's log after a step: all validations and changes of rate, and so many losses."""
    lines = list(run.folder.log(since))
    losses = [line for line in lines if "loss" in line]
    every = max(1, -(-len(losses) // max(1, points)))
    kept = {id(line) for line in [*losses[every - 1 :: every], *losses[-1:]]}
    return list(chosen(lines, kept))


def chosen(lines: list[dict[str, Any]], kept: set[int]) -> Iterator[dict[str, Any]]:
    return (line for line in lines if "loss" not in line or id(line) in kept)
