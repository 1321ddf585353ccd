"""Generation data as fields and back, and edited pair by pair."""

from __future__ import annotations

import json

import pytest

from modules.base.errors import Invalid
from modules.params.infotext import split_infotext
from modules.params.infotext_edit import edited_infotext
from modules.requests.data_fields import checked_changes, data_parts, written_data
from tests.golden_data import GOLDEN

TEXT = (
    "a fox <lora:ink:0.8>\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a, CFG scale: 7.0, Seed: 42, "
    'Size: 512x640, Model hash: abc, Model: sticker, Clip skip: 2, Mood: "red, warm", Version: v1.10.1'
)


def changed(fields, settings=None, text=TEXT):
    parts = data_parts(text)
    return edited_infotext(text, checked_changes(text, parts.tab, fields, settings or {}))


def test_fields_are_typed_and_what_belongs_to_none_is_kept():
    parts = data_parts(TEXT)
    assert parts.fields["width"] == 512 and parts.fields["height"] == 640 and parts.fields["seed"] == 42
    assert parts.settings == {"CLIP_stop_at_last_layers": 2}
    assert ("Mood", "red, warm") in parts.unknown and ("Model", "sticker") in parts.unknown


def test_parts_written_again_say_the_same():
    again = data_parts(written_data(data_parts(TEXT)))
    assert again == data_parts(TEXT)


def test_only_what_changes_is_written_anew():
    assert changed({}) == TEXT and changed({"cfg_scale": 7, "steps": 20}) == TEXT
    assert changed({"steps": 21}) == TEXT.replace("Steps: 20", "Steps: 21")
    assert changed({"height": 768}) == TEXT.replace("512x640", "512x768")
    assert changed({"Mood": 'a "b": c'}) == TEXT.replace('"red, warm"', r'"a \"b\": c"')
    assert changed({"Mood": None, "seed": None}) == TEXT.replace(', Mood: "red, warm"', "").replace(", Seed: 42", "")
    assert changed({}, {"CLIP_stop_at_last_layers": None}) == TEXT.replace(", Clip skip: 2", "")


def test_a_new_value_goes_where_it_is_usually_written():
    assert changed({"scheduler": "Karras"}) == TEXT.replace("Euler a,", "Euler a, Schedule type: Karras,")


@pytest.mark.parametrize("fields", [
    {"steps": 9999}, {"steps": "many"}, {"no, key": 1}, {"prompt": "a\nNegative prompt: b"}, {"Mood": [1]},
])
def test_what_could_not_be_read_back_is_refused(fields):
    with pytest.raises(Invalid):
        changed(fields)


def test_an_unusual_value_that_stands_there_already_may_stay():
    old = TEXT.replace("Steps: 20", "Steps: 500")
    assert changed({"steps": 500, "seed": 7}, text=old) == old.replace("Seed: 42", "Seed: 7")


def test_data_of_the_reference_program_are_edited_without_losing_a_pair():
    texts = [
        text for path in GOLDEN.glob("images/*/*/result.json")
        for text in json.loads(path.read_text()).get("infotexts", ()) if text      # a failed cell of a plot has none
    ]
    assert texts
    for text in texts:
        before, after = split_infotext(text), split_infotext(changed({"seed": 12345}, text=text))
        assert after.pairs == before.pairs | {"Seed": "12345"} and after.prompt == before.prompt
