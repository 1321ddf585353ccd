"""The table of model kinds, and where the files of each are looked for."""

from __future__ import annotations

from dataclasses import fields

import pytest

from modules.library.model_kinds import (
    CHECKPOINT,
    CODEFORMER,
    EMBEDDING,
    FLAG,
    GFPGAN,
    HYPERNETWORK,
    LORA,
    MODEL_KINDS,
    UPSCALER,
    VAE,
    flag_name,
    kind_folders,
)
from modules.settings.flags import ROOT, Flags, parse_flags


def folders(kind, *arguments):
    return kind_folders(kind, parse_flags(list(arguments), {}))


def test_kinds_have_names_and_pages_of_their_own():
    for names in (
        [kind.name for kind in MODEL_KINDS],
        [kind.page for kind in MODEL_KINDS if kind.page],
        [kind.refresh for kind in MODEL_KINDS if kind.refresh],
    ):
        assert len(names) == len(set(names))


def test_every_flag_that_a_kind_names_is_one():
    flags = {flag_name(place) for kind in MODEL_KINDS for place in (*kind.where, kind.first) if place.startswith(FLAG)}
    assert flags and flags <= {each.name for each in fields(Flags)}


def test_longer_endings_go_first_and_another_kinds_name_exists():
    for kind in MODEL_KINDS:
        for place, ending in enumerate(kind.endings):
            assert not any(ending.endswith(earlier) for earlier in kind.endings[:place])
        assert {kind.among, *kind.needs} - {""} <= {other.name for other in MODEL_KINDS}


def test_everything_is_beside_the_program_by_default():
    assert folders(CHECKPOINT) == (ROOT / "models/Stable-diffusion",)


def test_a_data_folder_moves_the_models_and_what_ships_is_looked_for_after_them(tmp_path):
    data = ("--data-dir", str(tmp_path))
    own = tmp_path / "models/Lora", tmp_path / "models/LyCORIS"
    assert folders(LORA, *data) == (*own, ROOT / "models/Lora", ROOT / "models/LyCORIS")
    assert folders(CHECKPOINT, *data) == (tmp_path / "models/Stable-diffusion", ROOT / "models/Stable-diffusion")
    assert folders(VAE, "--models-dir", str(tmp_path)) == (tmp_path / "VAE",)


@pytest.mark.parametrize(
    ("flag", "kind", "usual"),
    [
        ("--ckpt-dir", CHECKPOINT, "Stable-diffusion"),
        ("--vae-dir", VAE, "VAE"),
        ("--lora-dir", LORA, "Lora"),
        ("--lyco-dir", LORA, "LyCORIS"),
        ("--lyco-dir-backcompat", LORA, "Lora"),
        ("--embeddings-dir", EMBEDDING, "embeddings"),
        ("--hypernetwork-dir", HYPERNETWORK, "hypernetworks"),
        ("--esrgan-models-path", UPSCALER, "ESRGAN"),
        ("--realesrgan-models-path", UPSCALER, "RealESRGAN"),
        ("--dat-models-path", UPSCALER, "DAT"),
        ("--swinir-models-path", UPSCALER, "SwinIR"),
        ("--scunet-models-path", UPSCALER, "ScuNET"),
        ("--bsrgan-models-path", UPSCALER, "BSRGAN"),
        ("--gfpgan-models-path", GFPGAN, "GFPGAN"),
        ("--gfpgan-dir", GFPGAN, "GFPGAN"),
        ("--codeformer-models-path", CODEFORMER, "Codeformer"),
    ],
)
def test_a_flag_for_a_folder_of_models_adds_it(tmp_path, flag, kind, usual):
    found = folders(kind, flag, str(tmp_path))
    assert tmp_path in found and ROOT / "models" / usual in found and len(found) == len(set(found))


def test_what_is_made_goes_where_the_flag_says(tmp_path):
    assert folders(LORA, "--lora-dir", str(tmp_path))[0] == tmp_path


def test_both_of_the_folders_that_embeddings_may_be_in_are_read_and_the_one_there_is_goes_first(tmp_path):
    ours, beside, shipped = tmp_path / "models/embeddings", tmp_path / "embeddings", ROOT / "models/embeddings"
    assert folders(EMBEDDING, "--data-dir", str(tmp_path)) == (beside, ours, shipped)
    ours.mkdir(parents=True)
    assert folders(EMBEDDING, "--data-dir", str(tmp_path)) == (ours, beside, shipped)
