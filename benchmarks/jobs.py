"""Pictures to make, and the engine that makes them, without files or threads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.model import CHECKPOINT, SIDE
from modules.engine.engine import BatchWeights, Engine, ImageTask, unmixed
from modules.params.txt2img import Txt2Img
from modules.pipelines import txt2img
from modules.pipelines.plan import Files, ImagePlan
from modules.requests.resolve import resolve_request
from modules.settings.options import Settings
from tests.playing import results


def planned(files: Files | None = None, **fields: Any) -> ImagePlan:
    request = {
        "prompt": "a red fox in the snow",
        "negative_prompt": "blurry",
        "seed": 1,
        "steps": 20,
        "width": SIDE,
        "height": SIDE,
        **fields,
    }
    return txt2img.plan_single_pass(resolve_request(Txt2Img(**request)), Settings(), files or Files(CHECKPOINT))


MIXED = (
    {"sampler_name": "Euler", "steps": 20}, {"sampler_name": "Euler a", "steps": 25, "cfg_scale": 5.0},
    {"sampler_name": "Heun", "steps": 10, "cfg_scale": 9.0}, {"sampler_name": "DPM++ 2M", "steps": 20},
    {"sampler_name": "DPM++ SDE", "steps": 12}, {"sampler_name": "DDIM", "steps": 18, "cfg_scale": 6.0},
    {"sampler_name": "Euler", "steps": 30}, {"sampler_name": "DPM++ 2M", "steps": 15, "cfg_scale": 8.0},
)


def mixed() -> list[ImagePlan]:
    return [planned(seed=i, **how) for i, how in enumerate(MIXED)]


def together(
    device: Any, wanted: Sequence[ImagePlan], max_rows: int = 16, batch_weights: BatchWeights = unmixed
) -> list[np.ndarray]:
    """All pictures through one engine at once."""
    pictures = [ImageTask(plan.task(), str(i), 0, str(i), 0) for i, plan in enumerate(wanted)]
    return [
        result.pixels for result in results(Engine(device.answer, lambda _: None, max_rows, batch_weights), pictures)
    ]


def one_by_one(device: Any, wanted: Sequence[ImagePlan]) -> list[np.ndarray]:
    return [together(device, [plan])[0] for plan in wanted]
