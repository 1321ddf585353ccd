"""Pictures are numbered as A1111 numbers them, and carry their generation data."""

from __future__ import annotations

import io
import subprocess
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from modules.base.errors import Unwritable
from modules.imaging.save import next_number, png, save_numbered

PIXELS = np.random.default_rng(0).integers(0, 256, (8, 6, 3), np.uint8)


def opened(content):
    return Image.open(io.BytesIO(content))


def test_pixels_come_back_as_they_went():
    assert np.array_equal(np.asarray(opened(png(Image.fromarray(PIXELS), "text"))), PIXELS)


@settings(max_examples=50)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_generation_data_comes_back_in_any_script(text):
    assert opened(png(Image.fromarray(PIXELS), text)).text == {"parameters": text}


def test_a_very_long_text_comes_back():
    text = "a cat, 猫, " * 20_000
    assert opened(png(Image.fromarray(PIXELS), text)).text["parameters"] == text


def test_without_a_text_there_is_none():
    assert opened(png(Image.fromarray(PIXELS), "")).text == {}


def test_numbers_rise_within_the_days_folder(tmp_path):
    paths = [save_numbered(b"content", tmp_path, name) for name in ("7", "8", "7")]
    assert [path.name for path in paths] == ["00000-7.png", "00001-8.png", "00002-7.png"]
    assert {path.parent for path in paths} == {tmp_path / date.today().isoformat()}
    assert paths[0].read_bytes() == b"content"


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ([], 0),
        (["00000-1.png"], 1),
        (["00007-1.png", "00003-2.png"], 8),
        (["99999-1.jpg"], 100_000),
        (["100000-1.png"], 100_001),
        (["grid-0001.png", "1-2.png", "notes.txt", ".00009-x.tmp"], 0),
        (["00004-1.txt"], 5),
    ],
    ids=str,
)
def test_the_next_number_is_one_more_than_the_largest(tmp_path, there, expected):
    for name in there:
        (tmp_path / name).touch()
    assert next_number(tmp_path) == expected


def test_a_folder_that_is_not_there_starts_at_0(tmp_path):
    assert next_number(tmp_path / "new") == 0


SAVER = """
import sys
from pathlib import Path
from modules.imaging.save import save_numbered
for i in range(100):
    save_numbered(f"{sys.argv[2]} {i}".encode(), Path(sys.argv[1]), "7")
"""


@pytest.mark.slow
def test_two_processes_that_save_pictures_of_one_seed_lose_none(tmp_path):
    root = Path(__file__).resolve().parents[2]
    savers = [subprocess.Popen([sys.executable, "-c", SAVER, str(tmp_path), str(name)], cwd=root) for name in range(2)]
    assert [saver.wait() for saver in savers] == [0, 0]
    contents = {path.read_text() for path in tmp_path.rglob("*.png")}
    assert contents == {f"{name} {i}" for name in range(2) for i in range(100)}


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "outputs").touch()
    with pytest.raises(Unwritable, match="00000-7.png"):
        save_numbered(b"", tmp_path / "outputs", "7")
