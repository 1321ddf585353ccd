"""Edits of files' data, in each format, without touching a pixel."""

from __future__ import annotations

import io
import random

import pytest
from PIL import Image

from modules.base.delta import delta_of, undone
from modules.base.errors import Invalid, TooSlow
from modules.metadata.contents import picture_contents
from modules.metadata.formats import file_metadata, picture_digest, with_file_metadata
from modules.metadata.pieces import FileMetadata
from modules.params.infotext import split_infotext
from modules.requests.data_edit import DataEdit, Replacement, data_changes, edited_file
from tests.metadata.test_hidden import hiding

FORMATS = ("PNG", "JPEG", "WEBP", "AVIF")
TEXT = (
    "a fox <lora:ink:0.8> secretword\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a, CFG scale: 7.0, Seed: 42, "
    'Size: 512x640, Model hash: abc, Model: sticker, VAE: v, Lora hashes: "ink: 12", TI hashes: "secretword: 9", '
    "Clip skip: 2, Version: v1.10.1"
)
per_format = pytest.mark.parametrize("name", FORMATS)


def picture(name: str, text: str = TEXT) -> bytes:
    file = io.BytesIO()
    Image.effect_noise((24, 16), 90).convert("RGB").save(file, name)
    return edited_file(file.getvalue(), DataEdit(infotext=text)) if text else file.getvalue()


def says(content: bytes) -> str:
    return picture_contents(content).infotext


@per_format
def test_what_is_written_is_read_and_the_picture_stays(name):
    plain = picture(name, "")
    full = edited_file(plain, DataEdit(infotext=TEXT, descriptive={
        "title": "Füchse", "author": "Ann; Bob", "rating": 4, "keywords": ["fox", "red"], "copyright": "©"
    }))
    found = picture_contents(full)
    assert found.infotext == TEXT and picture_digest(full) == picture_digest(plain)
    assert found.descriptive.title == "Füchse" and found.descriptive.keywords == ("fox", "red")
    assert undone(delta_of(plain, full), full) == plain
    changed = edited_file(full, DataEdit(values={"seed": 7}))
    assert says(changed) == TEXT.replace("Seed: 42", "Seed: 7") and picture_digest(changed) == picture_digest(plain)
    assert edited_file(full, DataEdit()) == full


@per_format
def test_a_published_picture_tells_nothing(name):
    full = edited_file(picture(name), DataEdit(descriptive={"title": "secret", "author": "Ann"}))
    bare = edited_file(full, DataEdit(strip=frozenset({"all"})))
    for word in ("secret", "Ann", "Steps", "fox"):
        for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
            assert word.encode(encoding) not in bare
    assert picture_digest(bare) == picture_digest(full)


@per_format
def test_a_chosen_part_is_taken_away_and_the_rest_kept(name):
    full = picture(name)
    assert split_infotext(says(edited_file(full, DataEdit(strip=frozenset({"seed"}))))).pairs.keys() == (
        split_infotext(TEXT).pairs.keys() - {"Seed"}
    )
    bare = edited_file(full, DataEdit(strip=frozenset({"models"})))
    assert says(bare) == (
        "a fox\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a, CFG scale: 7.0, Seed: 42, Size: 512x640, "
        "Clip skip: 2, Version: v1.10.1"
    )
    assert says(edited_file(full, DataEdit(strip=frozenset({"prompt"})))).startswith("Steps: 20")
    assert says(edited_file(full, DataEdit(strip=frozenset({"exif", "xmp", "iptc", "c2pa", "texts"})))) == TEXT


def test_stripping_keeps_the_side_that_is_up():
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "SecretCamera"
    Image.new("RGB", (24, 16)).save(file, "JPEG", exif=exif)
    bare = edited_file(file.getvalue(), DataEdit(strip=frozenset({"all"})))
    with Image.open(io.BytesIO(bare)) as image:
        assert dict(image.getexif()) == {0x0112: 6}


def test_stripping_models_takes_workflows_and_recipes_too():
    full = picture("PNG")
    metadata = file_metadata(full)
    full = with_file_metadata(full, FileMetadata((*metadata.texts, ("easel", '{"model": "sticker"}'), ("note", "kept"))))
    bare = edited_file(full, DataEdit(strip=frozenset({"models"})))
    assert b"sticker" not in bare and picture_contents(bare).texts[-1].text == "kept"


def test_find_and_replace_looks_where_it_is_told():
    full = picture("PNG")
    edit = DataEdit(replacements=(Replacement("sticker", "poster"), Replacement(r"f(o)x", r"b\1x", True, ("prompt",))))
    assert says(edited_file(full, edit)) == TEXT.replace("sticker", "poster").replace("fox", "box")
    with pytest.raises(Invalid):
        edited_file(full, DataEdit(replacements=(Replacement("(", "", True),)))
    with pytest.raises(TooSlow):
        hard = edited_file(full, DataEdit(values={"prompt": "a" * 5000 + "b"}))
        edited_file(hard, DataEdit(replacements=(Replacement("(a|b|ab)*c|(a+)+$", "", True),)))


def test_data_of_another_picture_are_taken():
    other = picture("JPEG", TEXT.replace("42", "43"))
    assert says(edited_file(picture("PNG"), DataEdit(source=other))) == TEXT.replace("42", "43")


def test_changes_say_what_differs_and_nothing_else():
    before = picture("PNG")
    after = edited_file(before, DataEdit(values={"seed": 7}, texts={"note": "hello"}))
    assert [(each.what, each.before, each.after) for each in data_changes(before, after)] == [
        ("Seed", "42", "7"), ("Text note", "", "hello")
    ]


def test_what_stays_in_its_place_is_not_told_as_taken_away():
    """A text that is hidden in the pixels, or stands in another program's place, and is made generation data."""
    before = hiding(TEXT)
    [hidden] = [each.keyword for each in picture_contents(before).texts if each.text == TEXT]
    after = edited_file(before, DataEdit(infotext=TEXT))
    assert (hidden, TEXT) in [(each.keyword, each.text) for each in picture_contents(after).texts]
    told = {each.what for each in data_changes(before, after)}
    assert "Seed" in told and f"Text {hidden}" not in told


def test_a_former_file_is_made_of_the_later_one_whatever_changed():
    numbers = random.Random(1)
    for size in (0, 10, 500, 3000, 200_000):
        image = numbers.randbytes(size)
        first, second = numbers.randbytes(numbers.randrange(5000)), numbers.randbytes(numbers.randrange(5000))
        former, later = first + image + first, second + image[: size // 2] + first[:9] + image[size // 2 :]
        delta = delta_of(former, later)
        assert undone(delta, later) == former and len(delta) < 2 * len(first) + 5000


def test_what_is_kept_of_a_former_file_is_found_without_looking_through_the_later_one_for_each_part(monkeypatch):
    """However little of the search is allowed, the end that both have costs nothing, and undoing is exact."""
    monkeypatch.setattr("modules.base.delta.MOST_SCANNED", 0)
    picture, other = bytes(range(256)) * 400, b"a text that goes " * 5000
    delta = delta_of(other + picture, picture)
    assert undone(delta, picture) == other + picture and len(delta) < 1000
    assert undone(delta_of(picture + other, picture), picture) == picture + other
