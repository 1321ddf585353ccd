"""What is saved survives a kill, a full disk and a broken one at each of its system calls.

`python -m tests.crash_points [kill|ENOSPC|EIO …]` needs strace: a small process saves something with the real modules,
once for each write, sync, rename, link and deletion that it takes, and is killed there, or that call fails. Then the
next start is played: what was there is old or new and readable, nothing half written is left, the database is whole.
Without strace, `cut_at_each_call` does the same to the calls that Python itself makes (test_crash_points.py).
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from PIL import Image

from modules.app.jobs import MOST_DEATHS, Jobs
from modules.base.accounts import Role
from modules.base.errors import UnknownName, WebUIError
from modules.base.files import clear_unfinished, write_atomically
from modules.engine.messages import Worker
from modules.imaging.save import Destination, png
from modules.library.user_metadata import write_user_metadata
from modules.metadata.formats import file_metadata, picture_digest, with_file_metadata
from modules.prompts.styles import Style, read_styles, write_styles
from modules.settings.file import SettingsFile
from modules.store.accounts import AccountStore
from modules.store.jobs import JobRecord, JobStore, OutputRecord
from modules.store.saving_notes import SavingNotes

ROOT = Path(__file__).resolve().parents[1]
CALLS = (
    "write", "pwrite64", "fsync", "fdatasync", "rename", "renameat", "renameat2", "link", "linkat", "unlink",
    "unlinkat", "ftruncate", "mkdir", "mkdirat",
)
PYTHON_CALLS = ("fsync", "replace", "rename", "link", "unlink", "mkdir")      # of the module os
REFUSED = 3      # the exit code of a process that was told why it could not save
KILLED = 9
LONGEST_FORK, FORKS_TRIED = 60, 3      # seconds
JOB, PICTURE = "task(1)", png(Image.new("RGB", (40, 30), "teal"), "a fox\nSteps: 4, Seed: 1")


@dataclass(frozen=True)
class Saving:
    """One kind of saving.

    prepare: the state before; act: the saving; found: what the next start finds, "old" or "new"; it fails an assertion
    for anything else
    """

    prepare: Callable[[Path], object]
    act: Callable[[Path], object]
    found: Callable[[Path], str]


def prepare_picture(folder: Path) -> None:
    JobStore(folder / "easel.sqlite").add(JobRecord(JOB, "me", "txt2img", {"prompt": "a fox"}, {}, True))


def save_picture(folder: Path) -> None:
    """As a worker and the server do together, also after a kill."""
    store, notes = JobStore(folder / "easel.sqlite"), SavingNotes(folder / "cache")
    output = OutputRecord(0, "", "a fox", {"seed": 1}, True)
    path = notes.earlier(JOB, 0)
    if path is None:
        place = Destination(folder / "outputs/txt2img-images", "1", numbered=True)
        path = place.write(PICTURE, "png", note=notes.writer(JOB, output))
    store.add_output(JOB, replace(output, path=str(path)))
    notes.forget(JOB, 0)


def found_picture(folder: Path) -> str:
    """Every file is whole, and after the job is resumed there is one, recorded."""
    store = JobStore(folder / "easel.sqlite")
    for path in (folder / "outputs").rglob("*.png"):
        assert path.read_bytes() == PICTURE, path
    record = store.get(JOB)
    assert record is not None
    if not record.outputs:
        save_picture(folder)
    (path,) = (folder / "outputs").rglob("*.png")
    resumed = store.get(JOB)
    assert resumed is not None and [each.path for each in resumed.outputs] == [str(path)]
    return "new" if record.outputs else "old"


class NoWorker:
    """A worker that is given no job."""

    def start(self) -> None: ...


def found_picture_of_lost_job(folder: Path) -> str:
    """Every file has its record, though the job is set aside at the next start and nobody draws its picture again."""
    store = JobStore(folder / "easel.sqlite")
    for _ in range(MOST_DEATHS):
        store.count_deaths([JOB])
    jobs = Jobs(store)
    jobs.notes = SavingNotes(folder / "cache")
    jobs.attach(cast(Worker, NoWorker()))
    record = store.get(JOB)
    assert record is not None and record.ended
    files = [str(path) for path in (folder / "outputs").rglob("*.png")]
    assert [(each.path, each.infotext, each.facts) for each in record.outputs] == [
        (path, "a fox", {"seed": 1}) for path in files
    ]
    return "new" if files else "old"


def prepare_setting(folder: Path) -> None:
    SettingsFile(folder / "config.json").change(jpeg_quality=41)


def change_setting(folder: Path) -> None:
    SettingsFile(folder / "config.json").change(jpeg_quality=42)


def found_setting(folder: Path) -> str:
    json.loads((folder / "config.json").read_text("utf-8"))
    settings = SettingsFile(folder / "config.json")
    assert not settings.problem
    return {41: "old", 42: "new"}[settings.current.jpeg_quality]


def style_table(*names: str) -> list[Style]:
    return [Style(name, f"{name}, {{prompt}}", "") for name in names]


def found_styles(folder: Path) -> str:
    path = folder / "styles.csv"
    list(csv.reader(io.StringIO(path.read_text("utf-8-sig"))))
    return {("ink",): "old", ("ink", "oil"): "new"}[tuple(read_styles(path).styles)]


def add_account(name: str, role: Role) -> Callable[[Path], object]:
    return lambda folder: AccountStore(folder / "easel.sqlite").add(name, role, f"hash of {name}'s password")


def found_account(folder: Path) -> str:
    store = AccountStore(folder / "easel.sqlite")
    assert store.get("ann").role == Role.ADMINISTRATOR
    try:
        return "new" if store.get("bob").password == "hash of bob's password" else "wrong"
    except UnknownName:
        return "old"


def describe_model(notes: str) -> Callable[[Path], object]:
    def write(folder: Path) -> None:
        write_user_metadata(folder / "ink.safetensors", {"notes": notes})

    return write


def found_card(folder: Path) -> str:
    notes: str = json.loads((folder / "ink.json").read_text("utf-8"))["notes"]
    assert notes in ("old", "new")
    return notes


def change_picture_data(infotext: str) -> Callable[[Path], object]:
    """Write a picture's file with other data in its place."""

    def write(folder: Path) -> None:
        metadata = replace(file_metadata(PICTURE), texts=(("parameters", infotext),))
        write_atomically(folder / "fox.png", with_file_metadata(PICTURE, metadata))

    return write


def found_picture_data(folder: Path) -> str:
    content = (folder / "fox.png").read_bytes()
    assert picture_digest(content) == picture_digest(PICTURE)
    return file_metadata(content).text("parameters")


SAVINGS = {
    "picture": Saving(prepare_picture, save_picture, found_picture),
    "picture of a lost job": Saving(prepare_picture, save_picture, found_picture_of_lost_job),
    "setting": Saving(prepare_setting, change_setting, found_setting),
    "styles": Saving(
        lambda folder: write_styles(folder / "styles.csv", style_table("ink")),
        lambda folder: write_styles(folder / "styles.csv", style_table("ink", "oil")),
        found_styles,
    ),
    "account": Saving(add_account("ann", Role.ADMINISTRATOR), add_account("bob", Role.MEMBER), found_account),
    "card": Saving(describe_model("old"), describe_model("new"), found_card),
    "picture's data": Saving(change_picture_data("old"), change_picture_data("new"), found_picture_data),
}


# The next start ---------------------------------------------------------------------------------------


def next_start(saving: Saving, folder: Path) -> str:
    """Clear away and look; returns "old" or "new". Fails an assertion if anything is lost or left over."""
    clear_unfinished(folder, time.time() + 1)
    found = saving.found(folder)
    assert not list(folder.rglob("*.tmp"))
    for path in folder.glob("*.sqlite"):
        with closing(sqlite3.connect(path)) as db:
            assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert not list(folder.rglob("*.broken*"))
    return found


def act(name: str, folder: Path) -> int:
    """Save; returns the exit code."""
    try:
        SAVINGS[name].act(folder)
    except WebUIError:
        return REFUSED
    return 0


def fresh(name: str, folder: Path) -> Path:
    """Return a new folder in the state before."""
    new = Path(tempfile.mkdtemp(dir=folder))
    SAVINGS[name].prepare(new)
    return new


# By strace: all calls, SQLite's too -------------------------------------------------------------------


def traced(name: str, folder: Path, *how: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.crash_points", "act", name, str(folder)]
    return subprocess.run(
        ["strace", "-f", "-qq", "-o", str(folder.with_suffix(".trace")), *how, *command], cwd=ROOT, text=True,
        capture_output=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}, check=False,
    )


def counted_calls(name: str, folder: Path) -> dict[str, int]:
    new = fresh(name, folder)
    done = traced(name, new, "-e", f"trace={','.join(CALLS)}")
    assert done.returncode == 0, done.stderr
    lines = new.with_suffix(".trace").read_text("utf-8", "replace").splitlines()
    found = [match[1] for line in lines if (match := re.match(r"\d+ +(\w+)\(", line))]
    return {call: found.count(call) for call in CALLS if call in found}


def cut_by_strace(name: str, fault: str, folder: Path) -> Iterator[tuple[str, str]]:
    """Yield each point, such as `fsync 2`, and what the next start found there."""
    what = "signal=SIGKILL" if fault == "kill" else f"error={fault}"
    for call, number in counted_calls(name, folder).items():
        for point in range(1, number + 1):
            new = fresh(name, folder)
            done = traced(name, new, "-e", f"trace={call}", "-e", f"inject={call}:{what}:when={point}")
            found = next_start(SAVINGS[name], new)
            assert fault == "kill" or done.returncode in (0, REFUSED), (call, point, done.stderr)
            assert done.returncode != 0 or found == "new", (call, point)      # what was acknowledged is there
            yield f"{call} {point}", found


# By Python: a fork for each call ----------------------------------------------------------------------


def cut_at_each_call(name: str, folder: Path) -> Iterator[tuple[int, str]]:
    """Yield how many of PYTHON_CALLS were let through before the process died, and what the next start found."""
    for allowed in range(1000):
        new, code = cut_after(allowed, name, folder)
        found = next_start(SAVINGS[name], new)
        yield allowed, found
        if code != KILLED:
            assert (code, found) == (0, "new")
            return


def cut_after(allowed: int, name: str, folder: Path) -> tuple[Path, int]:
    """Return the folder that a process left, and its exit code, that died at the first call after so many.

    A fork of a process with threads may wait for ever for a lock that one of them had: it is ended, and tried again.
    """
    for _ in range(FORKS_TRIED):
        new = fresh(name, folder)
        child = os.fork()
        if child == 0:
            signal.alarm(LONGEST_FORK)
            die_after(allowed)
            os._exit(act(name, new))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code != -signal.SIGALRM:
            break
    return new, code


def die_after(allowed: int) -> None:
    """End this process at the first call after so many."""
    left = iter(range(allowed))

    def dying(call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            if next(left, None) is None:
                os._exit(KILLED)
            return call(*arguments, **named)

        return counted

    for each in PYTHON_CALLS:
        setattr(os, each, dying(getattr(os, each)))


def main(faults: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for fault in faults or ["kill", "ENOSPC", "EIO"]:
            for name in SAVINGS:
                found = [state for _, state in cut_by_strace(name, fault, Path(folder))]
                sys.stdout.write(f"{fault} {name}: {len(found)} points; afterwards {found.count('old')} times the "
                                 f"old, {found.count('new')} times the new\n")
                sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1:2] == ["act"]:
        os._exit(act(sys.argv[2], Path(sys.argv[3])))
    main(sys.argv[1:])
