"""What the merger's page shows while a chore is done, and after."""

from __future__ import annotations

import time
from types import SimpleNamespace

from modules.app.chores import Chores
from modules.ui.tabs.merger import following, stopping
from modules.ui.words import Words

REQUEST = SimpleNamespace(request=SimpleNamespace(scope={}))      # as gradio hands over


def endless(app, values):
    def work(told):
        while True:
            told(1, 4)
            time.sleep(0.01)

    return work


def test_a_chore_is_shown_until_it_is_stopped():
    app = SimpleNamespace(chores=Chores())
    shown = following(app, Words({}), {}, endless)(REQUEST)
    told, button, chore = next(told for told in shown if "25 %" in told[0])
    assert button["visible"] and "progress" in told
    stopping(app)(chore, REQUEST)
    *_, (told, button, chore) = shown
    assert "Nothing was written" in told and not button["visible"] and chore == ""
    app.chores.close()


def test_stopping_what_has_ended_does_nothing():
    app = SimpleNamespace(chores=Chores())
    stopping(app)("gone", REQUEST)
    app.chores.close()
