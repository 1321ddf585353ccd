"""Folders of pictures: who is in them, in which order, and names that are never taken twice."""

from __future__ import annotations

import os

import pytest
from PIL import Image

from modules.base.errors import InvalidImage, TooLarge, Unwritable
from modules.imaging.folders import listing, read_picture, size_of, upright_size
from modules.imaging.save import save_named


def drawn(path, size=(8, 6), **how):
    Image.new("RGB", size, "red").save(path, **how)
    return path


def names(paths):
    return [path.name for path in paths]


def test_pictures_come_in_the_order_people_count(tmp_path):
    for name in ("frame 10.png", "frame 9.png", "Frame 1.png", "a.png"):
        drawn(tmp_path / name)
    assert names(listing(tmp_path, 10).pictures) == ["a.png", "Frame 1.png", "frame 9.png", "frame 10.png"]


def test_what_is_a_picture_its_content_tells(tmp_path):
    drawn(tmp_path / "photo.txt", format="jpeg")
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / ".hidden.png").write_text("")
    drawn(tmp_path / ".hidden too.png")
    (tmp_path / "below").mkdir()
    found = listing(tmp_path, 10)
    assert (names(found.pictures), names(found.others)) == (["photo.txt"], ["text.png"])


def test_links_that_lead_out_are_not_followed(tmp_path):
    (inside := tmp_path / "in").mkdir()
    drawn(inside / "a.png")
    drawn(tmp_path / "secret.png")
    os.symlink(tmp_path / "secret.png", inside / "b.png")
    os.symlink(inside / "a.png", inside / "c.png")
    os.symlink(tmp_path / "nowhere.png", inside / "d.png")
    found = listing(inside, 10)
    assert (names(found.pictures), found.others) == (["a.png", "c.png"], ())


def test_pipes_are_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    assert listing(tmp_path, 10).pictures == ()


def test_too_many_files_are_refused(tmp_path):
    for number in range(3):
        drawn(tmp_path / f"{number}.png")
    assert len(listing(tmp_path, 3).pictures) == 3
    with pytest.raises(TooLarge, match="more than 2"):
        listing(tmp_path, 2)


def test_a_turned_photograph_is_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6      # EXIF's Orientation: turn by 90°
    path = drawn(tmp_path / "a.jpg", exif=exif)
    assert (size_of(path), read_picture(path).size) == ((8, 6), (6, 8))


@pytest.mark.parametrize("exif", [b"junk", b"Exif\0\0II*\0"])
def test_damaged_exif_is_told(tmp_path, exif):
    path = drawn(tmp_path / "a.png", exif=exif)
    assert size_of(path) == (8, 6)
    with pytest.raises(InvalidImage):
        upright_size(path)


@pytest.mark.parametrize("content", [None, b"", b"text", "cut"])
def test_what_cannot_be_read_is_refused(tmp_path, content):
    path = tmp_path / "a.png"
    if content == "cut":
        content = drawn(path, (64, 64)).read_bytes()[:60]
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidImage):
        read_picture(path)


def test_a_name_that_is_taken_gets_a_number(tmp_path):
    (tmp_path / "cat.png").write_bytes(b"theirs")
    os.symlink(tmp_path / "elsewhere.png", tmp_path / "cat-1.png")
    made = [save_named(content, tmp_path, "cat") for content in (b"one", b"two")]
    assert names(made) == ["cat-2.png", "cat-3.png"]
    assert (tmp_path / "cat.png").read_bytes() == b"theirs" and not (tmp_path / "elsewhere.png").exists()
    assert [path.read_bytes() for path in made] == [b"one", b"two"]


def test_a_folder_that_is_missing_is_made_and_one_that_cannot_be_is_told(tmp_path):
    assert save_named(b"x", tmp_path / "new" / "er", "cat").read_bytes() == b"x"
    with pytest.raises(Unwritable):
        save_named(b"x", tmp_path / "new" / "er" / "cat.png", "cat")
