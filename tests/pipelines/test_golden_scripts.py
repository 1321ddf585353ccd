"""A1111's scripts: its own outputs, made again."""

from __future__ import annotations

import pytest

from tests.golden_data import cases, result, spec
from tests.playing import close, differences, fields, made, told

pytestmark = pytest.mark.slow      # together they take minutes
CASES = cases("scripts")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_a_picture_is_a1111s(device, case):
    job = spec(case)
    pictures, recipe = made(device, job)
    for i, difference in enumerate(differences(case, pictures)):
        assert close(case, difference), f"picture {i}: max {difference.max()}, mean {difference.mean():.3f}"
    assert [fields(text) for text in told(job, recipe, pictures)] == [
        fields(text) for text in result(case)["infotexts"]
    ]
