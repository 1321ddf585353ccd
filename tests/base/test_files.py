"""Files are whole or not there, and paths stay where they belong."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.base import files
from modules.base.errors import DiskFull, Forbidden, Invalid, Unwritable
from modules.base.files import append_whole, inside, new_file, write_atomically, write_new


def test_content_comes_back_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "new/folder/a.bin"
    write_atomically(path, b"one")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two" and [entry.name for entry in path.parent.iterdir()] == ["a.bin"]


def test_permissions_are_those_of_any_new_file(tmp_path):
    (tmp_path / "usual").touch()
    write_atomically(tmp_path / "ours", b"")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "usual").stat().st_mode


def failing(number):
    def fsync(handle):
        raise OSError(number, os.strerror(number))

    return fsync


def test_what_is_added_to_a_file_stands_below_one_header(tmp_path):
    for line in (b"1\n", b"2\n"):
        append_whole(tmp_path / "log.csv", line, b"n\n")
    assert (tmp_path / "log.csv").read_bytes() == b"n\n1\n2\n"


def test_a_full_disk_adds_nothing_to_a_file(tmp_path, monkeypatch):
    path = tmp_path / "log.csv"
    append_whole(path, b"1\n", b"n\n")
    monkeypatch.setattr(files.os, "fsync", failing(errno.ENOSPC))
    with pytest.raises(DiskFull, match="log.csv"):
        append_whole(path, b"2\n", b"n\n")
    assert path.read_bytes() == b"n\n1\n"


@pytest.mark.parametrize(
    ("number", "kind"),
    [(errno.ENOSPC, DiskFull), (errno.EDQUOT, DiskFull), (errno.EROFS, Unwritable), (errno.EIO, Unwritable)],
)
def test_a_failed_write_leaves_the_old_content_and_no_litter(tmp_path, monkeypatch, number, kind):
    path = tmp_path / "a.bin"
    write_atomically(path, b"old")
    monkeypatch.setattr(files.os, "fsync", failing(number))
    with pytest.raises(kind, match=r"a\.bin") as caught:
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old" and [entry.name for entry in tmp_path.iterdir()] == ["a.bin"]
    assert tmp_path.name in caught.value.hint and str(tmp_path.parent) not in caught.value.hint


def test_a_file_where_a_folder_should_be_is_named(tmp_path):
    (tmp_path / "outputs").write_text("a file")
    with pytest.raises(Unwritable, match="picture.png"):
        write_atomically(tmp_path / "outputs/picture.png", b"")


WRITER = """
import sys
from pathlib import Path
from modules.base.files import write_atomically
while True:
    for letter in b"ab":
        write_atomically(Path(sys.argv[1]), bytes([letter]) * 1_000_000)
        print(flush=True)
"""


def test_whoever_is_killed_while_writing_leaves_a_whole_file(tmp_path):
    path = tmp_path / "a.bin"
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.getcwd()}
    )
    for _ in range(3):
        writer.stdout.readline()
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    assert path.read_bytes() in (b"a" * 1_000_000, b"b" * 1_000_000)


@pytest.mark.parametrize("path", ["..", "../x", "a/../../x", "/etc/passwd", "a\0b", "link/x"])
def test_nothing_leads_out(tmp_path, path):
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(tmp_path)
    with pytest.raises(Forbidden):
        inside(root, path)


@pytest.mark.parametrize("path", ["a.png", "a/b.png", "a/../b.png", ".", "…/ü"])
def test_what_is_inside_stays(tmp_path, path):
    assert inside(tmp_path, path) == (tmp_path / path).resolve()


@given(st.text("./\\a~\0", max_size=12))
def test_no_spelling_leads_out(path):
    root = files.Path("/srv/easel/outputs")
    try:
        assert inside(root, path).is_relative_to(root)
    except Forbidden:
        assert ".." in path or path.startswith("/") or "\0" in path


# A name that nobody else has -------------------------------------------------------------------------


def numbered(folder):
    return (folder / f"{number}.txt" for number in count())


def test_what_is_there_is_never_written_over(tmp_path):
    assert [write_new(numbered(tmp_path), content).name for content in (b"one", b"two", b"three")] == [
        "0.txt",
        "1.txt",
        "2.txt",
    ]
    assert (tmp_path / "0.txt").read_bytes() == b"one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.txt", "1.txt", "2.txt"]


def test_so_it_is_on_a_disk_without_links(tmp_path, monkeypatch):
    def no_link(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_link)
    test_what_is_there_is_never_written_over(tmp_path)


def test_a_new_file_has_its_name_only_when_it_is_whole(tmp_path, monkeypatch):
    """At the moment of naming, what is named is complete and on the disk; a kill before leaves no such name."""
    link, seen = os.link, []

    def watched(source, target):
        seen.append((Path(source).read_bytes(), target.exists()))
        link(source, target)

    monkeypatch.setattr(os, "link", watched)
    write_new(numbered(tmp_path), b"content")
    assert seen == [(b"content", False)]


@pytest.mark.slow
def test_processes_that_want_the_same_names_lose_nothing(tmp_path):
    writer = (
        "import sys; from itertools import count; from pathlib import Path; from modules.base.files import write_new\n"
        "folder = Path(sys.argv[1])\n"
        "for i in range(100): write_new((folder / f'{n}.txt' for n in count()), f'{sys.argv[2]} {i}'.encode())"
    )
    root = Path(__file__).resolve().parents[2]
    running = [
        subprocess.Popen([sys.executable, "-c", writer, str(tmp_path), str(name)], cwd=root) for name in range(3)
    ]
    assert [each.wait() for each in running] == [0, 0, 0]
    found = {path.read_text() for path in tmp_path.iterdir()}
    assert found == {f"{name} {i}" for name in range(3) for i in range(100)}


def test_what_killed_writers_left_is_cleared_and_nothing_else(tmp_path):
    deep = tmp_path / "txt2img-images/2026-11-21"
    deep.mkdir(parents=True)
    ours = [folder / f".{number:032x}.tmp" for number, folder in enumerate((tmp_path, deep))]
    others = [deep / name for name in ("00000-1.png", ".tmp", ".abc.tmp", f"{0:032x}.tmp", f".{0:032x}.tmp.png")]
    for path in (*ours, *others):
        path.write_bytes(b"half")
    now = ours[0].stat().st_mtime
    assert files.clear_unfinished(tmp_path, now - 100) == 0
    assert files.clear_unfinished(tmp_path, now + 100, below=False) == 1 and ours[1].exists()
    assert files.clear_unfinished(tmp_path, now + 100) == 1
    assert not any(path.exists() for path in ours) and all(path.exists() for path in others)


def test_a_new_file_is_seen_whole_under_a_name_that_was_free(tmp_path):
    path, seen = tmp_path / "a.bin", []
    with new_file(path, "job 1") as new:
        new.write(part for part in (b"one", b"two") if not seen.append(path.exists()))
        assert path.read_bytes() == b"onetwo" and seen == [False, False]
    assert list(tmp_path.iterdir()) == [path]


def test_who_comes_second_writes_over_nothing(tmp_path):
    path = tmp_path / "a.bin"
    with pytest.raises(Invalid, match="a.bin already"), new_file(path, "job 1") as new:
        new.write(part for part in (b"one", b"two") if part == b"one" or path.write_bytes(b"mine"))
    assert list(tmp_path.iterdir()) == [path] and path.read_bytes() == b"mine"


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_what_breaks_off_leaves_nothing(tmp_path, error):
    def parts():
        yield b"one"
        raise error

    with pytest.raises((KeyboardInterrupt, Unwritable)), new_file(tmp_path / "a.bin", "job 1") as new:
        new.write(parts())
    assert list(tmp_path.iterdir()) == []


def killed(path, writer, content):
    """As a kill leaves it: no `with` is left in order."""
    new = new_file(path, writer).gen.send(None)
    new.write([content])
    return new


def test_a_killed_writer_finds_what_it_has_written_and_does_not_write_again(tmp_path):
    path = tmp_path / "a.bin"
    killed(path, "job 1", b"one")
    with new_file(path, "job 1") as again:
        assert again.is_whole
        again.write(iter(pytest.fail, None))
    assert list(tmp_path.iterdir()) == [path] and path.read_bytes() == b"one"
    with new_file(path, "job 2") as other:
        assert not other.is_whole


def test_a_file_that_was_renamed_meanwhile_stays_as_it_is(tmp_path):
    path, renamed = tmp_path / "a.bin", tmp_path / "b.bin"
    killed(path, "job 1", b"one").path.rename(renamed)
    with new_file(path, "job 1") as again:
        again.write([b"more"])
    assert (path.read_bytes(), renamed.read_bytes()) == (b"more", b"one") and len(list(tmp_path.iterdir())) == 2
