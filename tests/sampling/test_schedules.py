"""Schedules agree with A1111's figures, and with their own definitions."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from modules.sampling.samplers import SAMPLERS
from modules.sampling.schedules import ALIGNED_SDXL, SCHEDULES, ModelSigmas, ddim_levels, sigmas
from tests.golden_data import GOLDEN, cases, result

BETAS = np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
LEVELS = ModelSigmas.of(np.cumprod(1 - BETAS).astype(np.float32))
CASES = json.loads((GOLDEN / "tensors/sigmas.json").read_text())


def ours(case):
    sampler = SAMPLERS[case["sampler"]]
    if sampler.timesteps:
        return ddim_levels(case["steps"], LEVELS)
    name = sampler.schedule if case["scheduler"] == "Automatic" else case["scheduler"]
    return sigmas(SCHEDULES[name], case["steps"], LEVELS, discard_next_to_last_sigma=sampler.discard_next_to_last_sigma)


def known(case):
    return "sigmas" in case and SAMPLERS.get(case["sampler"]) and SCHEDULES.get(case["scheduler"])


@pytest.mark.parametrize(
    "case", [c for c in CASES if known(c)], ids=lambda c: f"{c['sampler']}-{c['scheduler']}-{c['steps']}-{c['model']}"
)
def test_levels_are_a1111s(case):
    assert ours(case) == pytest.approx(case["sigmas"], rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(
    "case",
    [c for c in CASES if "timesteps" in c and SAMPLERS.get(c["sampler"])],
    ids=lambda c: f"{c['sampler']}-{c['steps']}",
)
def test_ddim_walks_a1111s_timesteps(case):
    assert ddim_levels(case["steps"], LEVELS) == [float(LEVELS.sigmas[t]) for t in reversed(case["timesteps"])]


@pytest.mark.parametrize("timestep", [0, 1, 17.5, 500, 998.25, 999])
def test_timestep_and_sigma_are_inverse(timestep):
    assert LEVELS.timestep(LEVELS.sigma(timestep)) == pytest.approx(timestep, abs=1e-6)


@pytest.mark.parametrize("schedule", [s for s in SCHEDULES if s.levels], ids=lambda s: s.name)
@pytest.mark.parametrize("steps", [1, 2, 20, 150])
def test_levels_fall_within_the_trained_range(schedule, steps):
    found = sigmas(schedule, steps, LEVELS)
    inner = found[:-1] if found[-1] == 0 else found
    assert inner == sorted(inner, reverse=True)
    assert LEVELS.lowest * 0.99 < inner[-1] <= inner[0] < LEVELS.highest * 1.01


@pytest.mark.parametrize(
    "case", [c for c in cases("sdxl") if c["payload"].get("scheduler") == "Align Your Steps"], ids=lambda c: c["id"]
)
def test_align_your_steps_has_levels_of_its_own_for_sdxl(case):
    known = result(case)["sigmas"][0]
    for levels in (replace(LEVELS, aligned=ALIGNED_SDXL), replace(LEVELS, aligned=ALIGNED_SDXL).quantised()):
        assert sigmas(SCHEDULES["Align Your Steps"], len(known) - 1, levels) == pytest.approx(known, rel=1e-5, abs=1e-6)
    assert sigmas(SCHEDULES["Align Your Steps"], len(known) - 1, LEVELS)[1:-2] != pytest.approx(known[1:-2], rel=1e-2)


@pytest.mark.parametrize(
    "schedule", [s for s in SCHEDULES if s.levels and s.name != "Align Your Steps"], ids=lambda s: s.name
)
def test_all_other_schedules_are_the_same_for_every_family(schedule):
    assert sigmas(schedule, 20, replace(LEVELS, aligned=ALIGNED_SDXL)) == sigmas(schedule, 20, LEVELS)


def test_karras_is_even_in_the_seventh_root():
    roots = [s ** (1 / 7) for s in sigmas(SCHEDULES["Karras"], 11, LEVELS)[:-1]]
    assert np.diff(roots) == pytest.approx(np.diff(roots)[0])


def test_exponential_is_even_in_the_logarithm():
    logs = [math.log(s) for s in sigmas(SCHEDULES["Exponential"], 11, LEVELS)[:-1]]
    assert np.diff(logs) == pytest.approx(np.diff(logs)[0])
