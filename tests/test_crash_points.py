"""What is saved outlives a death at each call that Python makes; crash_points.py run by itself does it at all calls."""

from __future__ import annotations

import os

import pytest

from tests.crash_points import REFUSED, SAVINGS, act, cut_at_each_call, fresh, next_start

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
FEWEST_POINTS = {"picture": 8, "picture of a lost job": 8, "setting": 6, "styles": 4, "account": 1, "card": 4, "picture's data": 4}


@pytest.mark.slow
@pytest.mark.parametrize("name", SAVINGS)
def test_a_death_at_each_call_leaves_the_old_or_the_new(name, tmp_path):
    found = list(cut_at_each_call(name, tmp_path))
    assert len(found) >= FEWEST_POINTS[name] and found[0][1] == "old" and found[-1][1] == "new"


@pytest.mark.parametrize("call", ["fsync", "mkdir"])
@pytest.mark.parametrize("name", [name for name in SAVINGS if name != "account"])
def test_a_disk_that_fails_is_told_and_leaves_the_old(name, call, tmp_path, monkeypatch):
    folder = fresh(name, tmp_path)

    def failing(*_, **named):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, failing)
        code = act(name, folder)
    found = next_start(SAVINGS[name], folder)
    assert (code, found) in ((REFUSED, "old"), (0, "new")), call
