"""A1111's `modules.prompt_parser`, for extensions."""

from __future__ import annotations

from collections.abc import Iterable

from modules.prompts import grammar


def parse_prompt_attention(text: str) -> list[list[str | float]]:
    """`[[text, weight], …]`."""
    return [[part, weight] for part, weight in grammar.attention(text)]


def get_learned_conditioning_prompt_schedules(
    prompts: Iterable[str], base_steps: int, hires_steps: int | None = None, use_old_scheduling: bool = False
) -> list[list[list[int | str]]]:
    """Return `[[last step, text], …]` for each prompt."""
    schedules = (grammar.schedule(prompt, base_steps, hires_steps, use_old_scheduling) for prompt in prompts)
    return [[[end, text] for end, text in schedule] for schedule in schedules]


def get_multicond_prompt_list(
    prompts: Iterable[str],
) -> tuple[list[list[tuple[int, float]]], list[str], dict[str, int]]:
    """Return each prompt's parts as (index, weight), the distinct parts, and each part's index."""
    indexes: dict[str, int] = {}
    composed = [
        [(indexes.setdefault(text, len(indexes)), weight) for text, weight in grammar.compose(prompt)]
        for prompt in prompts
    ]
    return composed, list(indexes), indexes
