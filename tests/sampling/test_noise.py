"""Noise is A1111's, and a picture's own: no other picture, batch or device changes it."""

import json

import numpy as np
import pytest
import torch

from modules.sampling.noise import ImageNoise, Variation, brownian, slerp, source
from tests.golden_data import GOLDEN

CASES = json.loads((GOLDEN / "tensors/noise.json").read_text())
TENSORS = np.load(GOLDEN / "tensors/noise.npz")


def noise_of(case, i):
    subseeds = case["subseeds"] or [0] * len(case["seeds"])
    variation = Variation(
        subseeds[i],
        case["subseed_strength"],
        max(0, case["seed_resize_from_w"]) // 8,
        max(0, case["seed_resize_from_h"]) // 8,
    )
    return ImageNoise(
        case["seeds"][i], tuple(case["shape"]), variation, case["eta_noise_seed_delta"], source(case["source"], "cpu")
    )


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["id"])
def test_first_and_later_draws_are_a1111s(case):
    for i in range(len(case["seeds"])):
        noise = noise_of(case, i)
        for name, drawn in (("first", noise.first()), ("next1", noise.next(1, 1)), ("next2", noise.next(1, 1))):
            if f"{case['id']}/{name}" in TENSORS:
                np.testing.assert_allclose(drawn.numpy(), TENSORS[f"{case['id']}/{name}"][i], atol=1e-6)


def test_slerp_ends_at_its_ends_and_keeps_length():
    low, high = (torch.randn(4, 16, 16, generator=torch.Generator().manual_seed(s)) for s in (1, 2))
    assert torch.allclose(slerp(low, high, 0.0), low, atol=1e-6)
    assert torch.allclose(slerp(low, high, 1.0), high, atol=1e-6)
    unit = lambda x: x / x.norm(dim=1, keepdim=True)
    assert torch.allclose(slerp(unit(low), unit(high), 0.4).norm(dim=1), torch.ones(4, 16), atol=1e-5)


def test_resizing_a_seed_keeps_its_noise_in_the_middle():
    small = ImageNoise(5, (4, 8, 8)).first()
    large = ImageNoise(5, (4, 16, 12), Variation(width=8, height=8)).first()
    assert torch.equal(large[:, 4:12, 2:10], small)


def test_brownian_noise_does_not_depend_on_the_steps_before():
    levels = [10.0, 5.0, 2.0, 1.0, 0.0]
    fresh, used = (brownian(3, (4, 8, 8), levels) for _ in range(2))
    for sigma, sigma_next in ((10.0, 7.0), (7.0, 2.0)):
        used(sigma, sigma_next)
    assert torch.equal(fresh(2.0, 1.0), used(2.0, 1.0))


def test_brownian_increments_add_up():
    noise = brownian(4, (4, 64, 64), [8.0, 4.0, 2.0, 0.0])
    whole = noise(8.0, 2.0) * 6**0.5
    parts = noise(8.0, 4.0) * 2 + noise(4.0, 2.0) * 2**0.5
    assert torch.allclose(whole, parts, atol=1e-4)
    assert float(noise(8.0, 2.0).std()) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(("name", "told_apart"), [("CPU", 2**32), ("NV", 2**64)])
def test_any_seed_of_64_bits_has_its_noise_and_a_negative_one_that_of_its_complement(name, told_apart):
    """Of which torch's Mersenne twister sees the lower half."""
    shape, opened = (4, 8, 8), source(name, "cpu")

    def drawn(seed):
        noise = ImageNoise(seed, shape, Variation(seed=seed, strength=0.5), later=1, open_stream=opened)
        path = brownian(seed, shape, [10.0, 1.0, 0.0], opened)
        return [noise.first(), noise.next(1.0, 0.5), path(10.0, 1.0)]

    def same(one, other):
        return all(torch.equal(a, b) for a, b in zip(drawn(one), drawn(other), strict=True))

    assert same(-1, 2**64 - 1) and same(-(2**63), 2**63)
    seeds = (0, 2**32, 2**53, 2**53 + 1, 2**63, 2**64 - 2, 2**64 - 1)
    first, _, paths = zip(*(map(float, map(torch.sum, drawn(seed))) for seed in seeds), strict=True)
    assert len(set(first)) == len({seed % told_apart for seed in seeds}) and len(set(paths)) == len(seeds)
