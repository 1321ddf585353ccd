"""Extensions in A1111's layout are loaded, each on its own, and nothing is loaded where there are none."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from modules.plugins.host import IN_USE, UNUSABLE, CallFailed, Host
from modules.settings.file import SettingsFile
from modules.settings.flags import Flags
from modules.settings.told_flags import flags_of, setup_line

OURS = Path(__file__).parent / "extensions"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A host of our three extensions, loaded."""
    data = tmp_path_factory.mktemp("data")
    shutil.copytree(OURS, data / "extensions")
    found = Host(data / "extensions")
    found.load(SimpleNamespace(flags=Flags(data_dir=data), settings=SettingsFile(data / "config.json")))
    yield found
    found.unload()


def test_a_host_without_extensions_imports_nothing(tmp_path):
    before, finders, paths = set(sys.modules), list(sys.meta_path), list(sys.path)
    empty = Host(tmp_path / "extensions")
    empty.load(None)
    assert empty.ready.is_set()
    assert empty.extensions == [] and empty.scripts("txt2img") == [] and empty.listeners("ui_tabs") == []
    assert set(sys.modules) == before and sys.meta_path == finders and sys.path == paths


def test_scripts_stand_in_their_tabs_with_their_part_of_the_arguments(host):
    txt2img = [(each.title, each.always_on, each.args_from, each.args_to) for each in host.scripts("txt2img")]
    assert txt2img == [("Fails everywhere", True, 1, 2), ("Tier A", True, 2, 5), ("Tier B", True, 5, 7)]
    assert [each.title for each in host.scripts("img2img")][3:] == ["Tier A, chosen"]


def test_tabs_have_instances_of_their_own(host):
    ones = [next(each.script for each in host.scripts(tab) if each.title == "Tier A") for tab in ("txt2img", "img2img")]
    assert ones[0] is not ones[1]
    assert [each.is_img2img for each in ones] == [False, True]


def test_defaults_are_what_hooks_get(host):
    tier_a = next(each for each in host.scripts("txt2img") if each.title == "Tier A")
    assert tier_a.defaults == [False, "in the rain", 1]     # the place of "after" in the dropdown's list


def test_an_extension_that_fails_is_named_and_the_others_work(host):
    states = {state.name: state for state in host.extensions}
    assert {name: state.state for name, state in states.items()} == dict.fromkeys(states, IN_USE)
    assert states["fails-everywhere"].why == "cannot_load.py could not be loaded: RuntimeError: this file cannot be loaded"


def test_callbacks_are_kept_with_their_extension(host):
    assert [each.extension for each in host.listeners("app_started")] == ["fails-everywhere", "tier-a"]


def test_settings_of_extensions_stand_among_the_others(host):
    assert host.program.settings.foreign["tier_a_times"] == 3
    assert host.options["tier_a_times"].label == "Times"


def test_three_failures_in_a_row_switch_an_extension_off(tmp_path):
    folder = tmp_path / "extensions" / "broken"
    folder.mkdir(parents=True)
    broken = Host(tmp_path / "extensions")
    broken.find()
    for _ in range(2):
        with pytest.raises(CallFailed, match="The extension broken failed in process: ZeroDivisionError"):
            broken.call("broken", "process", lambda: 1 // 0)
    assert broken.call("broken", "process", lambda: 7) == 7     # so the count begins anew
    for _ in range(3):
        assert broken.told_call("broken", "process", lambda: 1 // 0) is None
    assert broken.state_of("broken").state == UNUSABLE
    assert "3 times in a row" in broken.state_of("broken").why


def test_an_extension_that_ends_the_program_does_not(tmp_path):
    (tmp_path / "extensions" / "ends").mkdir(parents=True)
    ends = Host(tmp_path / "extensions")
    ends.find()
    with pytest.raises(CallFailed, match="would end the program"):
        ends.call("ends", "load", sys.exit, 1)


def test_nothing_is_left_after_unloading(tmp_path):
    shutil.copytree(OURS / "tier-a", tmp_path / "extensions" / "tier-a")
    before, finders, paths = set(sys.modules), list(sys.meta_path), list(sys.path)
    data = SimpleNamespace(flags=Flags(data_dir=tmp_path), settings=SettingsFile(tmp_path / "config.json"))
    one = Host(tmp_path / "extensions")
    one.load(data)
    assert "scripts.tier_a" in sys.modules
    one.unload()
    assert not {name for name in set(sys.modules) - before if "tier_a" in name}
    assert sys.meta_path == finders and sys.path == paths


def test_flags_of_extensions_reach_a_workers_process(tmp_path):
    told = json.loads(setup_line(Flags(data_dir=tmp_path, extension_flags=("--wildcards-dir", "w")), {}))
    assert told["extension_flags"] == ["--wildcards-dir", "w"] and flags_of(told["flags"]).data_dir == tmp_path
