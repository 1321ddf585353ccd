"""An account's runs, listed while they begin, end and go on."""

from __future__ import annotations

import pytest

from modules.base.accounts import LOCAL_ACCOUNT
from modules.commands.assemble import assemble
from modules.requests.training_runs import runs_of
from modules.settings.flags import parse_flags
from modules.store.jobs import DONE, QUEUED, JobRecord
from modules.store.run_folder import RunFolder
from tests.servers import with_tiny_model


@pytest.fixture
def app(tmp_path):
    """The program without a worker."""
    return assemble(parse_flags(["--nowebui", "--data-dir", str(with_tiny_model(tmp_path))], {}))


def folder_of(app, name: str) -> RunFolder:
    return RunFolder(app.data_of(LOCAL_ACCOUNT.name).paths.runs / name)


def add_job(app, job: str, folder: RunFolder, state: str = QUEUED) -> None:
    params = {"run_folder": str(folder.root), "output_name": folder.root.name}
    app.jobs.store.add(JobRecord(job, LOCAL_ACCOUNT.name, "train", params, {}, True, state=state))


def listed(app) -> list[tuple[str, str, str]]:
    return [(run.name, run.record.id if run.record else "", run.state) for run in runs_of(app, LOCAL_ACCOUNT)]


def test_runs_that_wait_are_before_those_that_have_begun(app):
    old, new = folder_of(app, "old"), folder_of(app, "new")
    old.tell(job="one", begun=1.0)
    add_job(app, "one", old, DONE)
    add_job(app, "two", new)
    assert listed(app) == [("new", "two", "queued"), ("old", "one", "done")]


def test_a_run_that_begins_while_the_runs_are_listed_is_listed_once(app, monkeypatch):
    folder, store = folder_of(app, "begins"), app.jobs.store
    add_job(app, "one", folder)
    unfinished = store.unfinished

    def then_it_begins():
        found = unfinished()
        folder.tell(job="one", begun=1.0)
        return found

    monkeypatch.setattr(store, "unfinished", then_it_begins)
    assert listed(app) == [("begins", "one", "queued")]


def test_a_run_that_waits_to_go_on_is_told_with_the_job_that_goes_on_with_it(app):
    folder = folder_of(app, "again")
    folder.tell(job="one", begun=1.0)
    add_job(app, "one", folder, DONE)
    add_job(app, "two", folder)
    assert listed(app) == [("again", "two", "queued")]
