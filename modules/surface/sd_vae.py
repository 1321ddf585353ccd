"""A1111's `modules.sd_vae`: the VAE files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from modules.surface.binding import bound_host


def refresh_vae_list() -> None:
    """Look for VAE files again."""
    bound_host().program.models.vaes.refresh()


def get_filename(filepath: str) -> str:
    return Path(filepath).name


def __getattr__(name: str) -> Any:
    program = bound_host().program
    if name == "vae_dict":      # file name → path
        return {file.name: str(file.path) for file in program.models.vaes.list()}
    if name == "vae_path":
        return str(program.flags.paths.models / "VAE")
    if name in ("loaded_vae_file", "base_vae", "checkpoint_info"):
        return None
    raise AttributeError(f"module 'modules.sd_vae' has no attribute {name!r}")
