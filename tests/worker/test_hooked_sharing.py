"""What extensions do in one person's job holds for that job alone: settings, failures, scripts left out."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from modules.base.accounts import LOCAL_OWNER
from modules.plugins.host import IN_USE, UNUSABLE
from tests.golden_data import assemble_models
from tests.hooked import HookedShop
from tests.worker.test_hooked import small, written

pytestmark = pytest.mark.slow      # each draws with a model

SETTINGS = """
from modules import script_callbacks, scripts, sd_models, shared

SEEN = []

def on_ui_settings():
    shared.opts.add_option("tier_times", shared.OptionInfo(3, "Times", section=("trying", "Trying")))

script_callbacks.on_ui_settings(on_ui_settings)

class Settings(scripts.Script):
    def title(self):
        return "Settings"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def process(self, p):
        opts = shared.opts
        SEEN.append([opts.tier_times, opts.data["tier_times"], opts.data["eta_noise_seed_delta"]])
        opts.tier_times += 1
        opts.data["tier_times"] += 1
        opts.set("tier_times", opts.tier_times + 1)
        opts.data["live_previews_enable"] = False
        sd_models.reload_model_weights(info=sd_models.select_checkpoint())
        SEEN.append([opts.tier_times, opts.data["tier_times"], opts.live_previews_enable])
        del opts.data["tier_times"]
        SEEN.append(hasattr(opts, "tier_times"))
"""

FAILING = """
from modules import scripts

class Failing(scripts.Script):
    def title(self):
        return "Failing"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def process(self, p):
        raise ValueError("on purpose")

    def postprocess_image(self, p, pp):
        raise ValueError("once more")
"""

STOPPING = """
import sys
from modules import scripts

class Stopping(scripts.Script):
    def title(self):
        return "Stopping"

    def run(self, p):
        raise sys.modules["modules.base.errors"].StopAsked()
"""

CHOOSY = """
from modules import scripts

SEEN = []

class Named(scripts.Script):
    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def postprocess_image(self, p, pp):
        SEEN.append(self.title())

class First(Named):
    def title(self):
        return "First"

    def process(self, p):
        if p.prompt == "without":
            p.scripts.alwayson_scripts = [each for each in p.scripts.alwayson_scripts if each.title() != "Second"]
        if p.prompt == "turned":
            p.scripts.alwayson_scripts.reverse()

class Second(Named):
    def title(self):
        return "Second"
"""


@pytest.fixture
def shop(tmp_path, golden_models) -> HookedShop:
    return HookedShop(tmp_path, golden_models)


@pytest.fixture(scope="module")
def golden_models(tmp_path_factory) -> Path:
    return assemble_models(tmp_path_factory.mktemp("golden-models"))


def seen(name: str) -> list:
    """Return what an extension has noted, while it is loaded."""
    return list(sys.modules[f"easel_extensions.{name}.{name}"].SEEN)


def test_what_a_hook_writes_into_the_settings_holds_for_its_job_alone(shop):
    written(shop, "trying", SETTINGS)
    with shop.open():
        shop.host.program.settings.change(tier_times=5)
        before = (shop.folder / "config.json").read_text()
        for job, delta in (("one", 7), ("two", 0)):
            spec = small(job, override_settings={"eta_noise_seed_delta": delta})
            ended, _, warned = shop.made(spec)
            assert (ended.state, warned) == ("done", [])
        first, second = seen("trying")[:3], seen("trying")[3:]
        assert first == [[5, 5, 7], [8, 8, False], False]
        assert second == [[5, 5, 0], [8, 8, False], False]
        assert (shop.folder / "config.json").read_text() == before


def test_a_job_may_be_given_settings_of_extensions_for_itself(shop):
    written(shop, "trying", SETTINGS)
    with shop.open():
        spec = small("given")
        shop.made(replace(spec, params={**spec.params, "extension_settings": {"tier_times": 40}}))
        shop.made(small("plain"))
        assert [each[0] for each in seen("trying")[::3]] == [40, 3]


def test_a_person_cannot_have_an_extension_switched_off_for_the_others(shop):
    """On one's own machine it is switched off after three jobs in which it failed, however often in each."""
    written(shop, "failing", FAILING)
    with shop.open():
        for job in range(3):
            ended, _, warned = shop.made(replace(small(f"guest-{job}"), owner="anna", role="guest"))
            assert ended.state == "done" and len(warned) == 2
            assert shop.host.state_of("failing").state == IN_USE
        for job in range(3):
            assert shop.host.state_of("failing").state == IN_USE
            shop.made(replace(small(f"own-{job}"), owner=LOCAL_OWNER))
        assert shop.host.state_of("failing").state == UNUSABLE
        assert "3 times in a row" in shop.host.state_of("failing").why


def test_an_end_that_was_asked_for_is_no_failure_of_the_script_it_comes_through(shop):
    written(shop, "stopping", STOPPING)
    with shop.open():
        ended, _, warned = shop.made(replace(small("stopped", script_name="Stopping"), owner=LOCAL_OWNER))
        assert (ended.state, ended.error, warned) == ("interrupted", None, [])
        assert shop.host.state_of("stopping").told == []


def test_hooks_are_called_by_the_list_of_scripts_as_an_extension_leaves_it(shop):
    written(shop, "choosy", CHOOSY)
    with shop.open():
        for prompt in ("with", "without", "turned", "with again"):
            shop.made(small(prompt, prompt=prompt))
        assert seen("choosy") == ["First", "Second", "First", "Second", "First", "First", "Second"]
