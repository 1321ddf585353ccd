"""The ways of dynamic prompts, as the setting `dynamic_prompts` has them."""

from __future__ import annotations

NOT_DYNAMIC, BY_SEED, COMBINATIONS = "Off", "Random", "Combinations"
DYNAMIC_MODES = (NOT_DYNAMIC, BY_SEED, COMBINATIONS)
