"""Names out of patterns: what A1111's tokens give, and that no pattern and no prompt leads anywhere else."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.base.files import stays_below
from modules.imaging.filename import (
    LONGEST_FILE_NAME,
    MOST_NESTED_FOLDERS,
    PLAIN,
    WITH_ARGUMENTS,
    NameFacts,
    file_stem,
    fill_pattern,
    folder_names,
)
from modules.imaging.save import Destination

NOON = datetime(2026, 11, 28, 12, 5, 9, tzinfo=timezone(timedelta(hours=1)))


def facts(**changes):
    usual = {
        "seed": 1234,
        "seeds": (1234, 1239),
        "size": (512, 768),
        "now": NOON,
        "job": NOON,
        "pixels": lambda: b"pixels",
        "prompt": "a cat, on a mat: 3d style",
        "negative_prompt": "",
        "asked": ("a cat, on a mat", "blurry"),
        "styles": (("Three", "{prompt}: 3d style"),),
        "steps": 20,
        "cfg": 7.0,
        "sampler": "DPM++ 2M",
        "scheduler": "Karras",
        "model_name": "easel: stickers",
        "model_hash": "0123456789",
        "vae": "kl-f8.v2.safetensors",
        "clip_skip": 2,
        "denoising": 0.75,
        "user": "alice",
        "batch": (2, 3),
        "generation": (5, 6),
    }
    return NameFacts(**usual | changes)


KNOWN = {
    "[seed]": "1234",
    "[seed_first]": "1234",
    "[seed_last]": "1239",
    "[steps]": "20",
    "[cfg]": "7.0",
    "[width]x[height]": "512x768",
    "[styles]": "Three",
    "[sampler]": "DPM++ 2M",
    "[scheduler]": "Karras",
    "[sampler_scheduler]": "DPM++ 2M Karras",
    "[model_hash]": "0123456789",
    "[model_name]": "easel_ stickers",
    "[vae_filename]": "kl-f8",
    "[clip_skip]": "2",
    "[denoising]": "0.75",
    "[user]": "alice",
    "[prompt]": "a_cat,_on_a_mat__3d_style",
    "[prompt_spaces]": "a cat, on a mat_ 3d style",
    "[prompt_words]": "a cat on a mat 3d style",
    "[prompt_no_styles]": "a cat, on a mat",
    "[prompt_hash]": sha256(b"a cat, on a mat: 3d style").hexdigest()[:8],
    "[prompt_hash<3>]": sha256(b"a cat, on a mat: 3d style").hexdigest()[:3],
    "[negative_prompt_hash]": sha256(b"blurry").hexdigest()[:8],
    "[full_prompt_hash<>]": sha256(b"a cat, on a mat blurry").hexdigest()[:8],
    "[image_hash]": sha256(b"pixels").hexdigest(),
    "[image_hash<6>]": sha256(b"pixels").hexdigest()[:6],
    "[hasprompt<cat><dog|no dog><hat>]": "catno dog",
    "[hasprompt<CAT>]": "cat",
    "[hasprompt<dog>]": "",
    "[batch_number]": "2",
    "[batch_size]": "3",
    "[generation_number]": "5",
    "[none]": "",
    "[datetime<%Y_%m_%d %H-%M><Asia/Tokyo>]": "2026_11_28 20-05",
    "[datetime<%H:%M><asia/tokyo>]": "20_05",
    "[Seed]-[STEPS]": "1234-20",
    "a [b] c": "a [b] c",
    "[seed]]": "1234]",
    "[[seed]]": "[1234]",
    "[foo<1>]": "[foo]",
    "[": "[",
    "[steps<1>]": "[steps]",
    "[image_hash<x>]": "[image_hash]",
    "": "",
    "plain": "plain",
}


@pytest.mark.parametrize(("pattern", "name"), KNOWN.items(), ids=str)
def test_tokens_give_what_a1111_gives(pattern, name):
    assert fill_pattern(pattern, facts()) == name


def test_every_token_is_tried_above():
    tried = {
        token
        for token in {**PLAIN, **WITH_ARGUMENTS}
        if any(f"[{token}]" in each or f"[{token}<" in each for each in KNOWN)
    }
    assert {*PLAIN, *WITH_ARGUMENTS} - tried == {"date", "job_timestamp"}


def test_days_and_moments_are_this_computers():
    now = datetime.now().astimezone()
    assert fill_pattern("[date]", facts(now=now)) == now.strftime("%Y-%m-%d")
    for pattern in (
        "[datetime]",
        "[datetime<>]",
        "[datetime<><No/Where>]",
        "[datetime<><../etc/passwd>]",
        "[datetime<%9999999d>]",
        "[datetime<\ud800>]",
    ):
        assert fill_pattern(pattern, facts(now=now)) == now.strftime("%Y%m%d%H%M%S"), pattern
    assert fill_pattern("[job_timestamp]", facts(job=NOON)) == "20261128120509"


ALONE = {"batch": (1, 1), "generation": (1, 1), "seeds": (1234, 1234)}


@pytest.mark.parametrize(
    ("pattern", "changes", "name"),
    [
        ("a[batch_number]-[seed]", ALONE, "-1234"),
        ("a[generation_number]b", ALONE, "b"),
        ("a[seed_last]b", ALONE, "b"),
        ("a[denoising]b", {"denoising": None}, "b"),
        ("a-[seed_first]", ALONE, "a-1234"),
        ("[user]", {"user": None}, "[user]"),
        ("[styles]", {"styles": ()}, "None"),
        ("[vae_filename]", {"vae": ""}, "NoneType"),
        ("[vae_filename]", {"vae": ".hidden.pt"}, "hidden"),
        ("[prompt_words]", {"prompt": "?!"}, "empty"),
        ("[prompt_words]", {"prompt": "a b c d", "most_words": 2}, "a b"),
    ],
    ids=str,
)
def test_what_is_not_there_takes_the_text_before_it_along_or_stays(pattern, changes, name):
    assert fill_pattern(pattern, facts(**changes)) == name


def test_an_unknown_picture_keeps_its_tokens():
    bare = NameFacts(seed=7, size=(8, 8), now=NOON, pixels=lambda: b"")
    assert fill_pattern("[seed]-[width]-[model_name]-[prompt]-[steps]", bare) == "7-8-[model_name]-[prompt]-[steps]"


# Nowhere else ----------------------------------------------------------------------------------------

TOKENS = st.sampled_from(
    [f"[{token}]" for token in (*PLAIN, *WITH_ARGUMENTS)] + ["[datetime<%c/%n%t>]", "[hasprompt<../|../x>]"]
)
ODD = st.sampled_from(
    [
        "..",
        "/",
        "\\",
        "\0",
        "\n",
        ".",
        " ",
        "~",
        "CON",
        "nul.txt",
        ":",
        "C:",
        "\ud800",
        "é" * 300,
        "猫" * 200,
        "😀" * 100,
        "$HOME",
    ]
)
TEXTS = st.lists(st.one_of(TOKENS, ODD, st.text(max_size=8)), max_size=12).map("".join)


def is_harmless(name):
    assert name not in ("", ".", "..") and not name.startswith(".") and not set(name) & set('/\\\0\n<>:"|?*')
    assert len(name.encode()) <= LONGEST_FILE_NAME and not name.endswith((" ", "."))
    assert name.split(".")[0].upper() not in ("CON", "PRN", "AUX", "NUL", "COM1", "LPT9")


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(TEXTS, TEXTS, st.sampled_from(["", "-mask"]), st.booleans())
def test_any_pattern_and_any_prompt_make_one_name_in_one_place_below_the_outputs(pattern, prompt, suffix, numbered):
    known = facts(prompt=prompt, model_name=prompt, user=prompt, styles=((prompt, pattern),))
    folders = folder_names(fill_pattern(pattern, known))
    assert len(folders) <= MOST_NESTED_FOLDERS
    stem = file_stem(fill_pattern(pattern, known), "00042" if numbered else "", suffix)
    assert stem.endswith(suffix)
    for name in (*folders, f"{stem}-999.jpeg"):
        is_harmless(name)
    root = Path("/srv/outputs")
    assert Path(os.path.normpath(root.joinpath(*folders, stem))).is_relative_to(root)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_what_a_setting_may_name_stays_below(path):
    if stays_below(path):
        assert not Path(path).is_absolute() and ".." not in Path(path).parts
    assert Path(os.path.normpath(Path("/srv").joinpath(*folder_names(path)))).is_relative_to("/srv")


@pytest.mark.parametrize(
    "path", ["..", "../x", "a/../x", "a\\..\\x", "/x", "\\x", "\\\\server\\x", "C:\\x", "c:x", "a\0", "a\n", "a/ .. /b"]
)
def test_what_leads_elsewhere_is_told_from_what_does_not(path):
    assert not stays_below(path)
    assert stays_below("outputs/a..b/[date]/[datetime<%Y>]/…")


def test_a_long_name_is_cut_before_its_suffix(tmp_path):
    place = Destination(tmp_path, "猫" * 200, numbered=True)
    for number in range(2):
        path = place.write(b"x", "jpeg", "-before-highres-fix")
        assert path.name.startswith(f"{number:05}-猫") and path.name.endswith("猫-before-highres-fix.jpeg")
    text = Destination(tmp_path, path.stem, numbered=False).write(b"", "txt")
    assert text.stem == path.stem


def test_the_time_a_name_takes_grows_with_its_pattern_alone():
    """Counted in what is looked up: each token is worked out once, however often it stands there."""
    asked = []
    known = replace(facts(), pixels=lambda: asked.append(1) or b"")
    assert fill_pattern("[image_hash<4>][Image_Hash<4>]" * 30, known) == sha256(b"").hexdigest()[:4] * 60
    assert len(asked) == 1


@pytest.mark.parametrize(
    "pattern",
    [
        "[datetime" + "<" * 100_000 + "]",
        "[datetime" + "<>" * 50_000 + "]",
        "[" * 100_000,
        "[a" * 50_000,
        "[datetime<" + "%" * 100_000 + ">]",
        "<>" * 50_000 + ">]",
    ],
    ids=lambda text: text[:14],
)
def test_a_pattern_made_to_be_slow_is_read_in_a_moment(pattern):
    """A hundred times as much as any setting holds: what grows with the square of its length would not end."""
    fill_pattern(pattern, facts())
    folder_names(pattern)
    stays_below(pattern)
