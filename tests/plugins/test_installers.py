"""Installers of extensions are run in a process of their own; a failing one is named and stops nothing."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from modules.base.errors import Conflict, Forbidden
from modules.plugins import installers
from modules.plugins.installers import InstallerReport, Installers, run_child, write_report
from modules.plugins.manifest import Extension
from modules.settings.flags import Flags

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


@pytest.fixture
def child(monkeypatch):
    """What the child is told; it writes no report."""
    told = []
    monkeypatch.setattr(installers, "run_child", lambda words, flags, log: told.append(words) or log.write_bytes(b"x"))
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
        assert busy.report("one").state == "running"
        with pytest.raises(Conflict, match="is running"):
            busy.start(one)
    thread.join()
    assert busy.report("one").state == "failed"


def test_one_that_does_not_end_is_ended_with_all_it_has_started(tmp_path, monkeypatch):
    monkeypatch.setattr(installers, "INSTALLER_SECONDS", 0.01)
    (tmp_path / "webui.py").write_text("import time\ntime.sleep(3600)")
    flags = SimpleNamespace(paths=SimpleNamespace(root=tmp_path, data_dir=tmp_path))
    assert run_child([], flags, tmp_path / "log").startswith("It did not end in")
