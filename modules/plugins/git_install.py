"""Extensions fetched by git: from an https address, with nothing of the repository's being run.

No hook, filter, submodule or link of the repository's takes effect, and no configuration of this computer's.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from modules.base.errors import Conflict, Invalid, WebUIError
from modules.plugins.repository import Repository, repository_of

GIT_SECONDS = 600
LARGEST_CLONE = 1 * 2**30       # bytes, the history's too
FOLDER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
PATH_CHARACTERS = re.compile(r"[A-Za-z0-9._~/+-]{1,1000}")
HARDENED = (
    "protocol.allow=never", "protocol.https.allow=always", "core.hooksPath=/dev/null", "core.symlinks=false",
    "submodule.recurse=false", "filter.lfs.smudge=", "filter.lfs.required=false", "fetch.fsckObjects=true",
    "credential.helper=", "http.followRedirects=initial",
)


class GitFailed(WebUIError):
    """git could not do it; the message is the last line it says."""

    status = 500


def checked_address(url: str) -> str:
    """Return an https address of a repository; raises Invalid for anything else."""
    parts = urlsplit(url)
    more = parts.username, parts.password, parts.query, parts.fragment
    if parts.scheme != "https" or not parts.hostname or any(more) or parts.geturl() != url:
        raise Invalid("That is no address of a repository.", "It begins with https://.", field="url")
    if not PATH_CHARACTERS.fullmatch(parts.path) or ".." in parts.path:
        raise Invalid("That is no address of a repository.", "Copy it from the repository's page.", field="url")
    return url


def folder_name(url: str) -> str:
    """Return the name of the folder that a repository is put into.

    >>> folder_name("https://example.org/somebody/some-extension.git")
    'some-extension'
    """
    name = urlsplit(url).path.rstrip("/").rpartition("/")[2].removesuffix(".git")
    if not FOLDER_NAME.fullmatch(name):
        raise Invalid("That address does not end with a folder's name.", "Copy it from the page.", field="url")
    return name


def install_from_address(url: str, root: Path) -> Path:
    """Fetch an extension into a folder of its own below `root`; it is loaded at the next start.

    Raises Invalid, Conflict if there is a folder of that name, or GitFailed.
    """
    url = checked_address(url)
    folder = root / folder_name(url)
    if folder.exists():
        raise Conflict(f"There is an extension {folder.name} already.", "Update it, or remove its folder first.")
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root, prefix=".new-") as aside:
        fetched = Path(aside, "extension")
        options = ("--depth", "1", "--single-branch", "--no-tags", "--no-recurse-submodules", "--template=")
        run_git(["clone", *options, "--", url, str(fetched)], Path(aside))
        check_clone_size(fetched)
        fetched.rename(folder)
    return folder


def update_extension(folder: Path) -> tuple[Repository, Repository]:
    """Bring an extension to its branch's newest commit; returns what it was and what it is.

    The old commit stays in the repository, so that `switch_extension` can go back. Raises Invalid or GitFailed.
    """
    before = repository_of(folder)
    checked_address(before.remote)
    run_git(["fetch", "--depth", "1", "--no-tags", "--", "origin", before.branch or "HEAD"], folder)
    run_git(["reset", "--hard", "FETCH_HEAD"], folder)
    return before, repository_of(folder)


def switch_extension(folder: Path, commit: str) -> None:
    """Bring an extension to a commit that its repository has. Raises Invalid or GitFailed."""
    if not re.fullmatch(r"[0-9a-f]{40}", commit):
        raise Invalid("That is no commit.", "It has 40 characters, 0 to 9 and a to f.", field="commit")
    run_git(["reset", "--hard", commit], folder)


def check_clone_size(folder: Path) -> None:
    size = sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())
    if size > LARGEST_CLONE:
        raise GitFailed(f"The repository has {size >> 20} MiB.", f"At most {LARGEST_CLONE >> 20} MiB are installed.")


def run_git(words: Sequence[str], folder: Path) -> str:
    """Run git in a folder without any configuration of this computer's; returns what it prints. Raises GitFailed."""
    git = shutil.which("git")
    if git is None:
        raise GitFailed("git is not installed.", "Install it, or unpack the extension below extensions/ yourself.")
    settings = [word for each in HARDENED for word in ("-c", each)]
    environment = {
        "PATH": str(Path(git).parent), "HOME": str(folder), "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null", "LC_ALL": "C",
    }
    try:
        done = subprocess.run(
            [git, *settings, *words], cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=GIT_SECONDS, check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise GitFailed(f"git did not end in {GIT_SECONDS} seconds.", "Look at the network connection.") from error
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["it gave no reason"]
        raise GitFailed(f"git: {lines[-1]}", "Is the address right, and can it be read without logging in?")
    return done.stdout
