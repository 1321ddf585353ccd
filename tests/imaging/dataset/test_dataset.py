"""A data set: folders found, captions, class pictures balanced, batches of an epoch, pixels of a sample."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from modules.base.errors import Invalid
from modules.base.streams import stream
from modules.imaging.dataset.buckets import BucketRules
from modules.imaging.dataset.dataset import TrainingData, read_group
from modules.imaging.dataset.samples import load_sample
from modules.imaging.dataset.sources import Subset, divided_folder, find_caption, read_metadata_file

RULES = BucketRules((64, 64), True, 32, 128, 16)


def picture(path: Path, size: tuple[int, int] = (64, 64), colour: object = "red", caption: str | None = None, mode: str = "RGB") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path)
    if caption is not None:
        path.with_suffix(".txt").write_text(caption)
    return path


def test_folders_of_repeats_are_subsets_and_any_other_folder_is_one(tmp_path):
    picture(tmp_path / "10_zorb ball" / "a.png")
    picture(tmp_path / "2_cat" / "a.png")
    picture(tmp_path / "notes" / "a.png")
    assert [(path.name, repeats, words) for path, repeats, words in divided_folder(tmp_path)] == [
        ("2_cat", 2, "cat"), ("10_zorb ball", 10, "zorb ball"),
    ]
    plain = tmp_path / "my-red_cat"
    picture(plain / "a.png")
    assert divided_folder(plain) == [(plain, 1, "my red cat")]


def test_a_caption_comes_from_its_file_the_metadata_the_class_words_or_nowhere(tmp_path):
    path = picture(tmp_path / "a.png")
    assert find_caption(path, Subset(tmp_path)).source == "none"
    assert find_caption(path, Subset(tmp_path, class_words="cat")).text == "cat"
    path.with_suffix(".caption").write_text("by ending")
    assert find_caption(path, Subset(tmp_path)).text == "by ending"
    path.with_suffix(".txt").write_text("\ufeffby text\r\nmore\n", encoding="utf-8")
    assert find_caption(path, Subset(tmp_path)).text == "by text\nmore"
    assert find_caption(path, Subset(tmp_path, caption_ending=".caption")).text == "by ending"
    assert find_caption(path, Subset(tmp_path, captions={"a": "by metadata"})).source == "metadata"


def test_a_caption_that_is_no_utf8_is_named_with_its_byte(tmp_path):
    path = picture(tmp_path / "a.png")
    path.with_suffix(".txt").write_bytes(b"caf\xe9")
    with pytest.raises(Invalid, match=r"a\.txt.*byte 3 is 0xe9"):
        find_caption(path, Subset(tmp_path))


def test_metadata_files_of_both_kinds_are_read(tmp_path):
    (tmp_path / "meta.json").write_text(json.dumps({"a.png": {"caption": "cat", "tags": "grass"}, "b": "dog"}))
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "a.png", "text": "cat"}\n\n{"file_name": "b.png", "text": "dog"}\n')
    assert read_metadata_file(tmp_path / "meta.json") == {"a.png": "cat, grass", "b": "dog"}
    assert read_metadata_file(tmp_path / "metadata.jsonl") == {"a.png": "cat", "b.png": "dog"}


@pytest.mark.parametrize("content", [b"[1, 2]", b"{", b"[" * 100_000, b"\xff\xfe", b'{"a": 3}'])
def test_a_metadata_file_of_another_kind_is_refused(tmp_path, content):
    (tmp_path / "meta.json").write_bytes(content)
    with pytest.raises(Invalid, match="cannot be read"):
        read_metadata_file(tmp_path / "meta.json")


def test_an_epoch_shows_each_picture_as_often_as_it_is_repeated_and_no_batch_mixes_buckets(tmp_path):
    for number in range(5):
        picture(tmp_path / f"{number}.png", (64, 64) if number < 3 else (128, 32), caption="a")
    data = TrainingData((read_group([Subset(tmp_path, repeats=3)], RULES, 2),))
    batches = data.batches(stream(0, "order", 1))
    assert (data.samples, data.batch_count, len(batches)) == (15, 8, 8)          # 9 and 6: five and three batches
    assert set(Counter(each.path.name for batch in batches for each in batch).values()) == {3}
    assert all(len({each.placement.bucket for each in batch}) == 1 and len(batch) <= 2 for batch in batches)
    assert batches == data.batches(stream(0, "order", 1)) != data.batches(stream(0, "order", 2))
    assert (data.steps_per_epoch(3), data.steps(4, 100, 3), data.steps(0, 100, 3)) == (3, 12, 100)


def test_the_sum_of_fourteen_pictures_a_hundred_times(tmp_path):
    for number in range(14):
        picture(tmp_path / f"{number}.png")
    data = TrainingData((read_group([Subset(tmp_path, 100, "cat")], RULES, 4),))
    assert (data.samples, data.steps_per_epoch(1), data.steps(3, 0, 1)) == (1_400, 350, 1_050)


@pytest.mark.parametrize(("classes", "repeats", "expected"), [(2, 1, [3, 3]), (4, 1, [2, 2, 1, 1]), (9, 1, [1] * 6), (2, 4, [4, 4])])
def test_class_pictures_are_repeated_until_they_are_as_many(tmp_path, classes, repeats, expected):
    for number in range(6):
        picture(tmp_path / "own" / f"{number}.png")
    for number in range(classes):
        picture(tmp_path / "class" / f"{number}.png")
    subsets = [Subset(tmp_path / "own", 1, "zorb"), Subset(tmp_path / "class", repeats, "ball", is_reg=True)]
    found = read_group(subsets, RULES, 1).pictures
    assert [each.repeats for each in found if each.is_reg] == expected


def test_pictures_are_held_out_by_share_and_seed(tmp_path):
    for number in range(10):
        picture(tmp_path / f"{number}.png")
    group = read_group([Subset(tmp_path, class_words="a")], RULES, 1, (0.2, 0))
    assert [each.path.stem for each in group.held_out] == ["8", "9"]
    assert len(group.pictures) == 8
    chosen = [each.path for each in read_group([Subset(tmp_path, class_words="a")], RULES, 1, (0.2, 7)).held_out]
    assert chosen == [each.path for each in read_group([Subset(tmp_path, class_words="a")], RULES, 1, (0.2, 7)).held_out]


def test_unreadable_and_uncaptioned_pictures_are_named(tmp_path):
    picture(tmp_path / "good.png", caption="a")
    picture(tmp_path / "silent.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    group = read_group([Subset(tmp_path)], RULES, 1)
    assert [(each.code, each.path.name, each.fatal) for each in group.problems] == [
        ("unreadable", "broken.png", False), ("uncaptioned", "silent.png", True),
    ]


def test_a_sample_is_scaled_cropped_and_its_transparency_is_a_mask_on_request(tmp_path):
    image = Image.new("RGBA", (128, 64), (255, 0, 0, 255))
    image.paste((0, 0, 0, 0), (64, 0, 128, 64))
    image.save(tmp_path / "a.png")
    group = read_group([Subset(tmp_path, class_words="a", alpha_mask=True)], BucketRules((64, 64), enabled=False), 1)
    sample = load_sample(group.pictures[0], stream(0, "picture"))
    assert (sample.image.size, sample.crop, sample.flipped) == ((64, 64), (32, 0), False)
    assert sample.image.getpixel((0, 0)) == (255, 0, 0) and sample.image.getpixel((63, 0)) == (255, 255, 255)
    assert sample.mask is not None and sample.mask.getextrema() == (0, 255)


def test_crops_and_mirroring_are_drawn_from_the_stream(tmp_path):
    picture(tmp_path / "a.png", (128, 64))
    subset = Subset(tmp_path, class_words="a", random_crop=True, flip=True, vary_colours=True)
    one = read_group([subset], BucketRules((64, 64), enabled=False), 1).pictures[0]
    samples = [load_sample(one, stream(0, "picture", step)) for step in range(20)]
    assert len({each.crop for each in samples}) > 10 and {each.flipped for each in samples} == {True, False}
    assert all(0 <= each.crop[0] <= 64 and each.crop[1] == 0 for each in samples)
