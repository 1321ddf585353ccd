"""From a plan to its pictures: three levels of options, folders of repeats, buckets that fit a small model."""

from __future__ import annotations

from pathlib import Path

import pytest

from modules.base.errors import Invalid
from modules.base.fields import checker
from modules.params.training import Training
from modules.requests.training_data import check_word_is_said, data_set_of, missing_class_pictures
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


def test_class_pictures_are_told_by_the_words_of_their_class(tmp_path):
    """Instance words are not theirs, in folders and in data sets."""
    picture(tmp_path / "own" / "a.png")
    picture(tmp_path / "class" / "b.png")
    words = {"class_tokens": "a zorb ball", "class_prompt": "a ball"}
    folders = plan(train_data_dir=str(tmp_path / "own"), reg_data_dir=str(tmp_path / "class"), **words)
    subsets = [{"image_dir": str(tmp_path / name), "is_reg": name == "class"} for name in ("own", "class")]
    for each in (folders, plan(datasets=[{"subsets": subsets}], **words)):
        told = [(found.caption.text, found.is_reg) for found in data_set_of(each, 64).pictures]
        assert told == [("a zorb ball", False), ("a ball", True)]


def test_class_pictures_that_are_there_are_counted_also_where_an_epoch_does_not_show_them(tmp_path):
    picture(tmp_path / "own" / "1_zorb" / "a.png")
    for number in range(5):
        picture(tmp_path / "class" / "1_ball" / f"{number}.png")
    asked = plan(train_data_dir=str(tmp_path / "own"), reg_data_dir=str(tmp_path / "class"), num_class_images=7)
    data = data_set_of(asked, 64)
    assert sum(each.is_reg for each in data.pictures) == 1
    assert missing_class_pictures(asked, data) == 2


def test_a_data_set_of_class_pictures_alone_has_a_batch_for_each_of_the_others(tmp_path):
    """As HCP-Diffusion has them: a batch of each data set at every step."""
    for number in range(4):
        picture(tmp_path / "own" / f"{number}.png", caption="a zorb")
    for number in range(3):
        picture(tmp_path / "class" / f"{number}.png", caption="a ball")
    asked = plan(datasets=[
        {"subsets": [{"image_dir": str(tmp_path / "own")}], "batch_size": 2},
        {"subsets": [{"image_dir": str(tmp_path / "class"), "is_reg": True}], "batch_size": 4, "prior_loss_weight": 0.5},
    ])
    own, classes = data_set_of(asked, 64).groups
    assert (own.batch_count, classes.batch_count) == (2, 2)
    assert sum(each.repeats for each in classes.pictures) == 8


@pytest.mark.parametrize(("own", "said"), [
    ({}, False),
    ({"caption_prefix": "my zorb"}, True),
    ({"use_object_template": True}, True),
    ({"template_file": "hypernetwork.txt"}, False),
    ({"caption_suffix": "zorbs and azorb"}, False),
    ({"class_tokens": "Zorb"}, True),
])
def test_a_word_that_no_caption_can_have_is_not_learned_in_silence(tmp_path, own, said):
    picture(tmp_path / "a.png", caption=None if "class_tokens" in own else "a red ball")
    data = data_set_of(plan(train_data_dir=str(tmp_path), token_string="zorb", **own), 64)
    if said:
        check_word_is_said(data, "zorb")
    else:
        with pytest.raises(Invalid, match="No caption has the word 'zorb'"):
            check_word_is_said(data, "zorb")
