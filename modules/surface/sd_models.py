"""A1111's `modules.sd_models`: the checkpoints, and which is chosen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
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


def list_models() -> None:
    """Look for checkpoints again."""
    bound_host().program.models.checkpoints.refresh()


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
    host = bound_host()
    chosen = get_closet_checkpoint_match(host.program.settings.current.sd_model_checkpoint)
    return chosen or next(iter(listed_checkpoints()), None)


def reload_model_weights(sd_model: Any = None, info: CheckpointInfo | None = None, forced_reload: bool = False) -> Any:
    """Choose a checkpoint: it is loaded for the next picture, as any change of the setting is."""
    if info is not None:
        bound_host().program.settings.change(sd_model_checkpoint=info.name)
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
    from modules.surface import shared

    return shared.sd_model


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
