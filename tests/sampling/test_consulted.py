"""A batch whose steps are listened to: with nobody there, or nothing changed, it is the plain one to the bit."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from modules.sampling.consulted import (
    CFG_AFTER_CFG,
    CFG_DENOISED,
    CFG_DENOISER,
    STEP_MOMENTS,
    SampledPicture,
    StepCount,
    Together,
    guided_batch,
)
from modules.sampling.flows import Tuning
from modules.sampling.guidance import Guidance, Stage, Timeline, guided
from modules.sampling.questions import Cond, Weights
from modules.sampling.samplers import SAMPLERS
from modules.sampling.schedules import ModelSigmas

LEVELS = ModelSigmas.of(torch.linspace(0.999, 0.005, 1000).numpy())
SIGMAS = [10.0, 4.0, 1.5, 0.6, 0.0]


def cond(value: float) -> Cond:
    return Cond(torch.full((3, 5), value))


def stage(value: float = 1.0) -> Stage:
    guidance = Guidance(((Timeline.always(cond(value)), 1.0),), Timeline.always(cond(-value)), 5.0)
    return Stage(Timeline.always(Weights("w")), guidance, LEVELS)


def sampler_flow(sampler, seed: int):
    noise = torch.Generator().manual_seed(seed)
    start = torch.randn(4, 3, 3, generator=noise) * SIGMAS[0]
    return sampler.flow(start, list(SIGMAS), lambda a, b: torch.randn(4, 3, 3, generator=noise), Tuning())


def model(question) -> list[torch.Tensor]:
    """A model that is a function of latent, level, time and text."""
    return [
        torch.sin(question.x) * each.text.mean() + question.sigma * 0.01 + question.timestep * 1e-4
        for each in question.conds
    ]


def plain(sampler, seed: int) -> torch.Tensor:
    task = guided(sampler_flow(sampler, seed), stage())
    try:
        question = next(task)
        while True:
            question = task.send(model(question))
    except StopIteration as done:
        return done.value


def consulted(sampler, heard, listen=lambda ask: None, stops=lambda: False, seeds=(1, 2)):
    """A batch's pictures, and the moments that were asked about."""
    pictures = [SampledPicture(sampler_flow(sampler, seed), stage(), sampler.timesteps) for seed in seeds]
    steps, moments, answer = guided_batch(pictures, heard, StepCount(), stops), [], None
    try:
        while True:
            ask = steps.send(answer)
            if isinstance(ask, Together):
                answer = [model(question) for question in ask.questions]
            else:
                moments.append(ask.moment)
                answer = listen(ask)
    except StopIteration as done:
        return pictures, moments, done.value


@pytest.mark.parametrize("heard", [frozenset(), STEP_MOMENTS], ids=["nobody listens", "listeners change nothing"])
@pytest.mark.parametrize("sampler", list(SAMPLERS), ids=lambda sampler: sampler.name)
def test_a_batch_that_nobody_changes_is_the_plain_pictures_to_the_bit(sampler, heard):
    pictures, moments, complete = consulted(sampler, heard)
    assert complete and bool(moments) == bool(heard)
    for picture, seed in zip(pictures, (1, 2), strict=True):
        assert torch.equal(picture.latent, plain(sampler, seed))


@pytest.mark.parametrize("name", ["Euler", "DPM++ 2M", "DDIM", "UniPC"])
def test_rows_asked_one_by_one_give_the_same_picture(name):
    """New tensors with the same values are changes: each row is then a question of its own."""
    def renew(ask):
        if ask.moment == CFG_DENOISER:
            ask.payload.x = ask.payload.x.clone()

    pictures, _, _ = consulted(SAMPLERS[name], {CFG_DENOISER}, renew)
    for picture, seed in zip(pictures, (1, 2), strict=True):
        assert torch.allclose(picture.latent, plain(SAMPLERS[name], seed), rtol=1e-3, atol=1e-2)


def test_rows_stand_in_a1111s_order_and_sigma_may_differ_from_row_to_row():
    seen = []

    def raise_negative(ask):
        seen.append((ask.payload.x.shape, ask.payload.sigma.tolist(), ask.payload.text_cond.mean().item()))
        ask.payload.sigma = ask.payload.sigma.clone()
        ask.payload.sigma[2:] *= 1.5

    pictures, _, _ = consulted(SAMPLERS["Euler"], {CFG_DENOISER}, raise_negative)
    assert seen[0] == ((4, 4, 3, 3), [10.0] * 4, 1.0)
    assert not torch.allclose(pictures[0].latent, plain(SAMPLERS["Euler"], 1), atol=1e-3)


def test_the_models_answer_counts_in_place_only_and_the_guided_one_by_assignment():
    def replaced(ask):
        ask.payload.x = ask.payload.x * 0

    def emptied(ask):
        ask.payload.x.zero_()

    euler = SAMPLERS["Euler"]
    untouched, _, _ = consulted(euler, {CFG_DENOISED}, replaced)
    assert torch.equal(untouched[0].latent, plain(euler, 1))
    for moment, change in ((CFG_DENOISED, emptied), (CFG_AFTER_CFG, replaced), (CFG_AFTER_CFG, emptied)):
        assert consulted(euler, {moment}, change)[0][0].latent.abs().max() < 1e-6


def test_a_batch_that_is_stopped_ends_after_the_evaluation_in_hand():
    asks = []
    pictures, moments, complete = consulted(
        SAMPLERS["Euler"], {CFG_DENOISER, CFG_AFTER_CFG}, lambda ask: asks.append(ask), lambda: len(asks) >= 4
    )
    assert not complete and moments == [CFG_DENOISER, CFG_AFTER_CFG] * 2
    assert all(picture.latent is picture.prompted for picture in pictures)


def test_steps_are_counted_as_a1111_counts_them():
    """The first two evaluations see 0, as the number is set after a step; Heun's second of a step sees its own."""
    for name, wanted in (("Euler", [0, 0, 1, 2]), ("Heun", [0, 0, 0, 1, 1, 2, 2])):
        pictures = [SampledPicture(sampler_flow(SAMPLERS[name], 1), stage(), False)]
        count, seen = StepCount(), []
        steps, answer = guided_batch(pictures, {CFG_DENOISER}, count, lambda: False), None
        with pytest.raises(StopIteration):
            while True:
                ask = steps.send(answer)
                if not isinstance(ask, Together):
                    seen.append(count.sampling_step)
                answer = [model(question) for question in ask.questions] if isinstance(ask, Together) else None
        assert seen == wanted


def test_a_conditioning_that_is_changed_is_used():
    def darker(ask):
        ask.payload.text_cond = ask.payload.text_cond * 0

    changed, _, _ = consulted(SAMPLERS["Euler"], {CFG_DENOISER}, darker)
    guidance = replace(stage().guidance, positive=((Timeline.always(cond(0.0)), 1.0),))
    task = guided(sampler_flow(SAMPLERS["Euler"], 1), replace(stage(), guidance=guidance))
    try:
        question = next(task)
        while True:
            question = task.send(model(question))
    except StopIteration as done:
        assert torch.allclose(changed[0].latent, done.value, atol=1e-4)
