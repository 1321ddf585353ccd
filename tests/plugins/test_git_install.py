"""Extensions from a real repository: installed, updated, brought back; nothing of a hostile one is run or followed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from modules.base.errors import Conflict
from modules.plugins import git_install
from modules.plugins.git_install import GitFailed, install_from_address, switch_extension, update_extension
from modules.plugins.manifest import find_extensions
from modules.plugins.repository import repository_of

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
