"""Work on files goes on in the background, one at a time, and is its owner's alone."""

from __future__ import annotations

from threading import Event, Thread

import pytest

from modules.app.chores import Chores
from modules.base.errors import Invalid, UnknownName


@pytest.fixture
def chores():
    made = Chores()
    yield made
    made.close()


def ended(chores, chore, want):
    for _ in range(500):
        if chores.get(chore.id, "me").state == want:
            return chores.get(chore.id, "me")
        Event().wait(0.01)
    raise AssertionError(chores.get(chore.id, "me"))


def test_what_it_made_can_be_asked_for(chores):
    found = ended(chores, chores.begin("Work", "me", lambda told: told(1, 2) or {"name": "x"}), "done")
    assert (found.result, found.done, found.of, found.error) == ({"name": "x"}, 1, 2, None)


def test_what_went_wrong_is_told_in_words(chores):
    def wrong(told):
        raise Invalid("No.", "Try yes.")

    found = ended(chores, chores.begin("Work", "me", wrong), "failed")
    assert (found.error["message"], found.error["hint"]) == ("No.", "Try yes.")


def test_it_can_be_stopped_between_steps(chores):
    begun = Event()

    def endless(told):
        begun.set()
        while True:
            told(0, 1)

    chore = chores.begin("Work", "me", endless)
    begun.wait(5)
    chores.stop(chore.id, "me")
    ended(chores, chore, "interrupted")


def test_somebody_elses_does_not_exist(chores):
    chore = chores.begin("Work", "me", lambda told: {})
    with pytest.raises(UnknownName):
        chores.get(chore.id, "you")


def test_many_threads_may_begin_at_once(chores):
    """A list that grows while it is looked through would refuse."""
    failed = []

    def begin():
        try:
            for _ in range(500):
                chores.begin("Work", "me", lambda told: {})
        except RuntimeError as error:
            failed.append(error)

    threads = [Thread(target=begin) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
