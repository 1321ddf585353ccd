"""Random numbers by counters."""

import numpy as np

from modules.base.streams import stream


def test_equal_arguments_give_equal_numbers():
    assert np.array_equal(stream(7, "noise", 3, 1).standard_normal(5), stream(7, "noise", 3, 1).standard_normal(5))


def test_each_argument_gives_another_stream():
    whose = [(7, "noise", 3, 1), (8, "noise", 3, 1), (7, "order", 3, 1), (7, "noise", 31, 1), (7, "noise", 3, 11)]
    assert len({stream(*one).integers(2**63) for one in whose}) == len(whose)


def test_the_numbers_are_known():
    """They may not change with a version of Easel: a run that is resumed would be another run."""
    assert [int(n) for n in stream(23, "order").integers(0, 1000, 4)] == KNOWN


KNOWN = [332, 171, 576, 588]
