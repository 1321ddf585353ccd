"""What networks see and say, and flow-matching models on the scale that all samplers share."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from modules.base.errors import Invalid
from modules.sampling.euler_heun import begun_by_euler
from modules.sampling.flows import Tuning
from modules.sampling.latent import LatentFormat
from modules.sampling.noise import ImageNoise, brownian
from modules.sampling.parametrization import EPSILON, FLOW, PARAMETRIZATIONS, VELOCITY
from modules.sampling.samplers import SAMPLERS
from modules.sampling.schedules import SCHEDULES, FlowLevels, ModelSigmas, ScheduleOptions, sigmas

SPREAD = 0.7      # of the data, which is normal; its denoiser and its flow are known
SHAPE = (4, 32, 32)
LEVELS = FlowLevels.shifted(3.0)


def said(parametrization, clean, noise, sigma):
    """What a network that knows the answer says of clean + σ·noise."""
    alpha = 1 / (1 + sigma**2)
    return {
        EPSILON: noise,
        VELOCITY: math.sqrt(alpha) * noise - math.sqrt(1 - alpha) * clean,
        FLOW: noise - clean,
    }[parametrization]


@pytest.mark.parametrize("parametrization", PARAMETRIZATIONS.values(), ids=lambda each: each.name)
@pytest.mark.parametrize("sigma", [0.03, 1.0, 14.6, 500.0])
def test_a_network_that_knows_the_answer_is_understood(parametrization, sigma):
    clean, noise = torch.randn(2, 4, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    x = clean + sigma * noise
    found = parametrization.clean(
        x, said(parametrization, clean, noise, sigma), sigma, parametrization.input_scale(sigma)
    )
    assert torch.allclose(found, clean, atol=1e-9)


@pytest.mark.parametrize("sigma", [0.5, 9.0])
def test_a_flows_network_sees_a_straight_mixture(sigma):
    clean, noise = torch.randn(2, 8, dtype=torch.float64)
    t = sigma / (1 + sigma)
    assert torch.allclose((clean + sigma * noise) * FLOW.input_scale(sigma), (1 - t) * clean + t * noise)
    assert LEVELS.timestep(sigma) == pytest.approx(1000 * t) and LEVELS.sigma(1000 * t) == pytest.approx(sigma)


def test_diffusion_keeps_its_variance():
    for sigma in (0.1, 14.6):
        assert EPSILON.input_scale(sigma) * math.sqrt(1 + sigma**2) == pytest.approx(1)
        assert EPSILON.noise_in(sigma) == EPSILON.noise_out(sigma) == math.sqrt(1 + sigma**2)


def test_schedules_of_a_flow_are_drawn_on_its_times():
    times = [sigma / (1 + sigma) for sigma in sigmas(SCHEDULES["Simple"], 4, LEVELS)]
    even = [1, 0.75, 0.5, 0.25]
    assert times == pytest.approx([*(min(3 * t / (1 + 2 * t), 1 - 1e-4) for t in even), 0], abs=1e-6)
    ramp = np.linspace((1 - 1e-4) ** (1 / 7), times[-2] ** (1 / 7), 4) ** 7
    low = times[-2] / (1 - times[-2])
    karras = [sigma / (1 + sigma) for sigma in sigmas(SCHEDULES["Karras"], 4, LEVELS, ScheduleOptions(low=low))]
    assert karras[:-1] == pytest.approx(ramp, abs=1e-4)


@pytest.mark.parametrize(
    "schedule",
    [each for each in SCHEDULES if each.levels and each.name != "Align Your Steps"],
    ids=lambda each: each.name,
)
def test_every_schedule_of_a_flow_falls(schedule):
    levels = sigmas(schedule, 12, LEVELS)
    assert all(high > low for high, low in zip(levels, levels[1:], strict=False)) and levels[0] <= LEVELS.highest * 1.01


def test_what_was_made_for_diffusion_alone_is_refused():
    with pytest.raises(Invalid, match="Align Your Steps"):
        sigmas(SCHEDULES["Align Your Steps"], 10, LEVELS)
    with pytest.raises(Invalid, match="few timesteps"):
        LEVELS.every(20)
    assert LEVELS.quantised() is LEVELS and LEVELS.bent(half=True, to_noise=True) is LEVELS


def test_settings_bend_the_levels_of_a_diffusion_alone():
    alphas = np.cumprod(1 - np.linspace(0.03, 0.1, 1000) ** 2).astype(np.float32)
    levels = ModelSigmas.of(alphas)
    assert levels.bent(half=False, to_noise=True).highest > 4000 > levels.highest
    assert np.array_equal(levels.bent(half=False, to_noise=False).sigmas, levels.sigmas)


def test_latents_go_to_the_vae_and_back():
    latent, wide = torch.randn(16, 4, 4), LatentFormat(16, 8, 0.3611, 0.1159)
    assert torch.allclose(wide.to_network(wide.to_vae(latent)), latent, atol=1e-6)
    assert torch.allclose(wide.to_network(torch.full((1,), 1.1159)), torch.tensor([0.3611]))


# Sampling a flow whose answer is known --------------------------------------------------------------


def velocity(seen, t):
    """What a perfect network says: normal data of that spread, seen as (1−t)·clean + t·noise."""
    sigma = t / (1 - t)
    x = seen * (1 + sigma)
    clean = x * (SPREAD**2 / (SPREAD**2 + sigma**2))
    return (x - clean) / sigma - clean


def rough(seen, t):
    """What an untrained network might say: its answers change much from level to level."""
    return torch.sin(3 * seen) + seen.roll(1, -1) / 5


def sampled(name, steps, network=velocity):
    """(noise it starts from, result), as the driver has it."""
    sampler, noise = SAMPLERS[name], ImageNoise(0, SHAPE)
    eta = 0 if network is rough else 1
    levels = sigmas(SCHEDULES["Simple"], steps, LEVELS, discard_next_to_last_sigma=sampler.discard_next_to_last_sigma)
    start = noise.first().double()
    fresh = brownian(0, SHAPE, levels) if sampler.brownian else noise.next
    arguments = start * levels[0], levels, fresh, Tuning(eta, parametrization=FLOW)
    flow = begun_by_euler(sampler.flow, *arguments) if sampler.looks_ahead else sampler.flow(*arguments)
    ask, steps_asked = next(flow), []
    try:
        while True:
            steps_asked.append(ask.step)
            scale = FLOW.input_scale(ask.sigma)
            out = network(ask.x * scale, LEVELS.timestep(ask.sigma) / 1000)
            ask = flow.send(FLOW.clean(ask.x, out, ask.sigma, scale))
    except StopIteration as done:
        assert steps_asked == sorted(steps_asked)
        return start, done.value


@pytest.mark.parametrize("name", ["Euler", "Heun", "DPM2", "DPM++ 2M", "LMS", "Restart"])
def test_a_deterministic_sampler_ends_where_the_flow_does(name):
    """Closed form: x(0) = x(σ)·s/√(s²+σ²), which from pure noise is s·noise."""
    start, found = sampled(name, 19 if name == "Restart" else 200)      # from 20 on it adds noise of its own
    error = float((found - SPREAD * start).pow(2).mean().sqrt())
    assert error < (0.15 if name == "Restart" else 0.02) * SPREAD


def test_eulers_error_falls_by_half_with_twice_the_steps():
    errors = [
        float((result - SPREAD * start).abs().mean()) for start, result in (sampled("Euler", 50), sampled("Euler", 100))
    ]
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.2)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Euler a", "DPM2 a", "DPM++ 2S a", "DPM++ SDE", "DPM++ 2M SDE", "DPM++ 3M SDE"])
def test_a_stochastic_sampler_keeps_the_datas_spread(name):
    _, found = sampled(name, 100)
    assert float(found.std()) == pytest.approx(SPREAD, abs=0.04)


@pytest.mark.parametrize(
    "name", [sampler.name for sampler in SAMPLERS if sampler.looks_ahead and not sampler.timesteps]
)
def test_samplers_that_look_ahead_begin_with_eulers_move(name):
    """Else the first move, from σ of ten thousand, would throw the latent far off:
    Heun's ten times as far as Euler's method.
    """
    _, right = sampled("Euler", 600, rough)
    error, eulers = (float((sampled(each, 8, rough)[1] - right).pow(2).mean().sqrt()) for each in (name, "Euler"))
    assert error < 3 * eulers
