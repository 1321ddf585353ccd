"""A1111's `modules.launch_utils`: what extensions and their install.py ask of the environment."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from modules.base.bootstrap import say
from modules.plugins.installing import NotInstalled, install_packages
from modules.plugins.requirements import requirement_lines, unmet_lines
from modules.settings.flags import ROOT
from modules.surface.binding import bound_host, view

A1111_VERSION = "v1.10.1"       # whose surface this is


def is_installed(package: str) -> bool:
    """Return whether a package, by its distribution's or its module's name, can be imported."""
    try:
        return importlib.metadata.distribution(package) is not None
    except (importlib.metadata.PackageNotFoundError, ValueError):
        pass
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        return False


def git_tag() -> str:
    return A1111_VERSION


def git_tag_a1111() -> str:
    return A1111_VERSION


def commit_hash() -> str:
    return "<none>"


def run(
    command: Any, desc: str | None = None, errdesc: str | None = None, custom_env: Mapping[str, str] | None = None,
    live: bool = True,
) -> str:
    """Run a command and return what it printed; a call of pip is made as `run_pip` makes it. Raises RuntimeError.

    live: its lines are told as they come, those of its errors too; else errors are told only if it fails
    """
    words = shlex.split(command) if isinstance(command, str) else [str(word) for word in command]
    if desc:
        say(desc)
    if words[:3] == [sys.executable, "-m", "pip"]:
        return run_pip(shlex.join(words[3:]))
    how: dict[str, Any] = {
        "stdout": subprocess.PIPE, "text": True, "errors": "replace", "env": {**os.environ, **(custom_env or {})},
    }
    if live:
        with subprocess.Popen(words, stderr=subprocess.STDOUT, **how) as running:
            printed, errors, code = "".join(told_lines(running.stdout or ())), "", running.wait()
    else:
        done = subprocess.run(words, stderr=subprocess.PIPE, check=False, **how)
        printed, errors, code = done.stdout, done.stderr, done.returncode
    if code:
        raise RuntimeError(f"{errdesc or 'Error running command'}: {shlex.join(words)}\n{printed}{errors}")
    return printed


def told_lines(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines, each of which is told when it comes."""
    for line in lines:
        say(line.rstrip())
        yield line


def check_run(command: Any) -> bool:
    return subprocess.run(command, capture_output=True, shell=isinstance(command, str), check=False).returncode == 0


def run_pip(command: str, desc: str | None = None, live: bool = False) -> str:
    """`pip install …` into the extensions' own folder, against Easel's versions; other commands do nothing."""
    words = shlex.split(command)
    if words[:1] != ["install"]:
        return ""
    if desc:
        say(f"Installing {desc}")
    try:
        if not bound_host().installs:
            raise NotInstalled("Packages are installed by an extension's installer alone.", "Have it run.")
        found = install_packages(words[1:])
    except NotInstalled as error:
        install_notes().append(f"{' '.join(words[1:])}: {error}")
        raise RuntimeError(str(error)) from error
    install_notes().extend(found)
    return "\n".join(found)


def install_notes() -> list[str]:
    """Return the list of sentences on what was installed, and what was not."""
    return view("install_notes", lambda host: [])


def requirements_met(requirements_file: str) -> bool:
    """Return whether every package that a requirements.txt names is installed, whatever its version."""
    return not unmet_lines(requirement_lines(Path(requirements_file)))[0]


def args_namespace() -> Any:
    from modules.surface.shared_cmd_options import cmd_opts

    return cmd_opts()


# name → how it is made when it is read
MADE: Mapping[str, Callable[[], Any]] = {
    "args": args_namespace,
    "cmd_opts": args_namespace,
    "python": lambda: sys.executable,
    "git": lambda: os.environ.get("GIT", "git"),
    "index_url": lambda: os.environ.get("INDEX_URL", ""),
    "dir_repos": lambda: "repositories",
    "default_command_live": lambda: False,
    "script_path": lambda: str(ROOT),
    "data_path": lambda: args_namespace().data_dir,
}


def __getattr__(name: str) -> Any:
    if name in MADE:
        return MADE[name]()
    raise AttributeError(f"module 'modules.launch_utils' has no attribute {name!r}")
