"""A1111's `modules.extra_networks`, under its own name for whoever imports it from outside."""

from __future__ import annotations

from modules.surface.extra_networks import ExtraNetworkParams, parse_prompt, parse_prompts

__all__ = ["ExtraNetworkParams", "parse_prompt", "parse_prompts"]
