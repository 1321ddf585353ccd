"""Soft inpainting's second mask: what changed is seen, what did not is not."""

from __future__ import annotations

import numpy as np
import pytest

from modules.imaging.soft import Judgement, changed_mask, kernel, smootherstep, trimmed_mean

USUAL = Judgement(mask_influence=0.0, difference_threshold=0.5, difference_contrast=2.0)
EVERYWHERE = np.ones((12, 16))


def test_what_is_the_same_is_not_seen():
    assert not changed_mask(np.zeros((12, 16)), EVERYWHERE, USUAL).any()


def test_what_is_quite_different_is_seen():
    assert (changed_mask(np.full((12, 16), 100.0), EVERYWHERE, USUAL) >= 254).all()


def test_at_the_threshold_it_is_seen_by_half():
    assert abs(changed_mask(np.full((12, 16), 0.5), EVERYWHERE, USUAL).astype(int) - 127).max() <= 1


def test_with_influence_the_mask_decides_as_well():
    """A cell that is hardly painted must differ more to be seen."""
    half = np.full((12, 16), 0.5)
    judgement = Judgement(0.5, 0.5, 2.0)
    assert changed_mask(half, EVERYWHERE, judgement).max() > changed_mask(half, EVERYWHERE * 0.1, judgement).max()


def test_no_threshold_means_that_any_difference_counts():
    assert (changed_mask(np.full((12, 16), 0.01), EVERYWHERE, Judgement(0, 0, 2)) == 255).all()


@pytest.mark.parametrize("low, high", [(0, 1), (0.25, 0.75), (0.9, 1)])
def test_an_average_of_equal_values_is_that_value(low, high):
    assert np.allclose(trimmed_mean(np.full((7, 9), 3.5), low, high), 3.5)


def test_a_high_rank_widens_and_a_middle_one_forgets_a_single_cell():
    single = np.zeros((11, 11))
    single[5, 5] = 1.0
    widened, smooth = trimmed_mean(single, 0.9, 1), trimmed_mean(single, 0.25, 0.75)
    assert widened[5, 5] == widened.max() > 0.5 and widened[5, 6] > 0 and not widened[5, 8]
    assert not smooth.any()


def test_the_kernel_is_round_and_highest_in_the_middle():
    weights = kernel()
    assert (
        weights.max() == weights[2, 2] == 1
        and np.array_equal(weights, weights.T)
        and np.array_equal(weights, weights[::-1])
    )
    assert weights.min() > 0 or weights[0, 0] == 0


def test_smootherstep_goes_from_0_to_1_and_is_its_own_mirror():
    x = np.linspace(0, 1, 21)
    assert (
        np.allclose(smootherstep(x) + smootherstep(1 - x), 1)
        and smootherstep(0.0) == 0
        and (np.diff(smootherstep(x)) >= 0).all()
    )
