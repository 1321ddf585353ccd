"""The modules `lora` and `networks` of A1111's own extension for LoRAs: which files there are, and which are in use."""

from __future__ import annotations

from typing import Any

from modules.plugins.hollow import hollow
from modules.surface.binding import bound_host, view

# names that reach into A1111's layers
OF_THE_LAYERS = (
    "network_Linear_forward", "network_Conv2d_forward", "network_apply_weights", "network_restore_weights_from_backup",
    "network_forward", "assign_network_names_to_compvis_modules", "load_network", "lora_Linear_forward",
    "lora_Conv2d_forward", "originals", "force_patch", "convert_diffusers_name_to_compvis",
)


class NetworkOnDisk:
    """A file of a network."""

    def __init__(self, name: str, filename: str, file: Any = None) -> None:
        self.name, self.filename, self.file = name, filename, file
        self.metadata: dict[str, Any] = dict(getattr(file, "metadata", None) or {})
        self.alias = self.metadata.get("ss_output_name") or name
        self.hash = getattr(file, "sha256", None)
        self.shorthash = (self.hash or "")[:12]
        self.is_safetensors = filename.lower().endswith(".safetensors")
        self.sd_version = "Unknown"
        self.mentioned_name: str | None = None

    def read_hash(self) -> None:
        """The hash is computed when it is needed."""

    def get_alias(self) -> str:
        return self.name


LoraOnDisk = NetworkOnDisk


def loras() -> dict[str, NetworkOnDisk]:
    files = bound_host().program.models.loras.list()
    return {file.model_name: NetworkOnDisk(file.model_name, str(file.path), file) for file in files}


def list_available_networks() -> None:
    """Look for files again."""
    bound_host().program.models.loras.refresh()


list_available_loras = list_available_networks


def load_networks(names: Any, te_multipliers: Any = None, unet_multipliers: Any = None, dyn_dims: Any = None) -> None:
    """The networks of a prompt are loaded by the engine."""


load_loras = load_networks


def __getattr__(name: str) -> Any:
    if name in ("available_networks", "available_loras"):
        return loras()
    if name in ("available_network_aliases", "available_lora_aliases"):
        return {key: each for each in loras().values() for key in (each.alias, each.name)}
    if name in ("forbidden_network_aliases", "forbidden_lora_aliases", "available_network_hash_lookup"):
        return {}
    if name in ("loaded_networks", "loaded_loras"):
        return view("loaded_networks", lambda host: [])
    if name in OF_THE_LAYERS:
        return hollow(f"networks.{name}")
    raise AttributeError(f"module 'networks' has no attribute {name!r}")
