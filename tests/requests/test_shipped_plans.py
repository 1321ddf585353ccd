"""Plans of training that come with Easel: every key of theirs is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from modules.params.training import Training
from modules.requests.read_fields import read_fields
from modules.requests.training_plan import read_sources

PLANS = sorted((Path(__file__).parents[2] / "configs/train").glob("*.toml"))


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_a_shipped_plan_is_read_whole(path):
    draft = read_sources([str(path)])
    assert not (draft.unknown or draft.ignored)
    assert read_fields(Training, draft.values).pretrained_model_name_or_path == "easel-stickers-128"


def test_there_are_shipped_plans():
    assert PLANS
