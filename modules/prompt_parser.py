"""A1111's `modules.prompt_parser`, under its own name for whoever imports it from outside."""

from __future__ import annotations

from modules.surface.prompt_parser import (
    get_learned_conditioning_prompt_schedules,
    get_multicond_prompt_list,
    parse_prompt_attention,
)

__all__ = [
    "get_learned_conditioning_prompt_schedules",
    "get_multicond_prompt_list",
    "parse_prompt_attention",
]
