"""A1111's `modules.lowvram`: parts of a model that are moved to the GPU when they are needed. The engine does so."""

from __future__ import annotations

from typing import Any

module_in_gpu: Any = None


def send_everything_to_cpu() -> None:
    """Models are where the engine keeps them."""


def is_needed(sd_model: Any) -> bool:
    return False


def is_enabled(sd_model: Any) -> bool:
    return False


def apply(sd_model: Any) -> None:
    """Models are where the engine keeps them."""


def setup_for_low_vram(sd_model: Any, use_medvram: bool) -> None:
    """Models are where the engine keeps them."""
