"""The detailer's tabs, and their generation data."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from modules.base.fields import checker
from modules.params.detailer import DetailerTab, prompts_of_finds
from modules.params.detailer_infotext import detailer_pairs, is_detailer_key, told_tabs
from modules.params.infotext import parse_infotext, write_infotext
from modules.prompts.grammar import emphasised

WRITTEN = (  # by ADetailer 24.11 for a tab at its defaults
    "ADetailer model: face_yolov8n.pt, ADetailer confidence: 0.3, ADetailer dilate erode: 4, ADetailer mask blur: 4, "
    "ADetailer denoising strength: 0.4, ADetailer inpaint only masked: True, ADetailer inpaint padding: 32"
)


def text_of(*tabs):
    return write_infotext("a boy", "", dict(detailer_pairs(tabs)))


def read(text):
    notes = []
    tabs = told_tabs(parse_infotext(f"a boy\nSteps: 20, {text}", emphasised), notes)
    return tabs, notes


def test_a_tab_is_written_as_adetailer_writes_it():
    assert text_of(DetailerTab(ad_model="face_yolov8n.pt")).split("\n")[1] == WRITTEN


def test_tabs_come_back_from_their_text():
    tabs = (
        DetailerTab(ad_model="a.pt", ad_prompt="a, b: c [SEP] d", ad_mask_k=2, ad_use_steps=True, ad_steps=7),
        DetailerTab(ad_model="b.pt", ad_inpaint_only_masked=False, ad_use_sampler=True, ad_controlnet_model="Passthrough"),
        DetailerTab(ad_model="c.pt", ad_boxes=((0.25, 0.5, 0.75, 1.0), (0.0, 0.0, 0.125, 0.0625))),
    )
    found, notes = read(text_of(*tabs).split("\n", 1)[1])
    assert [checker(DetailerTab).validate_python(each) for each in found] == list(tabs) and not notes


def test_a_tab_that_is_off_is_not_written():
    assert not list(detailer_pairs([DetailerTab(), DetailerTab(ad_model="a.pt", ad_tab_enable=False)]))


def test_keys_of_older_versions_are_read():
    [tab], _ = read("ADetailer model: a.pt, ADetailer conf: 40, ADetailer dilate/erode: -8, ADetailer version: 23.4")
    assert (tab["ad_confidence"], tab["ad_dilate_erode"]) == (0.4, -8)
    assert is_detailer_key("ADetailer version") and not is_detailer_key("ADetailer order")


def test_a_tab_that_is_off_under_its_other_name_stays_off():
    [tab], notes = read("ADetailer model: a.pt, ADetailer tap enable: False")
    assert tab["ad_tab_enable"] is False and is_detailer_key("ADetailer tap enable") and not notes


def test_what_adetailer_does_not_limit_keeps_its_tab():
    [tab, wide], notes = read(
        "ADetailer model: a.pt, ADetailer mask blur: 100, ADetailer steps: 150, ADetailer model 2nd: b.pt, "
        "ADetailer inpaint width 2nd: 9000, ADetailer steps 2nd: 200, ADetailer mask blur 2nd: 999"
    )
    assert (tab["ad_mask_blur"], tab["ad_steps"]) == (100, 150)
    assert (wide["ad_inpaint_width"], wide["ad_steps"], wide["ad_mask_blur"]) == (8192, 150, 256)
    assert len(notes) == 3 and "ADetailer steps is 150, the largest" in " ".join(notes)


def test_what_a_tab_cannot_be_is_told():
    tabs, notes = read("ADetailer model: a.pt, ADetailer confidence: 7")
    assert not tabs and "ADetailer confidence cannot be '7'" in notes[0]


@pytest.mark.parametrize(("text", "expected"), [
    ("", ("a boy",)),
    ("smiling [SEP] [PROMPT], crying", ("smiling", "a boy, crying")),
    ("[SKIP]\n[SEP]x", ("[SKIP]", "x")),
])
def test_each_find_has_its_prompt(text, expected):
    assert prompts_of_finds(text, "a boy") == expected


def test_a_tab_without_a_detector_or_boxes_takes_no_part():
    assert not DetailerTab().takes_part and DetailerTab(ad_boxes=((0, 0, 1, 1),)).takes_part
    assert asdict(DetailerTab())["ad_model"] == "None"
