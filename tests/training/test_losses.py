"""Losses and noise: known answers, and the identities between them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from modules.training.losses import LossRules, element_loss, huber_limit, noise_weights
from modules.training.noise import DrawPlace, NoiseRules, noise_at, perturbed, timestep_at

SNR = torch.tensor([0.25, 1.0, 4.0, 100.0])
ERROR = torch.tensor([-2.0, 0.0, 0.1, 3.0]).view(1, 1, 2, 2)
ZERO = torch.zeros(1, 1, 2, 2)
LATENT = torch.full((4, 8, 8), 0.5)


def limit(c: float) -> torch.Tensor:
    return torch.full((1, 1, 1, 1), c)


def test_squares_and_absolutes():
    assert element_loss(ERROR, ZERO, limit(1), "l2").flatten().tolist() == pytest.approx([4, 0, 0.01, 9])
    assert element_loss(ERROR, ZERO, limit(1), "l1").flatten().tolist() == pytest.approx([2, 0, 0.1, 3])


def test_huber_is_a_square_near_zero_and_straight_far_away():
    small, large = torch.full((1, 1, 1, 1), 1e-2), torch.full((1, 1, 1, 1), 1e4)
    assert float(element_loss(small, 0 * small, limit(0.5), "huber")) == pytest.approx(1e-4, rel=1e-2)
    assert float(element_loss(large, 0 * large, limit(0.5), "huber")) == pytest.approx(2 * 0.5 * (1e4 - 0.5), rel=1e-3)
    known = 2 * 0.5 * (math.sqrt(3**2 + 0.5**2) - 0.5)
    assert float(element_loss(ERROR, ZERO, limit(0.5), "huber").flatten()[3]) == pytest.approx(known)
    # they are one another's multiple
    ratio = element_loss(ERROR, ZERO, limit(0.5), "huber") - 0.5 * element_loss(ERROR, ZERO, limit(0.5), "smooth_l1")
    assert ratio.abs().max() < 1e-6


@pytest.mark.parametrize(("schedule", "expected"), [
    ("constant", [0.1, 0.1]), ("exponential", [1.0, math.sqrt(0.1)]), ("snr", [0.9 / (1 + 0.1) ** 2 + 0.1, 0.9 / 4 + 0.1]),
])
def test_hubers_limit_follows_the_noise(schedule, expected):
    """σ is 1/10 and 1, the timesteps are 0 and 500."""
    found = huber_limit(LossRules(huber_schedule=schedule), torch.tensor([0, 500]), torch.tensor([100.0, 1.0]))
    assert found.flatten().tolist() == pytest.approx(expected)


@pytest.mark.parametrize(("rules", "velocity", "expected"), [
    (LossRules(), False, [1, 1, 1, 1]),
    (LossRules(min_snr_gamma=5), False, [1, 1, 1, 0.05]),
    (LossRules(min_snr_gamma=5), True, [0.2, 0.5, 0.8, 5 / 101]),
    (LossRules(debiased=True), False, [2, 1, 0.5, 0.1]),
    (LossRules(debiased=True), True, [0.8, 0.5, 0.2, 1 / 101]),
    (LossRules(scale_v_like_noise=True), True, [0.2, 0.5, 0.8, 100 / 101]),
    (LossRules(scale_v_like_noise=True), False, [1, 1, 1, 1]),
    (LossRules(v_like=2), False, [11, 5, 3.5, 1 + 2 * 101 / 100]),
])
def test_weights_by_signal_to_noise(rules, velocity, expected):
    assert noise_weights(rules, SNR, velocity).tolist() == pytest.approx(expected)


def test_pure_noise_has_a_finite_weight():
    snr = torch.tensor([0.0])
    for rules in (LossRules(min_snr_gamma=5), LossRules(scale_v_like_noise=True), LossRules(debiased=True)):
        assert noise_weights(rules, snr, True).isfinite().all()


def test_noise_follows_from_its_place_alone():
    here, there = DrawPlace(1, 5, 2), DrawPlace(1, 5, 3)
    rules = NoiseRules()
    assert torch.equal(noise_at(here, LATENT, rules), noise_at(DrawPlace(1, 5, 2), LATENT, rules))
    assert not torch.equal(noise_at(here, LATENT, rules), noise_at(there, LATENT, rules))
    assert timestep_at(here, rules) != timestep_at(there, rules)


def test_timesteps_stay_in_their_range_and_are_even():
    rules = NoiseRules(first=200, last=300)
    drawn = np.array([timestep_at(DrawPlace(3, step, 0), rules) for step in range(1000)])
    assert drawn.min() >= 200 and drawn.max() < 300 and abs(drawn.mean() - 249.5) < 5


def test_an_offset_moves_each_channel_as_a_whole():
    place = DrawPlace(1, 0, 0)
    moved = noise_at(place, LATENT, NoiseRules(offset=0.1)) - noise_at(place, LATENT, NoiseRules())
    assert (moved - moved[:, :1, :1]).abs().max() < 1e-6 and len(moved[:, 0, 0].unique()) == 4
    more = noise_at(place, LATENT, NoiseRules(offset=0.1, adaptive=0.2)) - noise_at(place, LATENT, NoiseRules())
    assert torch.allclose(more, 2 * moved, atol=1e-5)      # the mean of each channel is 0.5


def test_coarser_noise_has_unit_deviation_and_is_smoother():
    plain, coarse = (noise_at(DrawPlace(1, 0, 0), torch.zeros(4, 32, 32), NoiseRules(multires=n, discount=0.5)) for n in (0, 6))
    assert float(coarse.std()) == pytest.approx(1, abs=1e-5)
    assert (coarse[:, 1:] - coarse[:, :-1]).std() < (plain[:, 1:] - plain[:, :-1]).std()


def test_perturbed_noise_is_not_what_is_predicted():
    place, noise = DrawPlace(1, 0, 0), torch.zeros(4, 8, 8)
    assert torch.equal(perturbed(noise, place, NoiseRules()), noise)
    shown = perturbed(noise, place, NoiseRules(perturbation=0.1))
    assert 0.05 < float(shown.std()) < 0.15
