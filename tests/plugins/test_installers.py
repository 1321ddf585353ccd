"""Installers of extensions are run in a process of their own; a failing one is named and stops nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import pytest

from modules.base.errors import Conflict, Forbidden
from modules.plugins import installers
from modules.plugins.installers import InstallerReport, Installers, run_child, write_report
from modules.plugins.manifest import Extension
from modules.settings.flags import ROOT, Flags
from modules.surface import launch_utils

FAILING = """
import subprocess, sys
import launch
if not launch.is_installed("pillow"):
    raise AssertionError("it is")
print("it begins")
try:
    subprocess.check_call([sys.executable, "-m", "pip", "uninstall", "-y", "pillow"])
except subprocess.CalledProcessError:
    pass
if __name__ == "__main__":
    launch.run_pip("install pillow==1.0", "pillow")
    raise RuntimeError("on purpose")
"""


def extension(data: Path, name: str, installer: str = "") -> Extension:
    folder = data / "extensions" / name
    folder.mkdir(parents=True)
    (folder / "install.py").write_text(installer)
    return Extension(folder)


@pytest.mark.slow
def test_a_failing_installer_is_named_and_easel_stays_as_it_is(tmp_path):
    found = Installers(Flags(data_dir=tmp_path, skip_install=False)).run(extension(tmp_path, "failing", FAILING))
    assert found.state == "failed" and "it begins" in found.log
    assert found.notes[-1] == "install.py: RuntimeError: on purpose"
    assert found.notes[0].startswith("It asks for pillow==1.0; pillow ") and found.notes[0].endswith("stays.")
    import PIL

    assert Path(PIL.__file__).is_file()


def test_a_call_of_pip_is_told_in_the_words_that_it_was_given(monkeypatch, capsys):
    monkeypatch.setattr(launch_utils, "bound_host", lambda: SimpleNamespace(installs=True))
    monkeypatch.setattr(launch_utils, "install_packages", lambda words: [" ".join(words)])
    monkeypatch.setattr(launch_utils, "install_notes", list)
    assert launch_utils.run(f'"{sys.executable}" -m pip install one', "Installing one for some") == "one"
    assert launch_utils.run_pip("install two", "two") == "two"
    assert capsys.readouterr().out == "Installing one for some\nInstalling two\n"


@pytest.fixture
def child(monkeypatch):
    """What the child is told; it writes no report."""
    told = []
    monkeypatch.setattr(installers, "run_child", lambda words, flags, log, stopped: told.append(words) or log.write_bytes(b"x"))
    return told


def test_one_that_ends_without_a_result_has_failed(tmp_path, child):
    all_of_them, one = Installers(Flags(data_dir=tmp_path)), extension(tmp_path, "one")
    assert all_of_them.is_due(one) and all_of_them.report("one").state == "never"
    assert all_of_them.run(one).state == "failed"
    assert all_of_them.report("one").notes[0].startswith("The installer ended without a result")
    assert not all_of_them.is_due(one)


def test_a_report_is_kept_and_a_damaged_one_is_none(tmp_path):
    path = tmp_path / "one.json"
    report = InstallerReport("done", "c" * 40, ("Installed: one==1.0.",), "said")
    assert installers.read_report(write_report(path, report) and path) == report
    path.write_text('{"what": 1')
    assert installers.read_report(path).state == "never"


def test_a_flag_forbids_them_and_one_runs_once_at_a_time(tmp_path, child):
    one = extension(tmp_path, "one")
    with pytest.raises(Forbidden, match="--skip-install"):
        Installers(Flags(data_dir=tmp_path, skip_install=True)).start(one)
    busy = Installers(Flags(data_dir=tmp_path))
    with busy._one:
        thread = busy.start(one)
        assert busy.report("one").state == "waiting"
        with pytest.raises(Conflict, match="is running"):
            busy.start(one)
    thread.join()
    assert busy.report("one").state == "failed"


def flags_of(folder: Path, program: str) -> SimpleNamespace:
    """Flags of a program of one file."""
    (folder / "webui.py").write_text(program)
    return SimpleNamespace(paths=SimpleNamespace(root=folder, data_dir=folder, cache=folder), skip_install=False)


def test_one_that_does_not_end_is_ended_with_all_it_has_started(tmp_path, monkeypatch):
    monkeypatch.setattr(installers, "INSTALLER_SECONDS", 0.01)
    flags = flags_of(tmp_path, "import time\ntime.sleep(3600)")
    assert run_child([], flags, tmp_path / "log", Event()).startswith("It did not end in")


def test_its_output_is_told_while_it_runs_and_it_ends_when_somebody_stops_it(tmp_path):
    found = Installers(flags_of(tmp_path, "import time\nprint('it begins')\ntime.sleep(3600)"))
    one = extension(tmp_path, "one")
    with pytest.raises(Conflict, match="is not running"):
        found.stop("one")
    thread = found.start(one)
    until(lambda: "it begins" in found.report("one").log)
    assert found.report("one").state == "running"
    found.stop("one")
    thread.join(60)
    after = found.report("one")
    assert (after.state, after.log, found.is_due(one)) == ("stopped", "it begins\n", True)


def test_one_that_waits_for_another_can_be_stopped_too(tmp_path, child):
    found = Installers(Flags(data_dir=tmp_path))
    with found._one:
        thread = found.start(extension(tmp_path, "one"))
        found.stop("one")
        thread.join(60)
        assert found.report("one").state == "stopped" and child == []


def test_what_the_end_of_easel_has_cut_short_is_told_and_due_again(tmp_path, child):
    flags, one = Flags(data_dir=tmp_path), extension(tmp_path, "one")
    before = Installers(flags)
    before.run(one)
    before._report_path("one").unlink()
    before._log("one").write_text("it begins")      # and Easel was killed here
    after = Installers(flags)
    assert (after.report("one").state, after.report("one").log) == ("cut_short", "it begins")
    assert after.is_due(one)
    after.run(one)
    assert after.report("one").state == "failed"


@pytest.mark.skipif(os.name != "posix", reason="process groups")
def test_it_ends_with_all_it_has_started_once_its_starter_is_gone(tmp_path):
    program = (
        "import subprocess, sys, time\n"
        "from modules.plugins.installers import end_with_starter\n"
        "end_with_starter()\n"
        "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(3600)']).pid, flush=True)\n"
        "time.sleep(3600)"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        start_new_session=True,
    )
    grandchild = int(child.stdout.readline())
    child.stdin.close()
    assert child.wait(60) == -signal.SIGKILL
    until(lambda: not runs(grandchild))
    child.stdout.close()


def runs(pid: int) -> bool:
    """Whether there is a process of that number which has not ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not status.is_file() or status.read_text().rpartition(")")[2].split()[0] != "Z"


def until(holds, seconds: float = 60.0) -> None:
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, "it did not come to hold"
        time.sleep(0.02)
