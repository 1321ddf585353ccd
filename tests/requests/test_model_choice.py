"""Which model a page begins with, and what its form then holds."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest

from modules.base.accounts import LOCAL_OWNER
from modules.base.errors import UnknownName
from modules.commands.assemble import assemble
from modules.requests.model_choice import (
    checkpoint_named,
    first_checkpoint,
    form_start,
    missing_choices,
    standing_choice,
    with_checkpoint_here,
)
from modules.settings.flags import parse_flags
from tests.servers import with_tiny_model


@pytest.fixture
def app(tmp_path):
    """Two checkpoints, of which one says what it likes."""
    folder = with_tiny_model(tmp_path) / "models/Stable-diffusion"
    shutil.copy(folder / "tiny-sd1.safetensors", folder / "other.safetensors")
    likes = {
        "width": 64,
        "denoising_strength": 0.6,
        "img2img": {"width": 128},
        "txt2img": {"hr_upscaler": "Lanczos", "nonsense": 1},
    }
    (folder / "other.json").write_text(json.dumps({"defaults": likes, "examples": ["a cat"]}))
    return assemble(parse_flags(["--data-dir", str(tmp_path)], {}))


def test_an_account_begins_with_its_own_choice_and_all_others_with_the_servers(app):
    app.settings.change(sd_model_checkpoint="tiny-sd1.safetensors", CLIP_stop_at_last_layers=3)
    app.choices.remember("alice", {"sd_model_checkpoint": "other.safetensors"})
    assert standing_choice(app, "alice") == {
        "sd_model_checkpoint": "other.safetensors",
        "sd_vae": "Automatic",
        "CLIP_stop_at_last_layers": 3,
    }
    assert standing_choice(app, "bob")["sd_model_checkpoint"] == "tiny-sd1.safetensors"


def test_a_local_choice_is_loaded_first_at_the_next_start_and_changes_no_other_page(app):
    app.settings.change(sd_model_checkpoint="tiny-sd1.safetensors")
    app.choices.remember(LOCAL_OWNER, {"sd_model_checkpoint": "other.safetensors"})
    assert standing_choice(app, LOCAL_OWNER)["sd_model_checkpoint"] == "tiny-sd1.safetensors"
    assert first_checkpoint(app).name == "other.safetensors"


def test_what_is_gone_is_not_begun_with(app):
    app.settings.change(sd_model_checkpoint="tiny-sd1.safetensors")
    app.choices.remember("alice", {"sd_model_checkpoint": "gone.safetensors", "sd_vae": "gone.pt"})
    app.choices.remember(LOCAL_OWNER, {"sd_model_checkpoint": "gone.safetensors"})
    assert standing_choice(app, "alice")["sd_model_checkpoint"] == "tiny-sd1.safetensors"
    assert standing_choice(app, "alice")["sd_vae"] == "Automatic"
    assert first_checkpoint(app).name == "tiny-sd1.safetensors"


def test_a_model_may_suggest_something_for_one_tab_alone(app):
    start = form_start(app, checkpoint_named(app, "other"))
    assert start["examples"] == ["a cat"]
    txt2img, img2img = start["defaults"]["txt2img"], start["defaults"]["img2img"]
    assert (txt2img["width"], txt2img["hr_upscaler"], img2img["width"]) == (64, "Lanczos", 128)
    assert "nonsense" not in txt2img and "txt2img" not in txt2img and "hr_upscaler" not in img2img


def test_an_upscaler_that_is_not_here_is_not_suggested(app):
    folder = app.models.checkpoints.roots[0]
    (folder / "other.json").write_text(
        json.dumps({"defaults": {"txt2img": {"hr_upscaler": "none such", "hr_scale": 3}}})
    )
    app.models.refresh()
    txt2img = form_start(app, checkpoint_named(app, "other"))["defaults"]["txt2img"]
    assert (txt2img["hr_upscaler"], txt2img["hr_scale"]) == ("Latent", 3)


@pytest.mark.parametrize(
    "sidecar", [{"defaults": [1]}, {"defaults": {"txt2img": 5}}, {"defaults": {"hr_upscaler": ["x"]}}, []]
)
def test_a_sidecar_that_makes_no_sense_suggests_nothing(app, sidecar):
    plain = form_start(app, None)["defaults"]
    folder = app.models.checkpoints.roots[0]
    (folder / "other.json").write_text(json.dumps(sidecar))
    app.models.refresh()
    assert form_start(app, checkpoint_named(app, "other"))["defaults"] == plain


def test_where_the_settings_checkpoint_is_gone_another_draws_and_that_is_said(app):
    app.settings.change(sd_model_checkpoint="gone.safetensors")
    assert first_checkpoint(app).name == standing_choice(app, "bob")["sd_model_checkpoint"] == "other.safetensors"
    settings, [note] = with_checkpoint_here(app, app.settings.current)
    assert (
        settings.sd_model_checkpoint == "other.safetensors"
        and "gone.safetensors" in note
        and "other.safetensors" in note
    )


def test_a_checkpoint_that_a_request_names_itself_must_be_here(app):
    asked = replace(app.settings.current, sd_model_checkpoint="gone.safetensors")
    with pytest.raises(UnknownName, match="gone.safetensors"):
        with_checkpoint_here(app, asked, {"sd_model_checkpoint": "gone.safetensors"})
    here = replace(app.settings.current, sd_model_checkpoint="tiny-sd1")
    assert with_checkpoint_here(app, here) == (here, [])


def test_where_the_settings_name_no_checkpoint_the_first_one_is_named_to_whoever_draws(app):
    settings, notes = with_checkpoint_here(app, app.settings.current)
    assert (settings.sd_model_checkpoint, notes) == (first_checkpoint(app).name, [])


def test_what_the_settings_name_and_is_not_here_is_told(app):
    assert missing_choices(app, app.settings.current) == []
    app.settings.change(
        sd_model_checkpoint="gone.ckpt", sd_vae="gone.vae.pt", upscaler_for_img2img="4x-Gone", face_restoration=True
    )
    notes = missing_choices(app, app.settings.current)
    assert all(
        name in note for name, note in zip(("gone.ckpt", "gone.vae.pt", "4x-Gone", "codeformer"), notes, strict=True)
    )
    app.settings.change(sd_vae="auto")
    assert not any("VAE" in note for note in missing_choices(app, app.settings.current))
