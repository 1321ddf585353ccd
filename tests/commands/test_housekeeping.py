"""What nobody needs goes, what somebody may need stays."""

from __future__ import annotations

import os
from dataclasses import asdict

import pytest

from modules.commands.assemble import assemble
from modules.commands.housekeeping import clear_after_worker, clear_old_pictures, forget_old_jobs, list_lost_pictures
from modules.settings.flags import parse_flags
from modules.store.jobs import DONE, JobRecord, OutputRecord
from tests.requests.test_found_pictures import picture

LONG_AGO = 1_000_000.0


@pytest.fixture
def app(tmp_path):
    return assemble(parse_flags(["--data-dir", str(tmp_path)], {}))


def old(path):
    picture(path)
    os.utime(path, (LONG_AGO, LONG_AGO))
    return path


def test_old_pictures_of_the_cache_go_and_those_that_waiting_jobs_start_from_stay(app):
    cache, outputs = app.flags.paths.cache, app.flags.paths.outputs
    gone = [old(cache / "a-0.png"), old(cache / "inputs" / f"{'1' * 64}.png"), old(cache / "inputs/bob/a.png")]
    needed = old(cache / "inputs" / f"{'2' * 64}.png")
    stay = [picture(cache / "b-0.png"), old(outputs / "txt2img-images/a.png"), old(cache / "sub/a.png"), needed]
    app.jobs.store.add(JobRecord("one", "local", "img2img", {"images": [needed.name]}, {}, True))
    clear_old_pictures(app)
    assert not any(path.exists() for path in gone) and all(path.exists() for path in stay)


def test_half_written_files_of_a_killed_worker_go_and_what_is_being_written_stays(app):
    outputs, cache = app.flags.paths.outputs, app.flags.paths.cache
    left = [old(outputs / f"bob/txt2img-grids/.{'a' * 32}.tmp"), old(cache / f".{'b' * 32}.tmp")]
    stay = [picture(outputs / f"bob/.{'c' * 32}.tmp"), old(outputs / "bob/.mine.tmp"), old(outputs / "bob/a.png")]
    clear_after_worker(app)
    assert not any(path.exists() for path in left) and all(path.exists() for path in stay)


def test_records_beyond_the_settings_number_are_forgotten_and_their_pictures_stay(app, tmp_path):
    kept = picture(tmp_path / "outputs/a.png")
    output = OutputRecord(0, str(kept), "", {}, True)
    for name in ("first", "second", "third", "waiting"):
        app.jobs.store.add(JobRecord(name, "local", "txt2img", {}, asdict(app.settings.current), True))
        app.jobs.store.add_output(name, output)
    for name in ("first", "second", "third"):
        app.jobs.store.set_state(name, DONE)
    forget_old_jobs(app)
    assert len(app.jobs.store.recent("local")) == 4
    app.settings.change(job_history_limit=1)
    forget_old_jobs(app)
    assert [job.id for job in app.jobs.store.recent("local")] == ["waiting", "third"] and kept.exists()


def test_found_pictures_belong_to_the_account_whose_folder_they_are_in(app, tmp_path):
    (tmp_path / "configs/accounts/alice").mkdir(parents=True)
    picture(tmp_path / "outputs/alice/txt2img-images/a.png")
    picture(tmp_path / "outputs/txt2img-images/alice/a.png")
    list_lost_pictures(app, lambda: False)
    assert len(app.jobs.store.recent("alice")) == len(app.jobs.store.recent("local")) == 1
