"""What an extension's folder says of the git repository that it came from; git itself is not run."""

from __future__ import annotations

import configparser
import re
from dataclasses import dataclass
from pathlib import Path

LARGEST_GIT_FILE = 1 * 2**20        # bytes of a text of .git
COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Repository:
    remote: str = ""
    branch: str = ""
    commit: str = ""
    changed: int = 0        # when its commit was put there, in seconds since 1970


def repository_of(folder: Path) -> Repository:
    """Return where an extension came from; empty texts where its folder does not say."""
    git = folder / ".git"
    head = git_text(git / "HEAD").strip()
    reference = head.removeprefix("ref: ") if head.startswith("ref: refs/") and ".." not in head else ""
    commit = git_text(git / reference).strip() or packed_commit(git, reference) if reference else head
    found = COMMIT.fullmatch(commit)
    changed = int((git / "HEAD").stat().st_mtime) if head else 0
    return Repository(remote_of(git), reference.removeprefix("refs/heads/"), found[0] if found else "", changed)


def git_text(path: Path) -> str:
    """Return a file of .git; "" if it is missing or too large."""
    try:
        return path.read_text("utf-8", errors="replace") if path.stat().st_size <= LARGEST_GIT_FILE else ""
    except OSError:
        return ""


def packed_commit(git: Path, reference: str) -> str:
    lines = (line.partition(" ") for line in git_text(git / "packed-refs").splitlines())
    return next((commit for commit, _, name in lines if name == reference), "")


def remote_of(git: Path) -> str:
    """Return the address of `origin`, without a password in it."""
    config = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        config.read_string(git_text(git / "config"))
    except configparser.Error:
        return ""
    url = config.get('remote "origin"', "url", fallback="")
    scheme, between, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if between else ""
