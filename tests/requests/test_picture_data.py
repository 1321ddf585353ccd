"""Generation data of other programs' pictures."""

from __future__ import annotations

import json

import pytest

from modules.params import infotext
from modules.prompts.grammar import emphasised
from modules.requests.picture_data import picture_metadata
from tests.imaging.test_read import chunk, png

SAID = {
    "steps": 28,
    "sampler": "k_euler_ancestral",
    "seed": 4028746890,
    "strength": 0.69,
    "noise": 0.667,
    "scale": 12.0,
    "uc": "lowres, text",
}


def novelai(comment, **others):
    texts = {"Software": "NovelAI", "Description": "1girl, {{smile}}, harbour", "Comment": comment, **others}
    return png(
        b"".join(chunk(b"tEXt", f"{key}\0{text}".encode("latin-1")) for key, text in texts.items()), size=(64, 128)
    )


def test_novelais_pictures_have_generation_data():
    values = infotext.parse_infotext(picture_metadata(novelai(json.dumps(SAID))).infotext, emphasised)
    expected = {
        "Prompt": "1girl, {{smile}}, harbour",
        "Negative prompt": "lowres, text",
        "Steps": "28",
        "Sampler": "Euler a",
        "CFG scale": "12.0",
        "Seed": "4028746890",
        "Size-1": "64",
        "Size-2": "128",
        "Clip skip": "2",
        "ENSD": "31337",
    }
    assert expected.items() <= values.items()


def test_its_own_texts_stay_as_they_are():
    assert picture_metadata(novelai(json.dumps(SAID))).items.keys() == {"Software", "Description", "Comment"}


@pytest.mark.parametrize(
    "comment", ["", "no JSON", "[1, 2]", "7", "[" * 100_000, '{"steps": {"a": 1}, "sampler": 7, "uc": null}']
)
def test_novelais_texts_may_be_anything(comment):
    assert isinstance(picture_metadata(novelai(comment)).infotext, str)


def test_an_unknown_sampler_is_novelais_usual_one():
    assert "Sampler: Euler a" in picture_metadata(novelai(json.dumps({**SAID, "sampler": "nai_smea"}))).infotext


def test_a1111s_own_text_goes_first():
    assert picture_metadata(novelai(json.dumps(SAID), parameters="a cat")).infotext == "a cat"
