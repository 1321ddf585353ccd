"""Which VAE a checkpoint is drawn with."""

from __future__ import annotations

import json

import pytest

from modules.base.errors import UnknownName
from modules.library.catalog import Catalog
from modules.library.library import Library
from modules.library.model_kinds import CHECKPOINT, VAE
from modules.store.hashes import HashCache
from tests.golden_data import GOLDEN

TINY = (GOLDEN / "models/Stable-diffusion/tiny-sd1.safetensors").read_bytes()


@pytest.fixture
def models(tmp_path):
    names = (
        "Stable-diffusion/cat.safetensors",
        "Stable-diffusion/dog.safetensors",
        "VAE/cat.safetensors",
        "VAE/soft.safetensors",
    )
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(TINY)
    hashes = HashCache(tmp_path / "h.sqlite")
    folders = {CHECKPOINT: "Stable-diffusion", VAE: "VAE"}
    return Library({kind.name: Catalog((tmp_path / folder,), hashes, kind) for kind, folder in folders.items()})


def chosen(models, checkpoint, *wanted, **preference):
    file = models.checkpoints.find(checkpoint)
    if preference:
        file.path.with_suffix(".json").write_text(json.dumps(preference))
    found = models.vae_for(file, *wanted)
    return found and found.name


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("None", None),
        ("", None),
        ("soft.safetensors", "soft.safetensors"),
        ("Automatic", "cat.safetensors"),
        ("auto", "cat.safetensors"),
    ],
)
def test_automatic_is_the_file_of_the_checkpoints_name(models, wanted, expected):
    assert chosen(models, "cat", wanted) == expected


def test_where_none_has_its_name_it_keeps_its_own(models):
    assert chosen(models, "dog", "Automatic") is None


def test_an_unknown_one_is_refused(models):
    with pytest.raises(UnknownName):
        chosen(models, "cat", "gone.safetensors")


@pytest.mark.parametrize(
    ("preferred", "expected"),
    [
        ("soft.safetensors", "soft.safetensors"),
        ("None", None),
        ("Automatic", "cat.safetensors"),
        ("gone.pt", "cat.safetensors"),
        (7, "cat.safetensors"),
    ],
)
def test_automatic_is_what_the_user_prefers_with_the_checkpoint(models, preferred, expected):
    assert chosen(models, "cat", "Automatic", vae=preferred) == expected


@pytest.mark.slow
def test_a_choice_goes_before_the_preference_unless_that_is_first(models):
    assert chosen(models, "cat", "cat.safetensors", vae="soft.safetensors") == "cat.safetensors"
    assert chosen(models, "cat", "cat.safetensors", True) == "soft.safetensors"
    assert chosen(models, "dog", "cat.safetensors", True) == "cat.safetensors"


@pytest.mark.parametrize("wanted", ["None", "soft.safetensors", "Automatic"])
def test_a_file_of_the_checkpoints_name_is_a_preference_too(models, wanted):
    """With `sd_vae_overrides_per_model_preferences` off, as A1111."""
    assert chosen(models, "cat", wanted, True) == "cat.safetensors"
