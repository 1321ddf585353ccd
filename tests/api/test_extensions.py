"""Extensions over the API: listed, switched, and not changed from elsewhere."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from modules.api.extensions import is_wanted, set_enabled
from modules.base.errors import AlreadyRunning, Invalid, UnknownName
from modules.base.process_file import ProcessFile
from modules.commands.assemble import assemble
from modules.commands.extension import extension
from modules.commands.serve import application
from modules.plugins import installers
from modules.plugins.git_install import checked_address, folder_name
from modules.plugins.host import SWITCHED_OFF
from modules.plugins.switches import NOT_FOR_OTHERS, LoadingMarker, switched_off
from modules.settings.file import SettingsFile
from modules.settings.flags import Flags

OURS = Path(__file__).parents[1] / "plugins" / "extensions"
COMMIT = "0123456789" * 4


@pytest.fixture
def app(tmp_path):
    """Easel with one extension, found and not loaded, as git has left it."""
    folder = tmp_path / "extensions" / "tier-a"
    shutil.copytree(OURS / "tier-a", folder)
    (folder / ".git").mkdir()
    (folder / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (folder / ".git" / "packed-refs").write_text(f"# pack-refs\n{COMMIT} refs/heads/main\n")
    (folder / ".git" / "config").write_text('[remote "origin"]\n\turl = https://me:word@example.org/some/tier-a\n')
    found = assemble(Flags(data_dir=tmp_path))
    found.extensions.examples = None        # those that come with Easel are not what these tests look at
    found.extensions.find()
    return found


def client_of(app):
    return TestClient(application(app, ""), base_url="http://localhost")      # without its lifespan: nothing is loaded


def test_extensions_are_listed_as_in_a1111_and_with_their_state(app):
    client = client_of(app)
    listed = client.get("/sdapi/v1/extensions").json()[0]
    assert listed.pop("commit_date")
    assert listed == {
        "name": "tier-a", "remote": "https://example.org/some/tier-a", "branch": "main", "commit_hash": COMMIT,
        "version": COMMIT[:8], "enabled": True,
    }
    details = client.get("/easel/v1/extensions").json()[0]
    assert (details["state"], details["why"], details["licence"]) == ("loaded", "", "")


def test_one_that_is_switched_off_is_off_at_the_next_start(app):
    client = client_of(app)
    assert client.post("/easel/v1/extensions/tier-a", json={"enabled": False}).json()["restart"] is True
    next_one = assemble(app.flags)
    next_one.extensions.load(next_one)
    found = next_one.extensions.state_of("tier-a")
    assert (found.state, found.why) == (SWITCHED_OFF, "It is switched off.")
    client.post("/easel/v1/extensions/tier-a", json={"enabled": True})
    assert app.settings.foreign["disabled_extensions"] == []
    refused = client.post("/easel/v1/extensions/tier-b", json={"enabled": True})
    assert refused.status_code == 404 and "tier-a" in refused.json()["hint"]


def test_beyond_this_computer_they_are_changed_only_with_a_flag(app):
    app.flags = replace(app.flags, server_name="192.0.2.1", allowed_hosts=("localhost",))
    refused = client_of(app).post("/easel/v1/extensions/tier-a", json={"enabled": False})
    assert refused.status_code in (401, 403)
    assert app.settings.foreign["disabled_extensions"] == []


def test_where_others_are_each_is_off_until_it_is_switched_on_for_them(app):
    """Also for whoever has used it alone before; one without code is on."""
    words = app.extensions.root / "words" / "localizations"
    words.mkdir(parents=True)
    (words / "xx.json").write_text("{}")

    def states(**more):
        next_one = assemble(replace(app.flags, **more))
        next_one.extensions.load(next_one)
        found = {each.name: (each.state, each.why) for each in next_one.extensions.extensions if each.name in ours}
        next_one.extensions.unload()
        return next_one, found

    ours, shared = ("tier-a", "words"), {"server_name": "192.0.2.1", "allowed_hosts": ("localhost",)}
    assert states()[1] == {"tier-a": ("loaded", ""), "words": ("loaded", "")}
    there, found = states(**shared)
    assert found == {"tier-a": (SWITCHED_OFF, NOT_FOR_OTHERS), "words": ("loaded", "")}
    assert not is_wanted(there, "tier-a")
    set_enabled(there, "tier-a", True)
    assert is_wanted(there, "tier-a") and states(**shared)[1]["tier-a"] == ("loaded", "")
    set_enabled(there, "tier-a", False)
    assert states(**shared)[1]["tier-a"] == states()[1]["tier-a"] == (SWITCHED_OFF, "It is switched off.")


def test_extensions_are_switched_at_the_computer_itself(app, capsys):
    flags = app.flags
    assert extension(flags, ["on", "tier-a"]) == 0
    settings = SettingsFile(flags.paths.settings_file)
    assert (settings.foreign["enabled_for_others"], settings.foreign["disabled_extensions"]) == (["tier-a"], [])
    extension(flags, ["off", "tier-a"])
    settings = SettingsFile(flags.paths.settings_file)
    assert (settings.foreign["enabled_for_others"], settings.foreign["disabled_extensions"]) == ([], ["tier-a"])
    assert capsys.readouterr().out == "tier-a: on\ntier-a: off\n"
    with pytest.raises(UnknownName, match="tier-b"):
        extension(flags, ["on", "tier-a", "tier-b"])
    held = ProcessFile(flags.paths.server_lock)
    with pytest.raises(AlreadyRunning):
        extension(flags, ["on", "tier-a"])
    held.release()


def test_an_installer_is_run_when_somebody_asks_and_its_report_is_kept(app, monkeypatch):
    told = []

    def child(words, flags, log, stopped):
        told.append(words)
        log.write_bytes(b"it begins")

    monkeypatch.setattr(installers, "run_child", child)
    app.extensions.extensions[0].extension.folder.joinpath("install.py").write_text("")
    client, route = client_of(app), "/easel/v1/extensions/tier-a/installer"
    before = client.get(route).json()
    assert (before["state"], before["due"]) == ("never", True)
    with app.installers._one:       # another one is running, so this one waits
        assert client.post(route).json()["state"] == "waiting"
        assert client.post(route).status_code == 409
        assert client.get("/easel/v1/extensions").json()[0]["installer"] == "waiting"
    [thread] = [each for each in threading.enumerate() if each.name == "installer of tier-a"]
    thread.join()
    after = client.get(route).json()
    assert (after["state"], after["due"], after["commit"], after["log"]) == ("failed", False, COMMIT, "it begins")
    assert len(told) == 1 and str(app.extensions.root / "tier-a") in told[0]


def test_an_installer_is_stopped_and_one_that_does_not_run_is_not(app, monkeypatch):
    monkeypatch.setattr(installers, "run_child", lambda words, flags, log, stopped: log.write_bytes(b"") or str(stopped.wait(60)))
    app.extensions.extensions[0].extension.folder.joinpath("install.py").write_text("")
    client, route = client_of(app), "/easel/v1/extensions/tier-a/installer"
    assert client.delete(route).status_code == 409
    client.post(route)
    [thread] = [each for each in threading.enumerate() if each.name == "installer of tier-a"]
    assert client.delete(route).status_code == 202
    thread.join(60)
    assert client.get(route).json()["state"] == "stopped"
    assert client.get("/easel/v1/extensions").json()[0]["installer_due"]


def test_beyond_this_computer_and_by_a_flag_no_installer_is_run(app):
    route = "/easel/v1/extensions/tier-a/installer"
    app.installers.flags = replace(app.flags, skip_install=True)
    assert client_of(app).post(route).status_code == 403
    app.flags = replace(app.flags, server_name="192.0.2.1", allowed_hosts=("localhost",))
    assert client_of(app).post(route).status_code in (401, 403)
    assert client_of(app).delete(route).status_code in (401, 403)
    assert app.installers.report("tier-a").state == "never"


def test_one_that_ended_easel_while_loading_is_left_out_until_it_is_switched_on(tmp_path, app):
    marker = LoadingMarker(app.flags.paths.cache, "server")
    loading = marker.during("tier-a")
    loading.__enter__()         # and Easel ends here
    extension = app.extensions.extensions[0].extension
    after = LoadingMarker(app.flags.paths.cache, "server")
    after.learn()
    assert "ended while it was being loaded" in switched_off(app.flags, {}, after)(extension)
    client_of(app).post("/easel/v1/extensions/tier-a", json={"enabled": True})
    assert switched_off(app.flags, {}, after)(extension) == ""


@pytest.mark.parametrize("flag", [{"disable_all_extensions": True}, {"disable_extensions": ("tier-a",)}])
def test_flags_leave_extensions_out(app, flag):
    flags = replace(app.flags, **flag)
    extension = app.extensions.extensions[0].extension
    assert "without" in switched_off(flags, {}, LoadingMarker(flags.paths.cache, "server"))(extension)


@pytest.mark.parametrize("url", [
    "http://example.org/a/b", "file:///etc", "/etc", "ext::sh -c id", "ssh://git@example.org/a/b", "git@example.org:a/b",
    "--upload-pack=id", "https://user:word@example.org/a/b", "https://example.org/a/../b", "https://example.org/a b",
    "https://example.org/a?b", "https:///a/b", "https://example.org/a\n/b",
])
def test_only_plain_https_addresses_are_fetched(url):
    with pytest.raises(Invalid):
        checked_address(url)


def test_the_folder_has_the_name_at_the_end_of_the_address():
    assert folder_name(checked_address("https://example.org/a/sd-webui-b.git")) == "sd-webui-b"
    for url in ("https://example.org/a/.git", "https://example.org/", "https://example.org/a/.hidden"):
        with pytest.raises(Invalid):
            folder_name(url)
