"""A job whose pictures have prompts of their own, as a job for each picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from modules.engine.messages import JobSpec
from modules.requests.expansion import TEMPLATE_KEYS, made_together, picture_seeds


def picture_specs(spec: JobSpec) -> list[JobSpec]:
    """Return each picture's description if prompts were made for each; [] if all have the same."""
    params, prompts = spec.params, spec.params.get("picture_prompts") or ()
    if not prompts or params.get("batch"):
        return []
    return [
        replace(spec, params={
            **params, **own, "seed": seed, "subseed": subseed, "n_iter": 1, "batch_size": 1,
            **start_of(params, number),
        })
        for number, (own, (seed, subseed)) in enumerate(zip(prompts, picture_seeds(params), strict=True))
    ]


def start_of(params: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Return the one picture that this picture starts from, in a list as theirs is; {} if it starts from none."""
    images = params.get("init_images") or ()
    if not images:
        return {}
    place = number % made_together(params) % len(images)
    return {"init_images": images[place : place + 1]}


def template_pairs(params: Mapping[str, Any]) -> dict[str, str]:
    """Return the generation data that keep the dynamic prompts as they were written."""
    templates = params.get("templates") or {}
    return {key: templates[name] for name, key in TEMPLATE_KEYS.items() if templates.get(name)}
