"""What extensions need installed: packages, against Easel's own versions, in a folder of their own.

That folder stands last in `sys.path`, so that nothing of Easel's is ever replaced.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from threading import Event, Timer

from modules.base.bootstrap import say
from modules.base.border import outcome
from modules.base.errors import WebUIError
from modules.plugins.requirements import pip_request, unmet_lines, without_extras

SITE_FOLDER = "extensions-site"     # below the data folder
ASIDE = ".new-"                     # the beginning of names of folders in it that are not whole yet
PIP_SECONDS = 1_800
NO_PYTHON = "/packages-of-extensions-are-installed-by-easel"     # no program: pip cannot run in it
# what fits only the torch of the same index: of others, such as that for the CPU, the index of packages has none
BUILT_FOR_TORCH = ("torchvision", "torchaudio", "xformers")


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


def keep_pip_away() -> None:
    """Let no pip that an extension starts by itself change Easel's own packages: it ends with an error."""
    os.environ["PIP_PYTHON"] = NO_PYTHON


def let_pip_in() -> None:
    """Undo `keep_pip_away`."""
    os.environ.pop("PIP_PYTHON", None)


def fixed_versions() -> list[str]:
    """Return the versions that stay as they are: what Easel has, and what other extensions have had installed."""
    found = importlib.metadata.distributions()
    return [f"{each.metadata['Name']}=={each.version}" for each in found if each.metadata["Name"]]


def install_packages(words: Sequence[str]) -> list[str]:
    """Install what `pip install` with these words would, into the extensions' folder, as far as it can be had.

    What Easel has stays, whatever version is asked for. Returns sentences on what was installed and what was not.
    Raises NotInstalled where nothing of it could be.
    """
    request = pip_request(words)
    unmet, told = unmet_lines(request.lines)
    if not unmet:
        return told
    if len(unmet) > 1:
        together = outcome(install_lines, unmet, request.options)
        if not isinstance(together, Exception):
            return [*told, *installed_sentences(together)]
    found = [(line, outcome(install_line, line, request.options)) for line in unmet]      # so each on its own
    failed = [f"{line}: {error}" for line, error in found if isinstance(error, Exception)]
    if len(failed) == len(found):
        raise NotInstalled("; ".join(failed))
    return [*told, *failed, *(text for _, told in found if not isinstance(told, Exception) for text in told)]


def install_line(line: str, options: Sequence[str]) -> list[str]:
    """Install a requirement, without its extras if they cannot be had; returns sentences. Raises NotInstalled."""
    try:
        return installed_sentences(install_lines([line], options))
    except NotInstalled as error:
        if (plain := without_extras(line)) == line:
            raise
        return [f"{line}: {error}", *installed_sentences(install_lines([plain], options))]


def installed_sentences(packages: Sequence[str]) -> list[str]:
    return [f"Installed: {', '.join(packages)}."] if packages else []


def install_lines(lines: Sequence[str], options: Sequence[str] = ()) -> list[str]:
    """Install requirements with what they need; returns the packages. Raises NotInstalled."""
    with tempfile.TemporaryDirectory() as folder:
        constraints, report = Path(folder, "constraints.txt"), Path(folder, "report.json")
        constraints.write_text("\n".join(fixed_versions()), "utf-8")
        checked = ["--dry-run", "--report", str(report), *fixed_words(constraints)]
        run_installer([*checked, *options, "--", *lines])
        wanted = packages_in(report.read_text("utf-8"))
    if wanted:
        install_whole(wanted, options)
        importlib.invalidate_caches()
    return wanted


def install_whole(packages: Sequence[str], options: Sequence[str]) -> None:
    """Install packages beside the extensions' folder, and move them into it once all of them are whole.

    pip fills its target file by file; one that was killed would leave half a package. Raises NotInstalled.
    """
    site = site_folder()
    site.mkdir(parents=True, exist_ok=True)
    remove_left_over(site)
    with tempfile.TemporaryDirectory(dir=site, prefix=ASIDE) as aside:
        run_installer([*("--no-deps", "--only-binary", ":all:", "--target", aside), *options, "--", *packages])
        move_packages(Path(aside), site)


def move_packages(aside: Path, site: Path) -> None:
    """Move installed packages into a folder; what tells that they are there comes last."""
    for entry in sorted(aside.iterdir(), key=lambda each: each.name.endswith(".dist-info")):
        target = site / entry.name
        if not target.exists() or not entry.is_dir():
            entry.replace(target)
            continue
        for path in [path for path in entry.rglob("*") if not path.is_dir()]:     # a package of several distributions
            place = site / path.relative_to(aside)
            place.parent.mkdir(parents=True, exist_ok=True)
            path.replace(place)


def remove_left_over(site: Path) -> None:
    """Remove what installations that were killed have left beside the packages."""
    for each in site.glob(f"{ASIDE}*"):
        if time.time() - each.stat().st_mtime > 2 * PIP_SECONDS:
            shutil.rmtree(each, ignore_errors=True)


def fixed_words(constraints: Path) -> list[str]:
    return ["--only-binary", ":all:", "--no-input", "--disable-pip-version-check", "--constraint", str(constraints)]


def packages_in(report: str) -> list[str]:
    """Return the packages, with their versions, that pip's report says it would install."""
    found = [each["metadata"] for each in json.loads(report)["install"]]
    other = BUILT_FOR_TORCH if "+" in importlib.metadata.version("torch") else ()
    return [f"{each['name']}=={each['version']}" for each in found if each["name"].lower() not in other]


def run_installer(words: Iterable[str]) -> None:
    """Run pip, whose output is this process's too; raises NotInstalled with the last line it says."""
    command = [sys.executable, "-m", "pip", "install", "--progress-bar", "off", *words]
    environment = {**os.environ, "PYTHONPATH": str(site_folder())}      # what is there need not be installed again
    environment.pop("PIP_PYTHON", None)
    said, late = list[str](), Event()

    def end() -> None:
        late.set()
        pip.kill()

    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as pip:
        limit = Timer(PIP_SECONDS, end)
        limit.start()
        assert pip.stdout
        try:
            for line in pip.stdout:
                say(line.rstrip())
                said.append(line)
            pip.wait()
        finally:
            limit.cancel()
    if late.is_set():
        raise NotInstalled("pip did not end.", "Look at the network connection.")
    if pip.returncode:
        raise NotInstalled(f"Not installed: {pip_reason(''.join(said))}", "The extension may work without.")


def pip_reason(output: str) -> str:
    """Return what pip says of why it failed, in one line."""
    lines = [line.strip().removeprefix("ERROR: ") for line in output.splitlines() if line.strip()]
    for place, line in enumerate(lines):
        if line.startswith("The conflict is caused by"):
            return "; ".join(lines[place + 1 : place + 3])
    return lines[-1] if lines else "pip gave no reason"
