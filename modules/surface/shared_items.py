"""A1111's `modules.shared_items`: the choices of some settings."""

from __future__ import annotations

from modules.surface import sd_vae
from modules.surface.binding import bound_host


def sd_vae_items() -> list[str]:
    """Return the choices of the setting `sd_vae`."""
    return ["Automatic", "None", *(file.name for file in bound_host().program.models.vaes.list())]


def refresh_vae_list() -> None:
    sd_vae.refresh_vae_list()


def list_checkpoint_tiles(use_short: bool = False) -> list[str]:
    from modules.surface import sd_models

    return sd_models.checkpoint_tiles(use_short)


def refresh_checkpoints() -> None:
    bound_host().program.models.checkpoints.refresh()
