"""What the Extensions tab asks for: updates and ways back, indexes, backups, what code would do, a restart."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from modules.base.errors import Invalid
from modules.commands.assemble import assemble
from modules.commands.serve import application
from modules.plugins import git_install, index, update_check
from modules.plugins.code_reading import code_facts
from modules.plugins.index import IndexUnreachable, read_index
from modules.plugins.manifest import Extension
from modules.plugins.repository import repository_of
from modules.plugins.update_check import earlier_commits, newer_commits
from modules.settings.flags import Flags

OURS = Path(__file__).parents[1] / "plugins" / "extensions"
ENTRY = {"name": "One", "url": "https://example.org/a/one.git", "description": "does", "added": "2024-01-02", "tags": ["tab"]}


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=me", "-c", "user.email=me@example.org", "-c", "init.defaultBranch=main"]
    return subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def source(tmp_path):
    """A repository with one commit, whose extension does nothing."""
    folder = tmp_path / "source"
    shutil.copytree(OURS / "tier-a", folder)
    git(folder, "init", "--quiet")
    committed(folder, "first")
    return folder


def committed(folder: Path, subject: str) -> str:
    (folder / "change.txt").write_text(subject)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", subject)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def installed(tmp_path, source, monkeypatch):
    """The repository's clone below extensions/; only here git may read from a folder."""
    monkeypatch.setattr(git_install, "HARDENED", (*git_install.HARDENED, "protocol.file.allow=always"))
    for module in (git_install, update_check):
        monkeypatch.setattr(module, "checked_address", lambda url: url)
    folder = tmp_path / "data/extensions/some"
    folder.parent.mkdir(parents=True)
    git(tmp_path, "clone", "--quiet", "--depth", "1", source.as_uri(), str(folder))
    return folder


@pytest.fixture
def app(tmp_path, installed):
    found = assemble(Flags(data_dir=tmp_path / "data"))
    found.extensions.examples = None        # those that come with Easel are not what these tests look at
    found.extensions.find()
    return found


@pytest.fixture
def client(app):
    return TestClient(application(app, ""), base_url="http://localhost")      # without its lifespan: nothing is loaded


def test_what_is_newer_is_told_and_nothing_is_changed(source, installed):
    before = repository_of(installed)
    assert newer_commits(installed).log == ()
    newest = [committed(source, subject) for subject in ("second", "third")][-1]
    found = newer_commits(installed)
    assert (found.commit, [line[11:] for line in found.log]) == (newest, ["third", "second"])
    assert repository_of(installed).commit == before.commit and (installed / "change.txt").read_text() == "first"


def test_an_update_has_a_way_back(source, installed, client):
    first, newest = repository_of(installed).commit, committed(source, "second")
    assert client.post("/easel/v1/extensions/some/newer").json()["commit"] == newest
    assert client.post("/easel/v1/extensions/some/update", json={}).json()["after"] == newest
    assert client.get("/easel/v1/extensions").json()[0]["earlier"] == [first]
    assert client.post("/easel/v1/extensions/some/update", json={"commit": first}).json()["after"] == first
    assert earlier_commits(installed) == [newest] and (installed / "change.txt").read_text() == "first"


def test_a_backup_is_a1111s_file_and_brings_commits_and_switches_back(tmp_path, source, installed, client):
    first = repository_of(installed).commit
    saved = client.post("/easel/v1/extension-states", json={"name": "before/../it"}).json()
    [path] = (tmp_path / "data/config_states").iterdir()
    assert path.stem == saved["id"] and path.name.endswith("before_.._it.json")
    assert json.loads(path.read_text())["extensions"]["some"]["commit_hash"] == first
    committed(source, "second")
    client.post("/easel/v1/extensions/some/update", json={})
    client.post("/easel/v1/extensions/some", json={"enabled": False})
    shutil.copytree(OURS / "tier-b", tmp_path / "data/extensions/tier-b")
    told = client.post(f"/easel/v1/extension-states/{saved['id']}/restore").json()["told"]
    states = {each["name"]: each["wanted"] for each in client.get("/easel/v1/extensions").json()}
    assert repository_of(installed).commit == first and states == {"some": True, "tier-b": False}
    assert told == ["tier-b is not in the backup: it is switched off."]
    assert client.post("/easel/v1/extension-states/none/restore").status_code == 404


def test_a_damaged_backup_is_no_backup(tmp_path, client):
    folder = tmp_path / "data/config_states"
    folder.mkdir()
    for name, text in {"a": "{", "b": "[]", "c": '{"created_at": 1, "extensions": {"x": 3}}', "d": '{"extensions": {}}'}.items():
        (folder / f"{name}.json").write_text(text)
    assert client.get("/easel/v1/extension-states").json() == []


def test_one_that_has_come_since_the_start_is_listed_and_can_be_switched(tmp_path, client):
    shutil.copytree(OURS / "tier-b", tmp_path / "data/extensions/tier-b")
    listed = {each["name"]: each for each in client.get("/easel/v1/extensions").json()}
    assert listed["tier-b"]["state"] == "off" and "at the next" in listed["tier-b"]["why"] and listed["tier-b"]["wanted"]
    assert client.post("/easel/v1/extensions/tier-b", json={"enabled": False}).status_code == 200


def test_an_index_is_read_from_a_file_below_the_data_folder_alone(tmp_path):
    (tmp_path / "data").mkdir()
    foreign = {"name": "Two", "url": "file:///etc", "tags": "x"}
    (tmp_path / "data/index.json").write_text(json.dumps({"tags": {"tab": "has a tab"}, "extensions": [ENTRY, foreign, 3]}))
    (tmp_path / "index.json").write_text('{"extensions": []}')
    found = read_index("index.json", tmp_path / "data")
    assert [each.name for each in found.entries] == ["One"] and found.tags == {"tab": "has a tab"}
    for source in ("../index.json", str(tmp_path / "index.json"), "none.json", "/etc/passwd", "http://example.org/i.json",
                   "https://me:word@example.org/i.json"):
        with pytest.raises(Invalid):
            read_index(source, tmp_path / "data")


@pytest.mark.parametrize("text", ["", "[]", '{"extensions": 3}', "[" * 100_000])
def test_what_is_no_index_is_refused(tmp_path, text):
    (tmp_path / "index.json").write_text(text)
    with pytest.raises(Invalid):
        read_index("index.json", tmp_path)


class IndexServer(BaseHTTPRequestHandler):
    def do_GET(self):
        content = json.dumps({"extensions": [ENTRY]}).encode()
        self.send_response(302 if self.path == "/moved" else 200)
        self.send_header("Location", "/index.json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        pass


@pytest.fixture
def index_address():
    server = ThreadingHTTPServer(("127.0.0.1", 0), IndexServer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_an_index_is_read_from_its_address_and_from_nowhere_else(client, index_address, tmp_path):
    reply = client.post("/easel/v1/extension-index", json={"source": f"{index_address}/index.json"})
    assert [each["url"] for each in reply.json()["entries"]] == [ENTRY["url"]]
    with pytest.raises(IndexUnreachable):
        read_index(f"{index_address}/moved", tmp_path)


@pytest.mark.parametrize("file", ["a\0.json", "../a.json", "/etc/a.json", f"{'a' * 300}.json", "a/../../b.json", "C:a.json"])
def test_a_file_of_an_index_lies_below_the_data_folder_whose_place_is_not_told(client, file):
    reply = client.post("/easel/v1/extension-index", json={"source": file})
    assert reply.status_code == 422 and reply.json()["hint"] == "A file is a .json below the data folder."


def test_a_long_index_is_refused(client, index_address, monkeypatch):
    monkeypatch.setattr(index, "LARGEST_INDEX", 50)
    assert client.post("/easel/v1/extension-index", json={"source": index_address}).status_code == 422


def test_reading_code_tells_what_it_would_do(tmp_path):
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/one.py").write_text(
        "import requests, no_such_package\nfrom modules import images, shared\nimport helper\n"
        "images.save_image = print\nshared.opts.x = 1\nexec('')\n"
    )
    (tmp_path / "helper.py").write_text("import threading\n")
    (tmp_path / "broken.py").write_text("def (")
    found = code_facts(Extension(tmp_path))
    assert set(found.does) == {
        "It can use the network.", "It replaces functions of the program.", "It makes code out of text.",
        "It runs threads of its own.",
    }
    assert "no_such_package" in found.missing and "helper" not in found.missing


def test_all_are_switched_off_and_back(app, client):
    client.post("/easel/v1/extension-keeping", json={"disable_all": "all"})
    assert client.get("/easel/v1/extension-keeping").json()["disable_all"] == "all"
    next_one = assemble(app.flags)
    next_one.extensions.load(next_one)
    why = {each.name: each.why for each in next_one.extensions.extensions}
    assert not why.pop("prompt-matrix")      # a script of A1111's own
    assert set(why.values()) == {"The settings switch all extensions off."}
    assert client.post("/easel/v1/extension-keeping", json={"disable_all": "some"}).status_code == 422


def test_a_restart_is_asked_for_once_there_is_a_server_to_end(app, client):
    assert client.post("/easel/v1/restart").status_code == 409
    ended = threading.Event()
    app.restart.end = ended.set
    assert client.post("/easel/v1/restart").json() == {"started": app.restart.began}
    assert ended.is_set() and app.restart.wanted


def test_beyond_this_computer_nothing_is_changed_and_the_page_says_why(app, client):
    app.flags = replace(app.flags, server_name="192.0.2.1")
    assert "--enable-insecure-extension-access" in client.get("/easel/v1/extension-keeping").json()["why_not"]
    for path, body in (("extension-index", {"source": "i.json"}), ("restart", None), ("extensions/some/newer", None),
                       ("extension-keeping", {"disable_all": "all"})):
        assert client.post(f"/easel/v1/{path}", json=body).status_code == 403
