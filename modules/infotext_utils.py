"""A1111's `modules.infotext_utils`, under its own name for whoever imports it from outside."""

from __future__ import annotations

from modules.surface.infotext_utils import parse_generation_parameters, quote, unquote

__all__ = ["parse_generation_parameters", "quote", "unquote"]
