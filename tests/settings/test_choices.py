"""What each person chose last is kept apart from the server's settings."""

from __future__ import annotations

import json

import pytest

from modules.base.errors import Invalid
from modules.settings.choices import ModelChoices


def test_a_choice_is_its_owners_and_survives_a_restart(tmp_path):
    path = tmp_path / "choices.json"
    choices = ModelChoices(path)
    choices.remember("alice", {"sd_model_checkpoint": "a.safetensors"})
    choices.remember("alice", {"CLIP_stop_at_last_layers": 2})
    choices.remember("bob", {"sd_model_checkpoint": "b.safetensors"})
    again = ModelChoices(path)
    assert again.of("alice") == {"sd_model_checkpoint": "a.safetensors", "CLIP_stop_at_last_layers": 2}
    assert again.of("bob") == {"sd_model_checkpoint": "b.safetensors"}
    assert again.of("carol") == {}
    again.forget("bob")
    assert ModelChoices(path).of("bob") == {}


@pytest.mark.parametrize("bad", [{"emphasis": "None"}, {"CLIP_stop_at_last_layers": 99}, {"sd_vae": 5}])
def test_what_is_no_choice_of_a_model_is_refused_and_named(tmp_path, bad):
    choices = ModelChoices(tmp_path / "choices.json")
    with pytest.raises(Invalid) as refused:
        choices.remember("alice", bad)
    assert refused.value.field == next(iter(bad))
    assert choices.of("alice") == {}


@pytest.mark.parametrize("content", ["", "[1]", '{"alice": 5}', "{", '{"alice": {"CLIP_stop_at_last_layers": "many"}}'])
def test_a_file_that_makes_no_sense_is_no_choice(tmp_path, content):
    path = tmp_path / "choices.json"
    path.write_text(content)
    assert ModelChoices(path).of("alice") == {}
    ModelChoices(path).remember("alice", {"sd_vae": "None"})
    assert json.loads(path.read_text())["alice"] == {"sd_vae": "None"}


def test_damaged_choices_are_kept_and_the_last_good_ones_go_on(tmp_path):
    path = tmp_path / "choices.json"
    ModelChoices(path).remember("alice", {"sd_vae": "None"})
    path.write_text('{"ali')
    assert ModelChoices(path).of("alice") == {"sd_vae": "None"}
    assert (tmp_path / "choices.broken.json").read_text() == '{"ali'
