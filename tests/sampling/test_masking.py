"""Where nothing is painted, the picture stays; where all is, nothing is changed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from modules.sampling.cond_extras import SHOWN_IMAGE, ShownImage
from modules.sampling.flows import Tuning
from modules.sampling.guidance import Guidance, Timeline, layered_answer, layered_asks
from modules.sampling.masking import Inpainting, KeepAfter, KeepBefore, Softness, evenly_mixed
from modules.sampling.pix2pix import pix2pix_guidance
from modules.sampling.questions import Cond
from modules.sampling.samplers import SAMPLERS
from modules.sampling.schedules import ModelSigmas, ddim_levels

LEVELS = ModelSigmas.of(np.linspace(0.9991, 0.0047, 1000))
SOFT = Softness(power=1.0, scale=0.5, preservation=4.0)
PICTURE, GOAL, START = torch.randn(3, 4, 8, 8, generator=torch.Generator().manual_seed(1))
HALF = (torch.arange(8) >= 4).float().expand(8, 8)


def sampled(flow):
    """The flow's latent, by a model whose estimate is GOAL, and a little of what it sees."""
    ask = next(flow)
    try:
        while True:
            estimate = GOAL + 0.01 * ask.x / (1 + ask.sigma**2) ** 0.5
            ask = flow.send((estimate, estimate) if ask.apart else estimate)
    except StopIteration as done:
        return done.value


def flow_of(sampler, hole=None):
    levels = ddim_levels(10, LEVELS) if sampler.timesteps else [float(s) for s in np.geomspace(10, 0.1, 8)] + [0.0]
    noise = torch.Generator().manual_seed(2)
    flow = sampler.flow(START * levels[0], levels, lambda *_: torch.randn(4, 8, 8, generator=noise), Tuning())
    if hole is None:
        return flow
    return layered(flow, (KeepBefore(hole.mix, LEVELS) if sampler.timesteps else KeepAfter(hole.mix),))


def layered(flow, layers):
    """The flow as the model meets it behind these layers."""
    try:
        ask = next(flow)
        while True:
            asks = layered_asks(layers, ask)
            answer = yield asks[-1]
            answers = [layered_answer(layers, asks, each) for each in (answer if ask.apart else (answer,))]
            ask = flow.send(tuple(answers) if ask.apart else answers[0])
    except StopIteration as done:
        return done.value


@pytest.fixture(params=["Euler", "Euler a", "DPM++ 2M", "Heun", "DDIM", "DDIM CFG++", "PLMS", "UniPC"])
def sampler(request):
    return SAMPLERS[request.param]


def test_painted_all_over_it_is_as_without_a_mask(sampler):
    assert torch.allclose(
        sampled(flow_of(sampler, Inpainting(PICTURE, torch.ones(8, 8)))), sampled(flow_of(sampler)), atol=1e-4
    )


def test_where_nothing_is_painted_the_picture_is_left(sampler):
    hole = Inpainting(PICTURE, HALF)
    latent = hole.closed(sampled(flow_of(sampler, hole)))
    assert torch.equal(latent[..., :4], PICTURE[..., :4]) and not torch.allclose(
        latent[..., 4:], PICTURE[..., 4:], atol=0.1
    )


def test_the_model_sees_the_picture_in_what_it_is_asked_by_the_ddim_family():
    ask = next(flow_of(SAMPLERS["DDIM"], Inpainting(PICTURE, HALF)))
    assert torch.allclose(ask.x[..., :4] / (1 + ask.sigma**2) ** 0.5, PICTURE[..., :4], atol=1e-5)


def test_a_soft_mask_of_nothing_leaves_the_picture(sampler):
    if not sampler.timesteps:
        hole = Inpainting(PICTURE, torch.zeros(8, 8), SOFT)
        assert torch.allclose(sampled(flow_of(sampler, hole)), PICTURE, atol=1e-3)


def test_grey_is_painted_more_as_the_noise_falls():
    hole = Inpainting(torch.zeros(4, 8, 8), torch.full((8, 8), 0.5), SOFT)
    shares = [float(hole.mix(torch.ones(4, 8, 8), sigma).mean()) for sigma in (14.0, 5.0, 1.0, 0.1)]
    assert shares == sorted(shares) and shares[0] < 0.5 < shares[-1]


def test_a_mix_is_as_long_as_what_it_is_mixed_of():
    a, b = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(3))
    a, b = a / a.norm(dim=0), b / b.norm(dim=0)
    assert torch.allclose(evenly_mixed(a, b, torch.full((8, 8), 0.4), 4.0).norm(dim=0), torch.ones(8, 8), atol=1e-3)
    assert torch.allclose(evenly_mixed(a, b, torch.zeros(8, 8), 4.0), a, atol=1e-3)


# Editing by instruction ------------------------------------------------------------------------------


def says(value):
    return Timeline((10_000,), (Cond(torch.full((2, 3), float(value))),))


def guidance(scale=7.0):
    return Guidance(((says(1), 1.0),), says(0), scale, extras={SHOWN_IMAGE: ShownImage(torch.ones(4, 2, 2))})


def test_the_third_question_shows_no_picture_and_has_the_negative_prompt():
    text, picture, nothing = pix2pix_guidance(guidance(), 1.5).conds(0, 1.0)
    images = [each.extras[SHOWN_IMAGE].image for each in (text, picture, nothing)]
    assert [bool(image.all()) for image in images] == [True, True, False] and not images[2].any()
    assert nothing.text is picture.text


def test_both_scales_count():
    """nothing + 1.5 · (picture − nothing) + 7 · (text − picture)"""
    text, picture, nothing = (torch.full((4, 2, 2), value) for value in (10.0, 4.0, 1.0))
    clean, away = pix2pix_guidance(guidance(), 1.5).combine((text, picture, nothing))
    assert torch.allclose(clean, torch.full((4, 2, 2), 1 + 1.5 * 3 + 7 * 6.0)) and torch.equal(away, nothing)


def test_at_image_scale_1_it_is_plain_guidance():
    estimates = tuple(torch.randn(3, 4, 2, 2))
    assert torch.allclose(pix2pix_guidance(guidance(), 1.0).combine(estimates)[0], guidance().combine(estimates[:2])[0])
