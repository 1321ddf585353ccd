"""Whether an extension's repository has something newer, and what it was at before; its files stay as they are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from modules.plugins.git_install import GitFailed, checked_address, run_git, switch_extension
from modules.plugins.repository import COMMIT, git_text, repository_of

MOST_COMMITS = 50        # commits of the branch that are fetched, and told
LONGEST_LINE = 200  # characters of a commit's subject


@dataclass(frozen=True)
class NewerCommits:
    """What an update would bring."""

    commit: str             # the newest of the extension's branch
    log: tuple[str, ...]    # day and subject of each commit since, the newest first


def newer_commits(folder: Path) -> NewerCommits:
    """Ask an extension's repository for its newest commits. Raises Invalid or GitFailed."""
    here = repository_of(folder)
    checked_address(here.remote)
    run_git(["fetch", "--depth", str(MOST_COMMITS), "--no-tags", "--", "origin", here.branch or "HEAD"], folder)
    newest = run_git(["rev-parse", "FETCH_HEAD"], folder).strip()
    since = [f"{here.commit}..{newest}"] if here.commit else [newest]
    told = run_git(["log", f"--max-count={MOST_COMMITS}", "--format=%cs %s", "--no-show-signature", *since], folder)
    return NewerCommits(newest, tuple(line[:LONGEST_LINE] for line in told.splitlines()))


def earlier_commits(folder: Path) -> list[str]:
    """Return the commits that an extension was at before, the last one first: those it can be brought back to."""
    lines = git_text(folder / ".git" / "logs" / "HEAD").splitlines()
    been = [words[0] for line in reversed(lines) if (words := line.split(maxsplit=1)) and COMMIT.fullmatch(words[0])]
    now, nowhere = repository_of(folder).commit, "0" * 40
    return [commit for commit in dict.fromkeys(been) if commit not in (now, nowhere)]


def bring_to(folder: Path, commit: str) -> None:
    """Bring an extension to a commit of its repository, fetched if it is not here. Raises Invalid or GitFailed."""
    try:
        switch_extension(folder, commit)
    except GitFailed:
        checked_address(repository_of(folder).remote)
        run_git(["fetch", "--depth", "1", "--no-tags", "--", "origin", commit], folder)
        switch_extension(folder, commit)
