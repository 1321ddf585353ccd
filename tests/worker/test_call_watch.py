"""Extensions that do not come back: whoever waits is told, an interruption ends the job, and the next one is made."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import pytest

from modules.engine.messages import Ended, JobSpec, Warned
from modules.params.txt2img import Txt2Img
from modules.plugins.host import CallInHand
from modules.settings.options import Settings
from modules.store.jobs import DONE, INTERRUPTED
from modules.worker.hooks import call_watch
from modules.worker.hooks.call_watch import PATIENCE_SECONDS, SLOW_SECONDS, CallWatch
from tests.golden_data import assemble_models
from tests.hooked import WAIT_SECONDS, HookedShop

HANGS = """
import threading
from modules import scripts

class Hangs(scripts.Script):
    def title(self):
        return "Hangs"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def process_batch(self, p, *args, **kwargs):
        {how}
"""
ENDLESS, WAITING = "while True:\n            pass", "threading.Event().wait(60)"


class FakeConductor:
    """Who is told; the call has been quiet and its job interrupted since the seconds it is given."""

    def __init__(self, quiet=None, ended=None):
        self.quiet, self.ended, self.heard = quiet, ended, []

    def quiet_since(self, call):
        return self.quiet

    def interrupted_since(self, call):
        return self.ended

    def tell_slow(self, call):
        self.heard.append("slow")

    def leave(self, call):
        self.heard.append("left")


@pytest.mark.parametrize(("quiet", "ended", "now", "heard"), [
    (None, None, 1000, []),                                     # it waits for the engine
    (None, 0, 1000, []),
    (0, None, SLOW_SECONDS - 1, []),
    (0, None, SLOW_SECONDS, ["slow"]),                          # once, however often one looks
    (0, 5, 5 + PATIENCE_SECONDS - 1, []),
    (0, 5, 5 + PATIENCE_SECONDS, ["left"]),
])
def test_a_call_is_slow_after_a_while_and_left_behind_once_its_job_is_to_end(quiet, ended, now, heard):
    conductor = FakeConductor(quiet, ended)
    host = SimpleNamespace(in_hand={1: CallInHand("one", "process", 1)})
    watch = CallWatch(host, conductor, lambda: now)
    watch.look()
    if "left" not in heard:
        watch.look()
    assert conductor.heard == heard


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    return assemble_models(tmp_path_factory.mktemp("golden-models"))


def job(name: str) -> JobSpec:
    asked = Txt2Img(prompt="a red circle", steps=2, width=64, height=64, seed=5, sampler_name="Euler")
    return JobSpec(name, "me", "txt2img", asdict(asked), asdict(Settings(sd_model_checkpoint="tiny-sd1")))


@pytest.mark.slow
@pytest.mark.parametrize("how", [ENDLESS, WAITING])
def test_interrupting_frees_whoever_waits_for_a_hook_that_hangs(tmp_path, models, monkeypatch, how):
    for name, seconds in (("WATCH_SECONDS", 0.05), ("SLOW_SECONDS", 0.1), ("PATIENCE_SECONDS", 0.1)):
        monkeypatch.setattr(call_watch, name, seconds)
    shop = HookedShop(tmp_path, models)
    scripts = shop.extensions / "hangs/scripts"
    scripts.mkdir(parents=True)
    (scripts / "hangs.py").write_text(HANGS.format(how=how))
    first, second = job("first"), job("second")
    with shop.open():
        shop.worker.submit(first)
        with shop.changed:
            assert shop.changed.wait_for(lambda: shop.of(first.id, Warned), WAIT_SECONDS)
        assert "hangs has been busy in process_batch" in shop.of(first.id, Warned)[0].message
        shop.worker.interrupt(first.id)
        with shop.changed:
            assert shop.changed.wait_for(lambda: shop.of(first.id, Ended), WAIT_SECONDS)
        assert shop.of(first.id, Ended)[0].state == INTERRUPTED
        assert shop.host.state_of("hangs").state == "failed"
        ended, made, _ = shop.made(second)
        assert ended.state == DONE and len(made) == 1
