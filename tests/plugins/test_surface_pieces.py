"""Pieces of A1111's surface that extensions use around pictures: saving a gallery, its API as a value, commands."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image

from modules.imaging.read import read_metadata
from modules.plugins.hollow import NotHere
from modules.plugins.host import Host, surface
from modules.settings.file import SettingsFile
from modules.settings.flags import Flags

OURS = Path(__file__).parent / "extensions"
TEXT = "a fox\nSteps: 1, Seed: 2"


@pytest.fixture
def host(tmp_path):
    shutil.copytree(OURS, tmp_path / "extensions")
    found = Host(tmp_path / "extensions")
    settings = SettingsFile(tmp_path / "config.json")
    found.load(SimpleNamespace(flags=Flags(data_dir=tmp_path), settings=settings))
    yield found
    found.unload()


def test_a_gallery_is_saved_with_its_data_one_picture_or_all_and_as_an_archive(host):
    save_files, shown = surface("ui_common").save_files, [(Image.new("RGB", (8, 8), colour), None) for colour in ("red", "blue")]
    told, words = save_files(json.dumps({"infotexts": [TEXT, TEXT]}), shown, False, 1)
    [path] = told["value"]
    assert read_metadata(Path(path).read_bytes()).infotext == TEXT and Path(path).name in words
    assert Path(path).is_relative_to(host.program.flags.paths.data_dir)
    told, _ = save_files(json.dumps({}), shown, True, -1)
    assert [Path(each).suffix for each in told["value"]] == [".zip", ".png", ".png"]
    assert save_files("{}", [], False, -1)[0]["visible"] is False


def test_the_api_as_a_value_adds_addresses_and_says_what_it_does_not_do(host):
    app = FastAPI()
    api = surface("api.api").Api(app, None)
    api.add_api_route("/mine", lambda: {"is": "here"}, methods=["GET"])
    assert TestClient(app).get("/mine").json() == {"is": "here"}
    with pytest.raises(NotHere, match="Api.text2imgapi"):
        api.text2imgapi(None)


def test_a_caption_is_asked_of_the_server_and_not_of_a_worker(host):
    interrogator = surface("shared").interrogator
    interrogator.unload()
    with pytest.raises(NotHere, match="interrogator"):
        interrogator.load()


def test_a_command_of_an_installer_tells_its_output_line_by_line(host, monkeypatch):
    launch, said = surface("launch_utils"), []
    monkeypatch.setattr(launch, "say", said.append)
    words = [sys.executable, "-c", "import sys; print('one'); print('two', file=sys.stderr)"]
    assert sorted(launch.run(words).split()) == ["one", "two"] == sorted(said)
    assert launch.run(words, live=False) == "one\n" and len(said) == 2
    with pytest.raises(RuntimeError, match="no good\n") as failed:
        launch.run([sys.executable, "-c", "print('why'); raise SystemExit(1)"], errdesc="no good\n")
    assert "why" in str(failed.value)


def test_the_folder_of_an_extension_is_where_it_is(host):
    state = host.extensions[0]
    basedir = surface("scripts").basedir
    assert host.call(state.name, "ui", basedir) == str(state.extension.folder)
    assert host.importing.extension_of(f"{state.extension.folder.resolve()}/scripts/x.py") == state.name
    assert host.importing.extension_of("/elsewhere/x.py") == ""


def test_what_fails_in_the_process_that_draws_is_out_of_use_here_too(host):
    name = host.extensions[0].name
    host.fail_elsewhere(name, "It failed 3 times in a row.")
    host.fail_elsewhere(name, "It failed again.")
    assert (host.state_of(name).state, host.state_of(name).why) == ("failed", "In the process that draws: It failed 3 times in a row.")


REGISTERS = """
from modules import script_callbacks

def heard(*args): ...
def also_heard(*args): ...

script_callbacks.on_image_saved(heard)
script_callbacks.on_cfg_denoiser(heard)
script_callbacks.on_image_saved(also_heard)
def remove_function():
    script_callbacks.remove_callbacks_for_function(also_heard)

def remove_mine():
    script_callbacks.remove_current_script_callbacks()

def clear():
    script_callbacks.clear_callbacks()
"""


@pytest.fixture
def registering(tmp_path):
    """A host of two extensions, the first of two files; each file registers the same three callbacks."""
    for name in ("one/scripts/a.py", "one/scripts/b.py", "two/scripts/a.py"):
        path = tmp_path / "extensions" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(REGISTERS, "utf-8")
    found = Host(tmp_path / "extensions")
    found.load(SimpleNamespace(flags=Flags(data_dir=tmp_path), settings=SettingsFile(tmp_path / "config.json")))
    yield found, {f"{path.parents[1].name}/{path.name}": module for path, (_, module) in found.modules.items()}
    found.unload()


def listening(host):
    return {f"{each.extension}/{each.file.name}" for each in host.listeners("image_saved") + host.listeners("cfg_denoiser")}


def test_a_script_removes_its_own_callbacks_and_no_others(registering):
    host, modules = registering
    assert listening(host) == {"one/a.py", "one/b.py", "two/a.py"}
    modules["one/a.py"].remove_mine()
    assert listening(host) == {"one/b.py", "two/a.py"}
    modules["one/b.py"].clear()
    assert listening(host) == {"two/a.py"}
    surface("script_callbacks").remove_current_script_callbacks()       # not from a script
    surface("script_callbacks").clear_callbacks()
    assert listening(host) == {"two/a.py"}


def test_a_function_is_removed_wherever_it_is_registered(registering):
    host, modules = registering
    modules["two/a.py"].remove_function()
    two = [each.function.__name__ for each in host.listeners("image_saved") if each.extension == "two"]
    assert two == ["heard"] and len(host.listeners("image_saved")) == 5


def test_the_scripts_of_a_tab_are_one_value_whoever_asks(host):
    scripts = surface("scripts")
    assert scripts.scripts_txt2img is scripts.scripts_txt2img is not scripts.scripts_img2img
    assert [each.title() for each in scripts.scripts_txt2img.alwayson_scripts] == ["Fails everywhere", "Tier A", "Tier B"]
    assert scripts.scripts_img2img.is_img2img and surface("shared").opts is surface("shared").opts
