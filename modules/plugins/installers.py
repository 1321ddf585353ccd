"""Installers of extensions: what they want installed is installed in a process of its own, when a person asks for it.

A report of each stands below the cache; a failing installer keeps nothing from starting.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Lock, Thread
from typing import Literal

from modules.base.border import outcome
from modules.base.errors import Conflict, Forbidden
from modules.base.files import write_atomically
from modules.plugins.host import Host, error_text, surface
from modules.plugins.installing import install_packages
from modules.plugins.manifest import Extension
from modules.plugins.repository import repository_of
from modules.plugins.requirements import missing_of_a1111
from modules.settings.flags import Flags

INSTALLER_SECONDS = 3_600
LONGEST_LOG = 256 * 2**10       # bytes of an installer's output that are kept, its last ones
InstallerState = Literal["never", "running", "done", "failed"]


@dataclass(frozen=True)
class InstallerReport:
    """What came of an extension's installer."""

    state: InstallerState = "never"
    commit: str = ""                    # of the extension when it was run
    notes: tuple[str, ...] = ()         # what was installed and what was not, as sentences
    log: str = ""                       # the end of its output


def install_needs(host: Host, extension: Extension) -> InstallerReport:
    """Install what an extension wants, in this process: A1111's own packages, requirements.txt, then install.py.

    host: bound (`Host.bind`)
    """
    notes: list[str] = surface("launch_utils").install_notes()
    failed, host.installs = False, True
    requirements = extension.optional("requirements.txt")
    wanted = [missing_of_a1111(extension), ["-r", str(requirements)] if requirements else []]
    for words in filter(None, wanted):
        found = outcome(install_packages, words)
        failed |= isinstance(found, Exception)
        notes += [error_text(found)] if isinstance(found, Exception) else found
    if installer := extension.optional("install.py"):
        ended = outcome(host.call, extension.name, "install", host.importing.run_installer, installer)
        if isinstance(ended, Exception):
            failed = True
            notes.append(f"install.py: {error_text(ended.__cause__ or ended)}")
    commit = repository_of(extension.folder).commit
    return InstallerReport("failed" if failed else "done", commit, tuple(dict.fromkeys(notes)))


class Installers:
    """The installers of extensions, one at a time, and their reports."""

    def __init__(self, flags: Flags) -> None:
        self.flags = flags
        self._folder = flags.paths.cache / "extension-installers"
        self._running: set[str] = set()
        self._one = Lock()              # pip writes into one folder

    def report(self, name: str) -> InstallerReport:
        """Return what came of the last run of an extension's installer."""
        return InstallerReport("running") if name in self._running else read_report(self._report_path(name))

    def is_due(self, extension: Extension) -> bool:
        """Return whether an extension has an installer that was not run since git has changed its folder."""
        if not (extension.optional("install.py") or extension.optional("requirements.txt")):
            return False
        report = read_report(self._report_path(extension.name))
        return report.state == "never" or report.commit != repository_of(extension.folder).commit

    def start(self, extension: Extension) -> Thread:
        """Run an extension's installer in the background. Raises Conflict if it is running, Forbidden by a flag."""
        if self.flags.skip_install:
            raise Forbidden("Easel was started with --skip-install.", "Start it without that flag.")
        if extension.name in self._running:
            raise Conflict(f"The installer of {extension.name} is running.", "Wait until it has ended.")
        self._running.add(extension.name)
        thread = Thread(target=self.run, args=[extension], name=f"installer of {extension.name}", daemon=True)
        thread.start()
        return thread

    def run(self, extension: Extension) -> InstallerReport:
        """Run an extension's installer to its end in a process of its own; returns the report, which is kept."""
        try:
            with self._one:
                return self._carried_out(extension)
        finally:
            self._running.discard(extension.name)

    def _carried_out(self, extension: Extension) -> InstallerReport:
        self._folder.mkdir(parents=True, exist_ok=True)
        path, log = self._report_path(extension.name), self._folder / f"{extension.name}.log"
        path.unlink(missing_ok=True)
        words = ["extension", "install", "--alone", str(extension.folder), "--report", str(path)]
        ended = run_child([*words, "--data-dir", str(self.flags.paths.data_dir)], self.flags, log)
        found = read_report(path)
        if found.state == "never":
            commit = repository_of(extension.folder).commit
            found = InstallerReport("failed", commit, (f"The installer ended without a result: {ended}",))
        output = log.read_bytes()[-LONGEST_LOG:].decode("utf-8", errors="replace")
        log.unlink()
        return write_report(path, replace(found, log=output))

    def _report_path(self, name: str) -> Path:
        return self._folder / f"{name}.json"


def read_report(path: Path) -> InstallerReport:
    """Return a report; one of the state "never" where there is none that can be read."""
    if not path.is_file():
        return InstallerReport()
    found = outcome(lambda: InstallerReport(**json.loads(path.read_text("utf-8"))))
    return InstallerReport() if isinstance(found, Exception) else replace(found, notes=tuple(found.notes))


def write_report(path: Path, report: InstallerReport) -> InstallerReport:
    write_atomically(path, json.dumps(asdict(report)).encode())
    return report


def run_child(words: Sequence[str], flags: Flags, log: Path) -> str:
    """Run Easel's program in a process group of its own, its output into a file; returns a sentence on its end."""
    command = [sys.executable, str(flags.paths.root / "webui.py"), *words]
    with log.open("wb") as output:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=flags.paths.data_dir,
            start_new_session=True,
        )
        try:
            return f"Python ended with {child.wait(INSTALLER_SECONDS)}."
        except subprocess.TimeoutExpired:
            return f"It did not end in {INSTALLER_SECONDS // 60} minutes."
        finally:
            stop_group(child)


def stop_group(child: subprocess.Popen[bytes]) -> None:
    """End a process and all that it has started."""
    if os.name == "posix":
        outcome(os.killpg, child.pid, signal.SIGKILL)
    child.kill()
    child.wait()
