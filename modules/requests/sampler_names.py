"""Samplers and schedules by all names that people and programs have for them. No torch."""

from __future__ import annotations

from collections.abc import Iterator

from modules.params.hires import USE_SAME
from modules.sampling.samplers import SAMPLERS
from modules.sampling.schedules import SCHEDULES

NO_MODEL_NAMES = ("None", "none")      # names in A1111's lists for no model


def sampler_and_schedule(sampler: str, scheduler: str) -> tuple[str, str]:
    """Return the official names of both; an old combined one ("DPM++ 2M Karras") is split. Raises UnknownName."""
    schedule = SCHEDULES[scheduler or "Automatic"].name
    if SAMPLERS.get(sampler):
        return SAMPLERS[sampler].name, schedule
    for stem, ending in splits(sampler):
        if SAMPLERS.get(stem) and (named := SCHEDULES.get(ending)):
            return SAMPLERS[stem].name, named.name if schedule == "Automatic" else schedule
    return SAMPLERS[sampler].name, schedule


def second_sampler_and_schedule(sampler: str, scheduler: str) -> tuple[str, str]:
    """Return the official names of hires fix's own; "" stays, for the first pass's. Raises UnknownName."""
    sampler, scheduler = ("" if name in (*USE_SAME, *NO_MODEL_NAMES) else name for name in (sampler, scheduler))
    if not sampler:
        return "", scheduler and SCHEDULES[scheduler].name
    named, schedule = sampler_and_schedule(sampler, scheduler)
    return named, schedule if scheduler or schedule != "Automatic" else ""


def splits(name: str) -> Iterator[tuple[str, str]]:
    """Yield the name split in two at each of its spaces."""
    words = name.split(" ")
    yield from ((" ".join(words[:i]), " ".join(words[i:])) for i in range(1, len(words)))
