"""What extensions see of the model while no picture is being made."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from modules.plugins.host import Host
from modules.surface.job_views import ModelView, NotHere


def test_a_text_is_tokens_and_nothing_else_of_the_text_encoder_is_there(tmp_path):
    host = Host(tmp_path)
    host.program = SimpleNamespace(tokenizer=lambda: lambda text: [len(word) for word in text.split()])
    encoder = ModelView(host).cond_stage_model
    assert encoder.tokenize(["a red fox", ""]) == [[1, 3, 3], []]
    assert not hasattr(encoder, "transformer")
    with pytest.raises(NotHere, match="No picture is being made"):
        _ = ModelView(host).model
