"""A1111's `modules.sd_models`: the checkpoints, and which is chosen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from modules.surface.binding import bound_host, view
from modules.surface.checkpoint_info import CheckpointInfo as CheckpointInfo
from modules.surface.checkpoint_info import checkpoint_tiles as checkpoint_tiles
from modules.surface.checkpoint_info import get_closet_checkpoint_match as get_closet_checkpoint_match
from modules.surface.checkpoint_info import listed_checkpoints as listed_checkpoints
from modules.surface.checkpoint_info import select_checkpoint as select_checkpoint
from modules.surface.job_views import ModelView
from modules.surface.options import current_opts


def list_models() -> None:
    """Look for checkpoints again."""
    bound_host().program.models.checkpoints.refresh()


def reload_model_weights(sd_model: Any = None, info: CheckpointInfo | None = None, forced_reload: bool = False) -> Any:
    """Choose a checkpoint, as a change of the setting does: in a hook, for the pictures of its job that follow."""
    if info is not None:
        current_opts().set("sd_model_checkpoint", info.name)
    return current_model()


def load_model(checkpoint_info: CheckpointInfo | None = None, already_loaded_state_dict: Any = None) -> Any:
    return reload_model_weights(info=checkpoint_info)


def unload_model_weights(sd_model: Any = None, info: Any = None) -> Any:
    """Models are dropped from memory where others need the room."""
    return sd_model


def send_model_to_cpu(m: Any) -> None:
    """Models are where Easel keeps them."""


def send_model_to_device(m: Any) -> None:
    """Models are where Easel keeps them."""


def current_model() -> Any:
    return view("sd_model", ModelView)


class SdModelData:
    """`model_data`: the model that is in use."""

    @property
    def sd_model(self) -> Any:
        return current_model()

    def get_sd_model(self) -> Any:
        return current_model()

    def set_sd_model(self, v: Any) -> None:
        """Which model is in use the setting says."""


def read_metadata_from_safetensors(filename: str) -> dict[str, Any]:
    """Return the texts in a file's header, those that are JSON as values."""
    with Path(filename).open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(min(size, 100 * 2**20)))
    metadata = header.get("__metadata__", {})
    return {name: plain_json(value) for name, value in metadata.items()}


def plain_json(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("{"):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def read_state_dict(checkpoint_file: str, print_global_state: bool = False, map_location: Any = None) -> dict[str, Any]:
    """Return a file's tensors; of a pickled file only tensors are read."""
    if str(checkpoint_file).lower().endswith(".safetensors"):
        from safetensors.torch import load_file

        return load_file(checkpoint_file, device=str(map_location or "cpu"))
    from modules.surface.safe import load

    found = load(checkpoint_file, map_location=map_location or "cpu")
    return found.get("state_dict", found)


def model_hash(filename: str) -> str:
    """Return A1111's first, short hash of a file: of 64 KiB beginning at 1 MiB."""
    import hashlib

    try:
        with Path(filename).open("rb") as file:
            file.seek(0x100000)
            return hashlib.sha256(file.read(0x10000)).hexdigest()[:8]
    except FileNotFoundError:
        return "NOFILE"


def __getattr__(name: str) -> Any:
    paths = bound_host().program.flags.paths
    if name == "checkpoints_list":      # title → CheckpointInfo
        return {info.title: info for info in listed_checkpoints()}
    if name in ("checkpoint_aliases", "checkpoint_alisases"):
        return {alias: info for info in listed_checkpoints() for alias in info.ids}
    if name == "model_data":
        return bound_host().views.setdefault("model_data", SdModelData())
    if name == "model_path":
        return str(paths.models / "Stable-diffusion")
    if name == "model_dir":
        return "Stable-diffusion"
    raise AttributeError(f"module 'modules.sd_models' has no attribute {name!r}")
