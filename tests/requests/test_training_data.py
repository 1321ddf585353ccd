"""From a plan to its pictures: three levels of options, folders of repeats, buckets that fit a small model."""

from __future__ import annotations

from pathlib import Path

import pytest

from modules.base.errors import Invalid
from modules.base.fields import checker
from modules.params.training import Training
from modules.requests.training_data import data_set_of
from tests.imaging.dataset.test_dataset import picture


def plan(**values) -> Training:
    return checker(Training).validate_python(values)


def test_a_folder_is_a_data_set_with_its_class_folder(tmp_path):
    picture(tmp_path / "own" / "3_zorb ball" / "a.png", caption="a zorb")
    picture(tmp_path / "class" / "1_ball" / "b.png")
    data = data_set_of(plan(train_data_dir=str(tmp_path / "own"), reg_data_dir=str(tmp_path / "class"), train_batch_size=2), 64)
    assert [(each.caption.text, each.repeats, each.is_reg) for each in data.pictures] == [("a zorb", 3, False), ("ball", 3, True)]


def test_the_lower_level_wins(tmp_path):
    picture(tmp_path / "a.png")
    subset = {"image_dir": str(tmp_path), "class_tokens": "zorb", "keep_tokens": 1}
    dataset = {"subsets": [subset], "batch_size": 3, "resolution": 128, "flip_aug": True, "keep_tokens": 2}
    data = data_set_of(plan(datasets=[dataset], flip_aug=False, shuffle_caption=True, resolution=512), 64)
    found = data.pictures[0].subset
    assert (found.caption_rules.keep_tokens, found.flip, found.caption_rules.shuffle) == (1, True, True)
    assert (data.groups[0].batch_size, data.groups[0].rules.resolution) == (3, (128, 128))


@pytest.mark.parametrize(("side", "expected"), [(512, (256, 1024, 64)), (128, (64, 256, 16)), (64, (32, 128, 8)), (1024, (256, 1024, 64))])
def test_buckets_of_a_small_model_are_smaller(tmp_path, side, expected):
    picture(tmp_path / "a.png")
    rules = data_set_of(plan(train_data_dir=str(tmp_path)), side).groups[0].rules
    assert (rules.shortest, rules.longest, rules.step) == expected


def test_a_folder_that_is_not_there_or_empty_is_refused_by_name(tmp_path):
    for values, words in [
        ({}, "names no pictures"),
        ({"train_data_dir": str(tmp_path / "none")}, "There is no folder"),
        ({"train_data_dir": str(tmp_path)}, "no picture to train on"),
        ({"datasets": [{"subsets": [{"image_dir": "\0"}]}]}, "There is no folder"),
    ]:
        with pytest.raises(Invalid, match=words):
            data_set_of(plan(**values), 64)


def test_a_subset_given_twice_is_left_out_and_told(tmp_path):
    picture(tmp_path / "a.png")
    subset = {"image_dir": str(tmp_path), "class_tokens": "zorb"}
    data = data_set_of(plan(datasets=[{"subsets": [subset, subset]}]), 64)
    assert len(data.pictures) == 1 and data.problems[0].code == "repeated"


def test_missing_captions_are_an_error_unless_allowed(tmp_path):
    picture(tmp_path / "a.png")
    subset = {"image_dir": str(tmp_path)}
    assert data_set_of(plan(datasets=[{"subsets": [subset]}]), 64).problems[0].fatal
    assert not data_set_of(plan(datasets=[{"subsets": [subset]}], allow_uncaptioned=True), 64).problems[0].fatal


def test_templates_are_filled_with_the_word_and_the_name_of_the_file(tmp_path):
    picture(tmp_path / "01-on grass.png")
    template = Path(tmp_path / "lines.txt")
    template.write_text("a photo of [name], [filewords] {class}\n")
    subset = {"image_dir": str(tmp_path), "custom_attributes": {"class": "in the sun"}}
    data = data_set_of(plan(datasets=[{"subsets": [subset]}], template_file=str(template), token_string="zorb"), 64)
    from modules.base.streams import stream

    assert data.pictures[0].caption_at(stream(0, "caption"), 0, 1) == "a photo of zorb, on grass in the sun"
