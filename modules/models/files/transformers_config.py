"""The `config.json` beside a file of transformers' layout.

Nothing is fetched: a config that names another model's weights, or code for attention that transformers would fetch, is
refused, and its numbers have limits, since it says how large the network is.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modules.base.errors import ModelMismatch
from modules.library.catalog import small_json

MOST_LAYERS, LARGEST_NUMBER = 128, 200_000      # in a config
# entries of a config that name what would be read from elsewhere
PARTS_ELSEWHERE = ("use_timm_backbone", "use_pretrained_backbone", "backbone", "auto_map")
CODE_CHOICES = {
    "attn_implementation", "_attn_implementation", "experts_implementation", "_experts_implementation",
}
OWN_CODE = (None, "eager", "sdpa")      # what these may choose: other code is fetched where it is missing


def config_beside(path: Path) -> dict[str, Any]:
    """Return the config beside a model's file; {} if there is none. Raises ModelMismatch."""
    config = small_json(path.with_name("config.json"))
    check_config(path, config)
    return config


def check_config(path: Path, config: Mapping[str, Any]) -> None:
    """Raise ModelMismatch for a config with numbers beyond measure, or that names what lies elsewhere."""
    for name, value in flat_entries("", config):
        if is_elsewhere(name.split("."), value):
            raise ModelMismatch(
                f"{path.parent.name}/config.json wants parts from elsewhere ({name}); Easel fetches nothing.",
                "Use a repository whose model.safetensors is whole.",
            )
        most = MOST_LAYERS if "layers" in name or "depths" in name else LARGEST_NUMBER
        if isinstance(value, int | float) and not abs(value) <= most:
            raise ModelMismatch(f"{path.parent.name}/config.json: {name} is beyond measure.", "Download it again.")


def is_elsewhere(place: list[str], value: Any) -> bool:
    """Return whether a config's entry would be read from elsewhere, or run code from there."""
    if CODE_CHOICES.intersection(place):
        return value not in OWN_CODE
    return place[-1] in PARTS_ELSEWHERE and bool(value)


def flat_entries(place: str, value: Any) -> list[tuple[str, Any]]:
    """Return all plain values within tables and lists, each with its place: `backbone_config.depths`."""
    if isinstance(value, dict):
        inner = [(f"{place}.{key}" if place else key, each) for key, each in value.items()]
    elif isinstance(value, list):
        inner = [(place, each) for each in value]
    else:
        return [(place, value)]
    return [found for name, each in inner for found in flat_entries(name, each)]
