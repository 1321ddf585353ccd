"""sd-scripts' TOML and JSON, the native form: tables are flattened, data sets keep their levels."""

from __future__ import annotations

from typing import Any

from modules.params.training_files.plan_draft import PlanDraft, placed_levels


def read_native(data: dict[str, Any], where: str) -> PlanDraft:
    """Return a draft of a file's keys; `[Basics] seed = 23` is `seed = 23`."""
    draft = PlanDraft()
    if "datasets" in data:
        placed_levels(data, where, draft)
    for key, value in data.items():
        if key in ("datasets", "general") and "datasets" in data:
            continue
        if isinstance(value, dict):
            for inner, each in value.items():
                draft.put(inner, each, f"{where}, [{key:.100}]")
        else:
            draft.put(key, value, where)
    return draft
