"""Files moved, renamed, put in the trash and brought back; many as one file."""

from __future__ import annotations

import contextlib
import io
import re
import zipfile
from pathlib import PurePosixPath

import pytest

from modules.base.errors import Forbidden, Invalid
from modules.gallery import scan
from modules.gallery.bundles import contact_sheet, zip_of, zip_of_pictures
from modules.gallery.filing import Filing
from modules.gallery.new_names import new_names
from modules.gallery.search import Wanted
from modules.imaging.read import read_metadata
from modules.metadata.formats import picture_digest
from tests.gallery.pictures import gallery, infotext, save


@pytest.fixture
def home(tmp_path):
    """A library of two pictures, the first one a job's; `moved` notes what its job is told."""
    library = gallery(tmp_path)
    save(tmp_path / "outputs/a.png", infotext("a fox", Seed=1), 1)
    save(tmp_path / "outputs/deep/b.png", infotext("a cat", Seed=2), 2)
    library.scan()
    library.index.record_job(library.outputs.id, ("", "a.png"), ("task(1)", 0), infotext("a fox", Seed=1))
    library.moved = []
    library.filing = Filing(library, lambda *told: library.moved.append(told))
    library.at = tmp_path / "outputs"
    return library


def rows(library, text: str = "", inside: str = ""):
    return library.search.page(Wanted(text=text, inside=inside, sort="oldest"), 0, 100).rows


def places(library, **where) -> list[str]:
    return sorted(row.place for row in rows(library, **where))


def test_a_moved_picture_keeps_its_marks_and_its_job_knows_where_it_is(home):
    home.marks.mark([rows(home, "fox")[0].id], {"rating": 5})
    (home.at / "a.txt").write_text("data")
    assert home.filing.move(rows(home, "fox"), "keep/foxes").changed == 1
    [row] = rows(home, "fox")
    assert (row.place, row.rating) == ("keep/foxes/a.png", 5) and (home.at / "keep/foxes/a.txt").is_file()
    assert home.moved == [("task(1)", 0, home.at.resolve() / "keep/foxes/a.png")]
    assert home.scan() == 0 and not (home.at / "a.png").exists()


@pytest.mark.parametrize("file", [
    lambda home, row: home.filing.move([row], "keep"), lambda home, row: home.filing.trash([row])
])
def test_a_scan_that_saw_the_old_place_empty_does_not_lose_what_was_filed_meanwhile(home, file):
    """The file is moved, the scan compares, the index learns of the move, then the scan writes what it found."""
    [row] = rows(home, "fox")
    changes = scan.changes_of(home.index.known_files(home.outputs.id), iter(()))
    file(home, row)
    home.index.missing(each for each in changes.gone if each[4] == row.id)
    now = home.index.picture(row.id)
    assert now.state in ("here", "trash") and home.path_of(now).is_file()


def test_nothing_is_replaced_by_a_move(home):
    save(home.at / "deep/a.png", "", 3)
    before = (home.at / "deep/a.png").read_bytes()
    home.filing.move(rows(home, "fox"), f"{home.outputs.id}/deep")
    assert rows(home, "fox")[0].place == "deep/a-1.png" and (home.at / "deep/a.png").read_bytes() == before


@pytest.mark.parametrize("where", ["../out", "/etc", "a/../../b", "..", "a\0b/../.."])
def test_no_destination_leads_out_of_the_folder(home, where):
    with contextlib.suppress(Invalid, Forbidden):
        home.filing.move(rows(home, "fox"), where)
    assert all((home.at / place).is_file() for place in places(home))


def test_a_link_in_the_way_leads_nowhere(home, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (home.at / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Forbidden):
        home.filing.move(rows(home, "fox"), "link")


def test_nothing_of_a_read_only_folder_is_changed(home, tmp_path):
    save(tmp_path / "others/c.png", infotext("a dog"), 3)
    root = home.index.add_root(tmp_path / "others", read_only=True)
    home.scan()
    for done in (home.filing.move(rows(home, "dog"), "x"), home.filing.trash(rows(home, "dog"))):
        assert done.changed == 0 and "read only" in done.problems[0][1]
    with pytest.raises(Forbidden):
        home.filing.move(rows(home, "fox"), f"{root.id}/x")
    assert (tmp_path / "others/c.png").is_file() and (home.at / "a.png").is_file()


def test_the_trash_gives_back_what_was_put_in_and_loses_it_only_when_emptied(home):
    content = (home.at / "deep/b.png").read_bytes()
    home.marks.mark([rows(home, "cat")[0].id], {"favourite": 1})
    home.filing.trash(rows(home))
    assert places(home) == [] and len(rows(home, inside="trash")) == 2 and home.scan() == 0
    save(home.at / "deep/b.png", infotext("in its place"), 9)
    home.filing.restore(rows(home, "cat", "trash"))
    [row] = rows(home, "cat")
    assert row.place == "deep/b-1.png" and row.favourite and (home.at / "deep/b-1.png").read_bytes() == content
    assert home.filing.empty_trash() == 1 and rows(home, inside="trash") == []
    assert not (home.at / "a.png").exists() and not list((home.at / ".trash").iterdir())


def test_a_picture_in_the_trash_keeps_its_name_where_it_is_shown(home):
    home.filing.trash(rows(home, "cat"))
    [row] = rows(home, inside="trash")
    assert row.origin == "deep/b.png" and home.thumbnail(row)


def test_names_by_a_pattern_are_of_the_data_and_each_its_own(home):
    save(home.at / "c.png", infotext("another fox", Seed=1), 3)
    home.scan()
    names = {each.before: each.after for each in new_names(home, rows(home), "[seed]-[model_name]")}
    assert sorted(names.values()) == ["1-sticker-1.png", "1-sticker.png", "2-sticker.png"]
    made = {each.id: each.after for each in new_names(home, rows(home), "[seed]")}
    assert home.filing.rename(rows(home), made).problems == []
    assert places(home) == ["1-1.png", "1.png", "deep/2.png"]


@pytest.mark.parametrize("pattern", ["../[seed]", "/etc/[prompt]", "a/b", "..", "con"])
def test_no_pattern_leads_out_of_the_folder(home, pattern):
    made = {each.id: each.after for each in new_names(home, rows(home), pattern)}
    home.filing.rename(rows(home), made)
    assert sorted(place.rpartition("/")[0] for place in places(home)) == ["", "deep"]


def test_a_zip_has_the_files_as_they_are_or_without_any_data(home):
    (home.at / "deep/c.png").write_bytes(b"broken")
    home.scan()
    content = (home.at / "a.png").read_bytes()
    with zipfile.ZipFile(io.BytesIO(b"".join(zip_of_pictures(home, rows(home, "-is:broken"), True)))) as packed:
        assert sorted(packed.namelist()) == ["a.png", "deep/b.png"] and packed.read("a.png") == content
    with zipfile.ZipFile(io.BytesIO(b"".join(zip_of_pictures(home, rows(home), False)))) as packed:
        bare = packed.read("a.png")
        assert read_metadata(bare).infotext == "" and picture_digest(bare) == picture_digest(content)
        assert "c.png" in packed.read("not in here.txt").decode() and packed.testzip() is None


def test_names_in_a_zip_lead_nowhere_and_are_valid_on_every_system():
    places = ("..\\..\\up.png", "../up.png", "/etc/x.png", "a\r\nb.png", 'q"<b>.png', "C:x.png", "nul", "..", "..", "d/ok.png")
    parts = zip_of((PurePosixPath(place), lambda: b"x") for place in places)
    with zipfile.ZipFile(io.BytesIO(b"".join(parts))) as packed:
        names = packed.namelist()
    assert len({*names}) == len(places) and "d/ok.png" in names
    for name in names:
        assert not re.search(r'[\\<>:"|?*\x00-\x1f]', name) and ".." not in name.split("/") and not name.startswith("/")


def test_a_zip_is_made_while_it_is_read(home):
    parts = zip_of_pictures(home, rows(home), True)
    first = next(parts)
    (home.at / "deep/b.png").unlink()
    with zipfile.ZipFile(io.BytesIO(first + b"".join(parts))) as packed:
        assert sorted(packed.namelist()) == ["a.png", "not in here.txt"]


def test_a_contact_sheet_is_one_file_in_which_prompts_are_text(home):
    save(home.at / "c.png", infotext("<script>alert(1)</script>"), 3)
    home.scan()
    page = "".join(contact_sheet(home, rows(home)))
    assert page.count("data:image/jpeg;base64,") == 3 and "<script>" not in page and "&lt;script&gt;" in page
