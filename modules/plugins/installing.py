"""What extensions need installed: packages, against Easel's own versions, in a folder of their own.

That folder stands last in `sys.path`, so that nothing of Easel's is ever replaced.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from modules.base.errors import WebUIError

SITE_FOLDER = "extensions-site"     # below the data folder
PIP_SECONDS = 1_800
REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class NotInstalled(WebUIError):
    """Packages that an extension wants and cannot have; the message names them."""

    status = 500


def site_folder() -> Path:
    """Return the folder of extensions' packages, the one that is in `sys.path`."""
    found = next((Path(entry) for entry in sys.path if Path(entry).name == SITE_FOLDER), None)
    if found is None:
        raise NotInstalled("There is no folder for packages of extensions.", "Start Easel as a server first.")
    return found


def use_site_folder(data_dir: Path) -> None:
    """Let what was installed for extensions be imported, after everything of Easel's own."""
    folder = str(data_dir / SITE_FOLDER)
    if folder not in sys.path:
        sys.path.append(folder)


def leave_site_folder(data_dir: Path) -> None:
    """Undo `use_site_folder`."""
    folder = str(data_dir / SITE_FOLDER)
    sys.path[:] = [entry for entry in sys.path if entry != folder]


def unmet_requirements(text: str) -> list[str]:
    """Return the lines of a requirements.txt whose package is not installed, whatever its version."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return [line for line in lines if (name := REQUIREMENT.match(line)) and not has_package(name[0])]


def has_package(name: str) -> bool:
    try:
        return bool(importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return False


def own_versions() -> list[str]:
    """Return the versions that stay as they are: all that is installed in Easel's environment."""
    found = importlib.metadata.distributions(path=[entry for entry in sys.path if Path(entry).name != SITE_FOLDER])
    return [f"{each.metadata['Name']}=={each.version}" for each in found if each.metadata["Name"]]


def install_packages(words: Sequence[str]) -> list[str]:
    """Install what `pip install` with these words would, into the extensions' folder; returns what was installed.

    Raises NotInstalled where it does not go together with Easel's versions, or cannot be had.
    """
    with tempfile.TemporaryDirectory() as folder:
        constraints, report = Path(folder, "constraints.txt"), Path(folder, "report.json")
        constraints.write_text("\n".join(own_versions()), "utf-8")
        checked = ["--dry-run", "--quiet", "--report", str(report), *fixed_words(constraints)]
        run_installer([*checked, *words])
        wanted = packages_in(report.read_text("utf-8"))
    if wanted:
        run_installer(["--quiet", "--no-deps", "--only-binary", ":all:", "--target", str(site_folder()), *wanted])
    return wanted


def fixed_words(constraints: Path) -> list[str]:
    return ["--only-binary", ":all:", "--no-input", "--disable-pip-version-check", "--constraint", str(constraints)]


def packages_in(report: str) -> list[str]:
    """Return the packages, with their versions, that pip's report says it would install."""
    found = json.loads(report)["install"]
    return [f"{each['metadata']['name']}=={each['metadata']['version']}" for each in found]


def run_installer(words: Iterable[str]) -> None:
    """Run pip; raises NotInstalled with the last line it says."""
    command = [sys.executable, "-m", "pip", "install", *words]
    environment = {**os.environ, "PYTHONPATH": str(site_folder())}      # what is there need not be installed again
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PIP_SECONDS, env=environment, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise NotInstalled("pip did not end.", "Look at the network connection.") from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["pip gave no reason"]
        raise NotInstalled(f"Not installed: {lines[-1].removeprefix('ERROR: ')}", "The extension may work without.")
