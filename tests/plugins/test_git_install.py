"""Extensions from a real repository: installed, updated, brought back; nothing of a hostile one is run or followed."""

from __future__ import annotations

import os
import shutil
import subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from modules.base.errors import Conflict
from modules.plugins import git_install, update_check
from modules.plugins.git_install import GitFailed, install_from_address, switch_extension, update_extension
from modules.plugins.manifest import find_extensions
from modules.plugins.repository import repository_of
from modules.plugins.update_check import bring_to, earlier_commits, newer_commits

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "protocol.file.allow=always"]
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(["git", *who, *words], cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit_all(folder: Path, subject: str) -> str:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", subject)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def origin(tmp_path):
    """A repository with one script."""
    folder = tmp_path / "away" / "some-extension"
    (folder / "scripts").mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    (folder / "scripts" / "one.py").write_text("version = 1")
    commit_all(folder, "one")
    return folder


@pytest.fixture
def files_are_fetched(monkeypatch):
    """git may fetch file:// here, which takes the place of https in these tests alone."""
    monkeypatch.setattr(git_install, "HARDENED", (*git_install.HARDENED, "protocol.file.allow=always"))
    monkeypatch.setattr(git_install, "checked_address", lambda url: url)


class GitOverHttp(BaseHTTPRequestHandler):
    """Serves the repositories below `root` by git's own program for it."""

    root: Path

    def serve(self) -> None:
        path, _, query = self.path.partition("?")
        told = {
            "GIT_PROJECT_ROOT": str(self.root), "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path, "QUERY_STRING": query,
            "REQUEST_METHOD": self.command, "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        done = subprocess.run(
            ["git", "http-backend"], input=body, env={**os.environ, **told}, capture_output=True, check=True
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = serve

    def log_message(self, *args: object) -> None:
        """Nothing is said."""


@pytest.fixture
def address(origin, monkeypatch):
    """The address of the repository; http takes the place of https in these tests alone."""
    handler = type("Served", (GitOverHttp,), {"root": origin.parent})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setattr(git_install, "HARDENED", (*git_install.HARDENED, "protocol.http.allow=always"))
    for module in (git_install, update_check):
        monkeypatch.setattr(module, "checked_address", lambda url: url)
    yield f"http://127.0.0.1:{server.server_address[1]}/{origin.name}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_over_http_it_is_installed_asked_for_what_is_newer_and_brought_to_any_commit(tmp_path, origin, address):
    folder = install_from_address(address, tmp_path / "extensions")
    first = repository_of(folder)
    assert first.remote == address and first.commit == git(origin, "rev-parse", "HEAD")
    assert newer_commits(folder).log == ()
    (origin / "scripts" / "one.py").write_text("version = 2")
    second = commit_all(origin, "two")
    found = newer_commits(folder)
    assert found.commit == second and [line.split(maxsplit=1)[1] for line in found.log] == ["two"]
    assert repository_of(folder).commit == first.commit
    update_extension(folder)
    assert (folder / "scripts" / "one.py").read_text() == "version = 2"
    assert earlier_commits(folder) == [first.commit]
    bring_to(folder, first.commit)
    assert (folder / "scripts" / "one.py").read_text() == "version = 1"
    with pytest.raises(GitFailed, match="git: "):
        install_from_address(address.replace("some-extension", "absent"), tmp_path / "extensions")
    assert [path.name for path in (tmp_path / "extensions").iterdir()] == ["some-extension"]


@pytest.mark.usefixtures("files_are_fetched")
def test_it_is_installed_updated_and_brought_back(tmp_path, origin):
    folder = install_from_address(f"file://{origin}", tmp_path / "extensions")
    assert [each.name for each in find_extensions(tmp_path / "extensions")] == ["some-extension"]
    first = repository_of(folder)
    assert first.branch == "main" and first.commit == git(origin, "rev-parse", "HEAD")
    with pytest.raises(Conflict, match="already"):
        install_from_address(f"file://{origin}", tmp_path / "extensions")
    (origin / "scripts" / "one.py").write_text("version = 2")
    second = commit_all(origin, "two")
    (folder / "scripts" / "one.py").write_text("changed by hand")
    before, after = update_extension(folder)
    assert (before.commit, after.commit) == (first.commit, second)
    assert (folder / "scripts" / "one.py").read_text() == "version = 2"
    switch_extension(folder, first.commit)
    assert repository_of(folder).commit == first.commit
    assert (folder / "scripts" / "one.py").read_text() == "version = 1"


@pytest.mark.usefixtures("files_are_fetched")
def test_nothing_of_a_hostile_repository_is_run_or_followed(tmp_path, origin):
    """Hooks, filters and a template run nothing, a link is a file with its target's path, a submodule stays away."""
    trap = tmp_path / "trap"
    for name in ("post-checkout", "post-merge", "reference-transaction"):
        (origin / name).write_text(f"#!/bin/sh\ntouch {trap}\n")
        (origin / name).chmod(0o755)
    (origin / ".gitattributes").write_text("* filter=lfs diff=lfs\n*.py filter=evil\n")
    (origin / "link").symlink_to("/etc/passwd")
    inner = tmp_path / "away" / "inner"
    inner.mkdir()
    git(inner, "init", "-q")
    (inner / "file").write_text("inner")
    commit_all(inner, "inner")
    git(origin, "submodule", "add", "-q", f"file://{inner}", "sub")
    commit_all(origin, "hostile")
    folder = install_from_address(f"file://{origin}", tmp_path / "extensions")
    assert not trap.exists()
    assert not (folder / "link").is_symlink() and (folder / "link").read_text() == "/etc/passwd"
    assert not list((folder / "sub").iterdir())
    assert not list((folder / ".git" / "hooks").glob("*"))


@pytest.mark.usefixtures("files_are_fetched")
def test_what_is_too_large_or_was_broken_off_leaves_nothing(tmp_path, origin, monkeypatch):
    root = tmp_path / "extensions"
    monkeypatch.setattr(git_install, "LARGEST_CLONE", 10)
    with pytest.raises(GitFailed, match="The repository has"):
        install_from_address(f"file://{origin}", root)
    with pytest.raises(GitFailed, match="git: "):
        install_from_address(f"file://{origin.parent}/absent", root)
    assert list(root.iterdir()) == []
    (root / ".new-half" / "extension" / "scripts").mkdir(parents=True)      # of a program that was killed meanwhile
    assert find_extensions(root) == []


def test_as_it_is_git_fetches_nothing_but_https(tmp_path, origin):
    for url in (f"file://{origin}", str(origin), "ext::sh -c id", "ssh://localhost/a"):
        with pytest.raises(GitFailed, match="not allowed|transport|protocol"):
            git_install.run_git(["clone", "--", url, str(tmp_path / "there")], tmp_path)
    assert not (tmp_path / "there").exists()
