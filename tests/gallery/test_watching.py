"""Changes that other programs make are seen without being asked for."""

from __future__ import annotations

from pathlib import Path
from threading import Event, Thread
from types import SimpleNamespace

import pytest
from watchfiles import Change

from modules.gallery.index import Root
from modules.gallery.search import Wanted
from modules.gallery.watching import take_notice
from tests.gallery.pictures import gallery, infotext, save


@pytest.fixture
def noticed():
    """A library that notes what it is to look at."""
    seen: list[object] = []
    library = SimpleNamespace(scan=lambda: seen.append("all"), scan_changed=lambda folders: seen.append(dict(folders)))
    roots = [Root(1, "/out", 0, 1), Root(2, "/more", 1, 0)]

    def of(*paths: str) -> list[object]:
        seen.clear()
        take_notice(library, roots, {(Change.added, path) for path in paths})
        return list(seen)

    return of


def test_a_file_is_looked_at_in_its_folder_and_a_folder_with_all_below_it(noticed):
    assert noticed("/out/a.png", "/out/deep/er/b.jpg", "/more/c.webp") == [{1: {"", "deep/er"}, 2: {""}}]
    assert noticed("/out/newfolder") == ["all"]


def test_hidden_and_other_files_are_no_news(noticed):
    assert noticed("/out/.trash/a.png", "/out/a.txt", "/out/.1234.tmp", "/elsewhere/a.png") == []


def test_a_file_put_into_a_folder_is_in_the_index_soon(tmp_path):
    library = gallery(tmp_path)
    changed = Event()
    library.watch(lambda: changed.set() if total(library) == 2 else None)
    save(tmp_path / "outputs/a.png", infotext(), 1)
    library.begin()
    assert library.wait(20) and total(library) == 1
    writer = Thread(target=keep_writing, args=(tmp_path / "outputs/new/b.png", changed))      # watching may begin late
    writer.start()
    assert changed.wait(30)
    writer.join()
    library.stop()


def keep_writing(path: Path, until: Event) -> None:
    """Write a picture, and again after a while until it was seen."""
    for seed in range(30):
        save(path, infotext("b"), seed)
        if until.wait(1):
            return


def total(library) -> int:
    return library.search.page(Wanted(), 0, 1).total
