"""The tiny checkpoint of these tests, and questions with rows of each kind."""

from __future__ import annotations

import pytest
import torch

from modules.library.catalog import ModelFile
from modules.models.checkpoint.loader import load_checkpoint
from modules.models.control.networks import adding
from modules.models.control.row_attention import RowAttention
from modules.models.unet import predict_batch, unpatched
from modules.sampling.questions import Cond, Predict
from modules.sampling.weights import Weights
from tests.golden_data import GOLDEN


@pytest.fixture(scope="package")
def tiny():
    path = GOLDEN / "models/Stable-diffusion/tiny-sd1.safetensors"
    loaded = load_checkpoint(ModelFile(path, path.name, "checkpoint"))
    loaded.to(torch.device("cpu"), unet=torch.float32, vae=torch.float32, text=torch.float32)
    return loaded


@pytest.fixture
def row():
    """Makes a question of one row: its seed, noise level and extras."""

    def make(seed=2, sigma=5.0, **extras):
        noise = torch.Generator().manual_seed(seed)
        x, text = torch.randn(4, 8, 8, generator=noise), torch.randn(77, 64, generator=noise)
        return Predict(Weights("w"), x, sigma, 100 * sigma, (Cond(text, extras=extras),), 0)

    return make


@pytest.fixture
def drawn(tiny):
    """Answers questions in one call, with these networks by file."""

    def answer(networks, *questions):
        attending = RowAttention(tiny.unet).with_networks(networks, unpatched)
        with torch.inference_mode():
            answers = predict_batch(tiny, questions, control=adding(networks), attending=attending)
        return [one for [one] in answers]

    return answer


@pytest.fixture
def in_company(drawn):
    """Draws a question alone and between two plain ones: those must stay the same to the bit. Returns both answers."""

    def check(networks, asked, plain):
        before = drawn(networks, plain, plain, plain)
        first, company, last = drawn(networks, plain, asked, plain)
        assert torch.equal(first, before[0]) and torch.equal(last, before[2])
        return drawn(networks, asked)[0], company

    return check
