"""Installers of extensions: what they want installed is installed in a process of its own, when a person asks for it.

A report of each stands below the cache; a failing installer keeps nothing from starting.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from threading import Event, Lock, Thread
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
LIVE_LOG = 32 * 2**10           # bytes of it that are told while it runs
STOP_CHECK_SECONDS = 0.1             # between two looks whether an installer has ended, or is to be stopped
InstallerState = Literal["never", "waiting", "running", "done", "failed", "stopped", "cut_short"]


@dataclass(frozen=True)
class InstallerReport:
    """What came of an extension's installer."""

    state: InstallerState = "never"
    commit: str = ""                    # of the extension when it was run
    notes: tuple[str, ...] = ()         # what was installed and what was not, as sentences
    log: str = ""                       # the end of its output


@dataclass(eq=False)
class InstallerRun:
    """An installer that was started. begun: False while it waits for another; stopped: set once it is to end"""

    begun: bool = False
    stopped: Event = field(default_factory=Event)


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
    return InstallerReport("failed" if failed else "done", notes=tuple(dict.fromkeys(notes)))


class Installers:
    """The installers of extensions, one at a time, and their reports."""

    def __init__(self, flags: Flags) -> None:
        self.flags = flags
        self._folder = flags.paths.cache / "extension-installers"
        self._runs: dict[str, InstallerRun] = {}
        self._one = Lock()              # pip writes into one folder

    def report(self, name: str) -> InstallerReport:
        """Return how far an extension's installer is, with its output so far, or what came of its last run.

        Of one that Easel's own end has cut short only the output is left.
        """
        if run := self._runs.get(name):
            shown = end_of_log(self._log(name), LIVE_LOG) if run.begun else ""
            return InstallerReport("running" if run.begun else "waiting", log=shown)
        found = read_report(self._report_path(name))
        if found.state == "never" and self._log(name).is_file():
            return InstallerReport("cut_short", log=end_of_log(self._log(name), LONGEST_LOG))
        return found

    def is_due(self, extension: Extension) -> bool:
        """Return whether an extension has an installer that was not carried out since git has changed its folder."""
        if not (extension.optional("install.py") or extension.optional("requirements.txt")):
            return False
        report = read_report(self._report_path(extension.name))
        return report.state in ("never", "stopped") or report.commit != repository_of(extension.folder).commit

    def start(self, extension: Extension) -> Thread:
        """Run an extension's installer in the background. Raises Conflict if it is running, Forbidden by a flag."""
        if self.flags.skip_install:
            raise Forbidden("Easel was started with --skip-install.", "Start it without that flag.")
        if extension.name in self._runs:
            raise Conflict(f"The installer of {extension.name} is running.", "Wait until it has ended, or stop it.")
        self._runs[extension.name] = InstallerRun()
        thread = Thread(target=self.run, args=[extension], name=f"installer of {extension.name}", daemon=True)
        thread.start()
        return thread

    def stop(self, name: str) -> None:
        """End an installer that runs or waits, with all that it has started. Raises Conflict if it does neither."""
        run = self._runs.get(name)
        if run is None:
            raise Conflict(f"The installer of {name} is not running.", "What came of it is told beside it.")
        run.stopped.set()

    def run(self, extension: Extension) -> InstallerReport:
        """Run an extension's installer to its end in a process of its own; returns the report, which is kept."""
        run = self._runs.setdefault(extension.name, InstallerRun())
        try:
            while not self._one.acquire(timeout=STOP_CHECK_SECONDS):
                if run.stopped.is_set():
                    return self.report_of(extension, InstallerReport("stopped"))
            try:
                run.begun = True
                return self._carried_out(extension, run)
            finally:
                self._one.release()
        finally:
            self._runs.pop(extension.name, None)

    def _carried_out(self, extension: Extension, run: InstallerRun) -> InstallerReport:
        self._folder.mkdir(parents=True, exist_ok=True)
        path, log = self._report_path(extension.name), self._log(extension.name)
        path.unlink(missing_ok=True)        # without a report, a log that is left over tells that Easel has ended
        words = ["extension", "install", "--alone", str(extension.folder), "--report", str(path)]
        ended = run_child([*words, "--data-dir", str(self.flags.paths.data_dir)], self.flags, log, run.stopped)
        found = read_report(path)
        if found.state == "never":
            why = f"The installer ended without a result: {ended}"
            found = InstallerReport("stopped") if run.stopped.is_set() else InstallerReport("failed", notes=(why,))
        made = self.report_of(extension, replace(found, log=end_of_log(log, LONGEST_LOG)))
        log.unlink(missing_ok=True)
        return made

    def report_of(self, extension: Extension, report: InstallerReport) -> InstallerReport:
        """Keep a report, with the commit that the extension is at."""
        commit = repository_of(extension.folder).commit
        return write_report(self._report_path(extension.name), replace(report, commit=commit))

    def _report_path(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"


def end_of_log(path: Path, most: int) -> str:
    """Return the last bytes of an installer's output as text; "" if there is none."""
    if not path.is_file():
        return ""
    with path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - most))
        return log.read().decode("utf-8", errors="replace")


def read_report(path: Path) -> InstallerReport:
    """Return a report; one of the state "never" where there is none that can be read."""
    if not path.is_file():
        return InstallerReport()
    found = outcome(lambda: InstallerReport(**json.loads(path.read_text("utf-8"))))
    return InstallerReport() if isinstance(found, Exception) else replace(found, notes=tuple(found.notes))


def write_report(path: Path, report: InstallerReport) -> InstallerReport:
    write_atomically(path, json.dumps(asdict(report)).encode())
    return report


def run_child(words: Sequence[str], flags: Flags, log: Path, stopped: Event) -> str:
    """Run Easel's program in a process group of its own, its output into a file; returns a sentence on its end.

    stopped: once it is set, the program is ended. It holds a pipe of ours, whose end tells it that we are gone.
    """
    command = [sys.executable, str(flags.paths.root / "webui.py"), *words]
    with log.open("wb") as output:
        child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT, cwd=flags.paths.data_dir,
            start_new_session=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        try:
            ends = time.monotonic() + INSTALLER_SECONDS
            while child.poll() is None and time.monotonic() < ends and not stopped.wait(STOP_CHECK_SECONDS):
                pass
            if child.returncode is not None:
                return f"Python ended with {child.returncode}."
            return "It was stopped." if stopped.is_set() else f"It did not end in {INSTALLER_SECONDS // 60} minutes."
        finally:
            stop_group(child)


def end_with_starter() -> None:
    """Have this process and all that it has started end once the program that holds its standard input is gone."""
    pipe, null = os.dup(0), os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    Thread(target=end_at_the_end_of, args=[pipe], name="starter", daemon=True).start()


def end_at_the_end_of(pipe: int) -> None:
    while os.read(pipe, 1):
        pass
    if os.name == "posix":
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def stop_group(child: subprocess.Popen[bytes]) -> None:
    """End a process and all that it has started."""
    if os.name == "posix":
        outcome(os.killpg, child.pid, signal.SIGKILL)
    child.kill()
    child.wait()
    if child.stdin:
        child.stdin.close()
