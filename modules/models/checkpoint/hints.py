"""Facts that a checkpoint's weights do not show: from its metadata, a .yaml beside it, or its family.

Metadata: the JSON under `config` (ours, in diffusers' words). The .yaml: LDM's training configuration, as A1111 reads
it; only plain values are taken, nothing it names is ever imported.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from modules.base.errors import ModelCorrupt

LARGEST_YAML = 2**20      # bytes
CONFIG_KEY = "config"      # its name in a file's metadata
UNET_FACTS = ("attention_head_dim", "norm_num_groups")
VAE_FACTS = ("norm_num_groups",)
CLIP_FACTS = ("num_attention_heads", "hidden_act")


@dataclass(frozen=True)
class Hints:
    unet: Mapping[str, Any] = field(default_factory=dict)
    vae: Mapping[str, Any] = field(default_factory=dict)
    clip: Mapping[str, Any] = field(default_factory=dict)
    prediction_type: str = "epsilon"      # the name of a parametrization; "": the weights are tested
    shift: float = 1.0                    # a flow-matching model's shift of times towards noise
    scaling_factor: float | None = None      # of the latent; None: its family's
    betas: tuple[float, float] = (0.00085, 0.012)
    zero_terminal_snr: bool = False
    native_size: int = 512


def from_metadata(hints: Hints, name: str, metadata: Mapping[str, str]) -> Hints:
    """Return `hints` with the file's own metadata. Raises ModelCorrupt."""
    if CONFIG_KEY not in metadata:
        return hints
    try:
        config = json.loads(metadata[CONFIG_KEY])
        unet, vae, clip = (dict(config.get(part, {})) for part in ("unet", "vae", "text_encoder"))
        return replace(
            hints,
            unet={**hints.unet, **pick_config(unet, UNET_FACTS)},
            vae={**hints.vae, **pick_config(vae, VAE_FACTS)},
            clip={**hints.clip, **pick_config(clip, CLIP_FACTS)},
            prediction_type=str(config.get("prediction_type", hints.prediction_type)),
            scaling_factor=float(vae["scaling_factor"]) if "scaling_factor" in vae else hints.scaling_factor,
            native_size=int(config.get("native_size", hints.native_size)),
        )
    except (ValueError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise ModelCorrupt(
            f"{name}: its metadata's `config` cannot be understood ({error}).", "Remove it, or download the file again."
        ) from error


def pick_config(config: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Return the values of `names` that it has. Raises ValueError for impossible numbers."""
    found = {name: config[name] for name in names if name in config}
    for name, value in found.items():
        counts = value if isinstance(value, list) else [value]
        if name != "hidden_act" and not all(
            type(count) is int and (count > 0 or name.startswith("num_head")) for count in counts
        ):
            raise ValueError(f"{name} is {value!r:.40}")
    return found


def from_yaml(hints: Hints, path: Path | None) -> Hints:
    """Return `hints` with the values in the .yaml. Raises ModelCorrupt."""
    if path is None:
        return hints
    try:
        if path.stat().st_size > LARGEST_YAML:
            raise ValueError("it is too large")
        model = yaml.safe_load(path.read_text("utf-8"))["model"]["params"]
        unet = (model.get("unet_config") or model.get("network_config") or {}).get("params", {})
        ends = float(model.get("linear_start", hints.betas[0])), float(model.get("linear_end", hints.betas[1]))
        return replace(
            hints,
            unet={**hints.unet, **pick_config(unet, ("num_heads", "num_head_channels"))},
            prediction_type="v_prediction" if model.get("parameterization") == "v" else hints.prediction_type,
            scaling_factor=float(model["scale_factor"]) if "scale_factor" in model else hints.scaling_factor,
            betas=ends,
        )
    except (
        OSError,
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        ArithmeticError,
        RecursionError,
        yaml.YAMLError,
    ) as error:
        raise ModelCorrupt(
            f"{path.name} cannot be understood ({error}).", "Mend it, or take it away to use the usual configuration."
        ) from error


def from_tensors(hints: Hints, tensors: Collection[str]) -> Hints:
    """Return `hints` with the marker tensors `v_pred` and `ztsnr` of SDXL models."""
    prediction = "v_prediction" if "v_pred" in tensors else hints.prediction_type
    return replace(hints, prediction_type=prediction, zero_terminal_snr=hints.zero_terminal_snr or "ztsnr" in tensors)
