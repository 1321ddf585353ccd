"""What extensions see of the model while no picture is being made."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from modules.plugins.host import Host
from modules.surface.binding import NotHere
from modules.surface.job_views import ModelView
from modules.surface.sd_hijack import StableDiffusionModelHijack


def test_a_text_is_tokens_and_nothing_else_of_the_text_encoder_is_there(tmp_path):
    host = Host(tmp_path)
    host.program = SimpleNamespace(tokenizer=lambda: lambda text: [len(word) for word in text.split()])
    encoder = ModelView(host).cond_stage_model
    assert encoder.tokenize(["a red fox", ""]) == [[1, 3, 3], []]
    assert not hasattr(encoder, "transformer")
    with pytest.raises(NotHere, match="No picture is being made"):
        _ = ModelView(host).model


def test_a_prompt_is_counted_in_chunks_as_model_hijack_does_it(tmp_path):
    class Words:
        start, end, comma, brackets = 1, 2, 0, {}

        def __call__(self, text):
            return [0 if word == "," else len(word) + 2 for word in text.split()]

    host = Host(tmp_path)
    host.program = SimpleNamespace(tokenizer=lambda: Words())
    clip = StableDiffusionModelHijack(host).clip
    found, count = clip.tokenize_line("a " * 80)
    assert (len(found), len(found[0].tokens)) == (2, 77) and count == 80
    assert [clip.get_target_prompt_token_count(each) for each in (0, 1, 75, 76)] == [75, 75, 75, 150]
