"""Checkpoints as A1111's extensions know them; `modules.sd_models` has these names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modules.library.catalog import ModelFile
from modules.surface.binding import bound_host


class CheckpointInfo:
    """A checkpoint's file under its names."""

    def __init__(self, file: ModelFile) -> None:
        self.file = file
        self.filename, self.name, self.sha256 = str(file.path), file.name, file.sha256
        self.model_name = self.name_for_extra = file.model_name
        self.title, self.short_title, self.shorthash = file.title, file.short_title, file.shorthash or None
        self.hash = self.shorthash
        self.metadata: Mapping[str, Any] = file.metadata
        self.is_safetensors = file.path.suffix == ".safetensors"
        self.ids = [each for each in (*file.names, file.title, file.sha256, file.shorthash) if each]

    def calculate_shorthash(self) -> str | None:
        hashed = bound_host().program.models.checkpoints.hashed(self.file)
        self.sha256, self.shorthash, self.title = hashed.sha256, hashed.shorthash, hashed.title
        return self.shorthash

    def register(self) -> None:
        """It is in the list already."""


def listed_checkpoints() -> list[CheckpointInfo]:
    return [CheckpointInfo(file) for file in bound_host().program.models.checkpoints.list()]


def checkpoint_tiles(use_short: bool = False) -> list[str]:
    """Return the checkpoints' titles."""
    return [info.short_title if use_short else info.title for info in listed_checkpoints()]


def get_closet_checkpoint_match(search_string: str) -> CheckpointInfo | None:
    """Return the checkpoint of that title, name or hash; else one whose title contains it; else None."""
    if not search_string:
        return None
    found = bound_host().program.models.checkpoints.named(search_string)
    if found:
        return CheckpointInfo(found)
    similar = [info for info in listed_checkpoints() if search_string.lower() in info.title.lower()]
    return min(similar, key=lambda info: len(info.title)) if similar else None


def select_checkpoint() -> CheckpointInfo | None:
    """Return the checkpoint that the settings name, else the first."""
    from modules.surface.options import current_opts

    chosen = get_closet_checkpoint_match(current_opts().sd_model_checkpoint)
    return chosen or next(iter(listed_checkpoints()), None)
