"""Merging is an average, unmerging copies it back, and what is alike loses nothing by it."""

from __future__ import annotations

import pytest
import torch

from modules.models.optimizations.token_merging import Matching, TokenMerging
from tests.models.lora.test_patcher import model  # noqa: F401  the same fixture


def tokens(height=4, width=6, channels=8):
    return torch.randn(2, height * width, channels, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("ratio", [0.0, 0.25, 0.5, 0.75, 0.9])
def test_alike_tokens_lose_nothing(ratio):
    same = torch.ones(1, 24, 8)
    matching = Matching.of(same, 6, ratio)
    assert torch.allclose(matching.unmerge(matching.merge(same)), same)


@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.75])
def test_so_many_fewer_tokens_are_thought_over(ratio):
    x = tokens()
    assert Matching.of(x, 6, ratio).merge(x).shape[1] == 24 - int(24 * ratio)


def test_the_mean_over_all_places_is_kept_by_weights():
    """Each merged token is the mean of what went into it: multiplied by how many those were, nothing is lost."""
    x = tokens()
    matching = Matching.of(x, 6, 0.5)
    counts = matching.merge(matching.unmerge(torch.ones(2, 12, 1)))
    ones = torch.zeros(2, 6, 1).scatter_add(1, matching.into, torch.ones(2, 12, 1)) + 1
    merged = matching.merge(x)
    kept, averaged = merged[:, :6], merged[:, 6:]
    assert torch.allclose(kept.sum(1) + (averaged * ones).sum(1), x.sum(1), atol=1e-5)
    assert torch.equal(counts, torch.ones_like(counts))


def test_at_ratio_0_every_token_stands_for_itself():
    x = tokens()
    matching = Matching.of(x, 6, 0.0)
    assert torch.equal(matching.unmerge(matching.merge(x)), x)


@pytest.mark.slow
@torch.inference_mode()
def test_switched_off_the_model_is_what_it_was(model):  # noqa: F811
    x, context = torch.randn(1, 4, 16, 16), torch.randn(1, 77, 64)

    def out():
        return model.unet(x, torch.tensor([500]), encoder_hidden_states=context).sample

    merging, before = TokenMerging(model.unet), out()
    merging.bring(0.5)
    assert not torch.equal(out(), before)
    merging.bring(0.0)
    assert torch.equal(out(), before)
