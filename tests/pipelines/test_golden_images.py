"""Same generation data, same picture: A1111's own outputs, made again."""

from __future__ import annotations

import pytest

from tests.golden_data import cases, result, spec
from tests.playing import close, differences, fields, made, playable, recorded

pytestmark = pytest.mark.slow      # together they take minutes
FAMILIES = ("samplers", "schedules", "eta", "cfg", "batch", "clipskip", "emphasis", "longprompt", "promptedit", "seeds", "rng", "skipcfg", "options", "vpred", "sdxl", "tiling", "refiner", "lora", "ti", "hypernet", "tome")
CASES = [case for case in cases(*FAMILIES) if playable(case) and recorded(case)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_a_picture_is_a1111s(device, case):
    pictures, recipe = made(device, spec(case))
    texts = result(case)["infotexts"]
    for i, difference in enumerate(differences(case, pictures)):
        assert close(case, difference), f"picture {i}: max {difference.max()}, mean {difference.mean():.3f}"
    assert [fields(recipe.infotext(i, drawn.extra_params)) for i, drawn in enumerate(pictures)] == [fields(text) for text in texts]
