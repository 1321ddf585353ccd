"""Texts hidden in the lowest bits of pixels are found, and no picture without one is decoded for it."""

from __future__ import annotations

import gzip
import io
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from modules.base.limits import MAX_INFOTEXT
from modules.metadata import hidden
from modules.metadata.contents import picture_contents
from modules.metadata.hidden import hidden_text, may_hide
from modules.params.infotext import split_infotext
from tests.imaging.test_read import png

SECRET = "ein Fuchs, 狐\nNegative prompt: x\nSteps: 4, Sampler: Euler, Seed: 5, Size: 64x128"
COMMENT = {"steps": 28, "sampler": "k_euler", "seed": 7, "scale": 5.0, "uc": "bad", "prompt": "a fox"}
NOVELAI = {"Software": "NovelAI", "Description": "a fox", "Comment": json.dumps(COMMENT)}


def hiding(text, form="stealth_pngcomp", size=(64, 128), file_format="PNG", **options):
    """A picture with a text in it, written bit by bit as the form is described."""
    rng = np.random.default_rng(1)
    alpha = form.startswith("stealth_png")
    pixels = rng.integers(0, 256, (size[1], size[0], 4 if alpha else 3), np.uint8)
    data = text.encode() if isinstance(text, str) else text
    data = gzip.compress(data) if form.endswith("comp") else data
    bits = np.unpackbits(np.frombuffer(form.encode() + (8 * len(data)).to_bytes(4, "big") + data, np.uint8))
    each = 1 if alpha else 3
    for number, bit in enumerate(bits):
        pixel, channel = divmod(number, each)
        column, row = divmod(pixel, size[1])
        channel = 3 if alpha else channel
        pixels[row, column, channel] = pixels[row, column, channel] & 254 | bit
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, file_format, **options)
    return out.getvalue()


FORMS = ("stealth_pngcomp", "stealth_pnginfo", "stealth_rgbcomp", "stealth_rgbinfo")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("file_format", "options"), [
    ("PNG", {}), ("PNG", {"compress_level": 0}), ("PNG", {"optimize": True}), ("WEBP", {"lossless": True, "exact": True}),
])
def test_a_text_is_found_in_each_form_and_format(form, file_format, options):
    assert hidden_text(hiding(SECRET, form, (64, 128), file_format, **options)) == SECRET


@pytest.mark.parametrize("size", [(300, 40), (40, 300), (119, 119), (2, 2000)])
def test_a_text_is_found_in_pictures_of_few_rows_and_of_few_columns(size):
    assert hidden_text(hiding(SECRET, "stealth_rgbcomp", size)) == SECRET


def test_novelais_hidden_data_are_converted():
    found = picture_contents(hiding(json.dumps(NOVELAI)))
    [said] = found.programs
    text = split_infotext(found.pasted)
    assert said.program == "NovelAI" and found.infotext == ""
    assert (text.prompt, text.negative_prompt) == ("a fox", "bad")
    assert {"Steps": "28", "Sampler": "Euler", "Seed": "7", "Size": "64x128"}.items() <= text.pairs.items()
    assert ("steps", "28") in said.readable and [each.program for each in found.texts] == ["NovelAI"]


def test_hidden_generation_data_of_a_web_ui_are_found():
    assert picture_contents(hiding(SECRET, "stealth_pnginfo")).pasted == SECRET


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("size", [(200, 400), (400, 100)])
def test_other_pictures_hide_nothing(mode, size):
    out = io.BytesIO()
    Image.merge(mode, [Image.linear_gradient("L").resize(size) for _ in mode]).save(out, "PNG")
    assert hidden_text(out.getvalue()) == ""


def test_a_picture_without_a_signature_is_not_decoded(monkeypatch):
    monkeypatch.setattr(hidden, "open_image", None)
    out = io.BytesIO()
    Image.merge("RGBA", [Image.linear_gradient("L").resize((300, 500)) for _ in "RGBA"]).save(out, "PNG")
    assert hidden_text(out.getvalue()) == ""
    assert not may_hide(png(size=(8_000, 8_000)))


def test_a_packed_text_is_unpacked_up_to_a_bound():
    assert len(hidden_text(hiding(b"a" * (3 * MAX_INFOTEXT), size=(400, 128)))) == MAX_INFOTEXT


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_damage_is_no_text_but_no_fault(data):
    content = bytearray(DAMAGED)
    for position in data.draw(st.lists(st.integers(33, len(content) - 1), min_size=1, max_size=4)):
        content[position] = data.draw(st.integers(0, 255))
    assert isinstance(hidden_text(bytes(content)), str)


DAMAGED = hiding(SECRET, size=(8, 200))
