"""The counts of a server, by events and a clock of the test's own."""

from __future__ import annotations

from modules.app.tally import Tally
from modules.engine.messages import Ended, Made, Progress, WorkerDied
from modules.store.jobs import MODEL


def tally_with(times):
    return Tally(clock=iter(times).__next__)


def test_the_seconds_of_steps_are_those_between_a_pictures_own_steps():
    tally = tally_with([0.0, 10.0, 12.0, 13.0, 20.0])
    for job, step in (("a", 0), ("b", 0), ("a", 1), ("b", 2), ("a", 3)):
        tally.hear(Progress(job, 0, step, 20, step / 20))
    assert (tally.steps, tally.step_seconds) == (5, 12 + 3 + 8)


def test_a_later_pass_begins_anew_and_counts_no_negative_steps():
    tally = tally_with([0.0, 1.0, 2.0, 3.0])
    for step in (4, 5, 0, 1):
        tally.hear(Progress("a", 0, step, 20, 0.0))
    assert (tally.steps, tally.step_seconds) == (2, 2.0)


def test_pictures_jobs_errors_and_deaths_are_counted():
    tally = Tally()
    for event in (
        Made("a", 0, "/outputs/0.png"), Made("a", 1, "/cache/1.png", saved=False), Made("b", 0, "/models/m", kind=MODEL),
        Ended("a", "failed", {"error": "disk_full"}), Ended("b", "done"), WorkerDied("", ("c",)),
    ):
        tally.hear(event)
    assert dict(tally.pictures) == {True: 1, False: 1}
    assert (dict(tally.jobs), dict(tally.errors), tally.deaths) == ({"failed": 1, "done": 1}, {"disk_full": 1}, 1)


def test_nothing_is_remembered_of_pictures_that_are_done_or_lost():
    tally = Tally()
    for index in range(3):
        tally.hear(Progress("a", index, 1, 20, 0.0))
    tally.hear(Progress("b", 0, 1, 20, 0.0))
    tally.hear(Made("a", 0, "/outputs/0.png"))
    tally.hear(Ended("a", "interrupted"))
    tally.hear(WorkerDied("", ("b",)))
    assert tally._last == {}
