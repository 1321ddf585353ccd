"""Reading files of ControlNets in every layout people have: LDM's, diffusers', differences to a checkpoint, unions.

What a file is, its tensors' names say; sizes come from the tensors, and the width of attention heads from the
checkpoint's UNet, which no ControlNet differs from.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import torch
from diffusers import ControlNetModel, ControlNetUnionModel, UNet2DConditionModel
from torch import Tensor, nn
from torch.utils.weak import WeakIdKeyDictionary

from modules.base.errors import ModelUnsupported
from modules.library.catalog import ModelFile
from modules.models.checkpoint import key_mapping as layout
from modules.models.checkpoint.key_mapping import count, same_names
from modules.models.checkpoint.loaded_model import LoadedModel, config_of
from modules.models.checkpoint.loader import Part
from modules.models.control.control_lora import CONTROL_LORA_MARK, whole_control_lora
from modules.models.control.ip_adapter import IP_PROJECTION, IpAdapter, is_ip_adapter, load_ip_adapter
from modules.models.control.lllite import Lllite, is_lllite, load_lllite
from modules.models.control.t2i_adapter import T2iAdapter, is_t2i_adapter, load_t2i_adapter
from modules.models.control.weighing import another_family, bytes_of
from modules.models.files.state_dict import read_plain_object, tensors_in, tensors_within

WRAPPINGS = ("control_model.", "module.control_model.", "controlnet.")      # before all names of some files
LDM_MARK, DIFFUSERS_MARK = "input_hint_block.0.weight", "controlnet_cond_embedding.conv_in.weight"
UNION_MARK = "task_embedding"
DIFFERENCE = "difference"      # a tensor without meaning that marks weights as differences to the checkpoint's
LAST_HINT_LAYER = 14           # of LDM's, whose layers between convolutions have no weights
CHOOSE_CONTROLNET = "Choose a ControlNet for this checkpoint's family in the unit."

# The first mark that a tensor's name has tells what else a file is.
OTHER_KINDS: Mapping[str, str] = {
    "motion_modules": "a SparseCtrl model",
    "perceiver_resampler": "an IP-Adapter for FaceID, which needs insightface's models",
    "pulid": "a PuLID, which needs insightface's models",
    "id_adapter": "a PuLID, which needs insightface's models",
    "image_proj": "a part of an IP-Adapter",
    "ip_adapter": "a part of an IP-Adapter",
    "style_embedding": "a T2I style adapter",
    "control_all_x_embedder": "a ControlNet for Z-Image",
    "controlnet_x_embedder": "a ControlNet for Flux or SD3",
    "lora_unet_": "a LoRA; it belongs into models/Lora",
    "model.diffusion_model.": "a checkpoint; it belongs into models/Stable-diffusion",
}


@dataclass(frozen=True, eq=False)
class ControlNetwork:
    """A ControlNet in memory, and the hints in use as it adds them to its first features."""

    module: nn.Module
    name: str
    union: bool = False
    seen: WeakIdKeyDictionary = field(default_factory=WeakIdKeyDictionary)

    asked_beside: ClassVar[bool] = True      # a call of its own beside the UNet's; other kinds change the UNet's

    def to(self, device: torch.device, dtype: torch.dtype) -> ControlNetwork:
        self.module.to(device, dtype)
        return self

    @property
    def size(self) -> int:
        """Its weights in bytes."""
        return bytes_of(self.module.parameters())

    def knows(self, task: int) -> bool:
        """Return whether it follows maps of that type, which only unions tell apart."""
        types: int = config_of(self.module).num_control_type if self.union else task + 1
        return task < types

    def embedded(self, hint: Tensor, like: Tensor) -> Tensor:
        """Return a hint (3, H, W) as features (C, h, w); they are the same at each step, and computed once."""
        if hint not in self.seen:
            embedding: Any = self.module.controlnet_cond_embedding
            self.seen[hint] = embedding(hint[None].to(like))[0]
        found: Tensor = self.seen[hint]
        return found


AnyControl: TypeAlias = "ControlNetwork | T2iAdapter | IpAdapter | Lllite"


def load_control_network(file: ModelFile, model: LoadedModel) -> AnyControl:
    """Return the ControlNet, or what else units can have, in a file, for a checkpoint's UNet.

    Raises ModelUnsupported for another kind of file, ModelMismatch for another family's, and as `read_state_dict`.
    """
    name = file.path.name
    tensors = without_wrapping(read_control_tensors(file.path))
    if is_ip_adapter(tensors):
        return load_ip_adapter(name, tensors, model)
    if is_lllite(tensors):
        return load_lllite(name, tensors, model)
    if is_t2i_adapter(tensors):
        return load_t2i_adapter(name, tensors, model)
    return load_controlnet(name, tensors, model)


def load_controlnet(name: str, tensors: Mapping[str, Tensor], model: LoadedModel) -> ControlNetwork:
    """Return the ControlNet in a file's tensors. Raises as `load_control_network` does."""
    tensors, differs = without_difference_mark(tensors)
    if LDM_MARK not in tensors and DIFFUSERS_MARK not in tensors:
        raise ModelUnsupported(f"{name} is {what_else(tensors)}, not a ControlNet.", CHOOSE_CONTROLNET)
    if CONTROL_LORA_MARK in tensors:
        tensors = whole_control_lora(name, tensors, model)
    part = Part(name, tensors, "", control_names if LDM_MARK in tensors else same_names)
    check_family(name, part.tensors, model)
    if differs:
        add_checkpoint(part, model)
    union = any(key.startswith(UNION_MARK) for key in part.tensors)
    make = ControlNetUnionModel if union else ControlNetModel
    module = part.build(lambda found: make(**control_config(found, model)))
    return ControlNetwork(module, name, union)


def read_control_tensors(path: Path) -> Mapping[str, Tensor]:
    """Return a file's tensors by name; of IP-Adapters' tables, `table.name`. Raises as `read_state_dict` does."""
    content = read_plain_object(path)
    if isinstance(content, dict) and isinstance(content.get(IP_PROJECTION[:-1]), dict):
        return dict(tensors_within("", content, set()))
    return tensors_in(path.name, content)


def without_wrapping(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors by their names in the network; of a whole cldm checkpoint only the ControlNet's."""
    for prefix in WRAPPINGS:
        if any(key.startswith(prefix) for key in tensors):
            return {key.removeprefix(prefix): tensor for key, tensor in tensors.items() if key.startswith(prefix)}
    return dict(tensors)


def without_difference_mark(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], bool]:
    """Return the tensors without the mark of a difference, and whether it was there."""
    own = {key: tensor for key, tensor in tensors.items() if key != DIFFERENCE}
    return own, len(own) < len(tensors)


def what_else(tensors: Collection[str]) -> str:
    return next(
        (what for mark, what in OTHER_KINDS.items() if any(mark in key for key in tensors)),
        "none of the kinds of model that Easel knows",
    )


# Names ------------------------------------------------------------------------------------------------


def control_names(keys: Collection[str]) -> dict[str, str]:
    """Return LDM name → diffusers name: the UNet's encoder, and what a ControlNet has beside it."""
    prefixes = {
        "input_hint_block.0": "controlnet_cond_embedding.conv_in",
        f"input_hint_block.{LAST_HINT_LAYER}": "controlnet_cond_embedding.conv_out",
        "middle_block_out.0": "controlnet_mid_block",
    }
    prefixes |= {
        f"input_hint_block.{2 * place + 2}": f"controlnet_cond_embedding.blocks.{place}"
        for place in range(LAST_HINT_LAYER // 2 - 1)
    }
    prefixes |= {
        f"zero_convs.{place}.0": f"controlnet_down_blocks.{place}" for place in range(count(keys, "zero_convs"))
    }
    return layout.unet_names(keys) | layout.replace_prefixes(keys, prefixes)


# Sizes ------------------------------------------------------------------------------------------------


def control_config(tensors: Mapping[str, Tensor], model: LoadedModel) -> dict[str, Any]:
    """Return arguments of ControlNetModel or ControlNetUnionModel, from the tensors' shapes."""
    unet = config_of(model.unet)
    levels = count(tensors, "down_blocks")
    attends = [f"down_blocks.{i}.attentions.0.norm.weight" in tensors for i in range(levels)]
    middle = count(tensors, "mid_block.attentions.0.transformer_blocks")
    depths = [count(tensors, f"down_blocks.{i}.attentions.0.transformer_blocks") or middle or 1 for i in range(levels)]
    hints = count(tensors, "controlnet_cond_embedding.blocks") // 2
    config: dict[str, Any] = {
        "in_channels": tensors["conv_in.weight"].shape[1],
        "conditioning_channels": tensors["controlnet_cond_embedding.conv_in.weight"].shape[1],
        "block_out_channels": [tensors[f"down_blocks.{i}.resnets.0.conv1.weight"].shape[0] for i in range(levels)],
        "layers_per_block": count(tensors, "down_blocks.0.resnets"),
        "down_block_types": ["CrossAttnDownBlock2D" if has else "DownBlock2D" for has in attends],
        "transformer_layers_per_block": depths,
        "cross_attention_dim": context_width(tensors) or unet.cross_attention_dim,
        "attention_head_dim": unet.attention_head_dim,
        "use_linear_projection": unet.use_linear_projection,
        "norm_num_groups": unet.norm_num_groups,
        "conditioning_embedding_out_channels": [
            tensors["controlnet_cond_embedding.conv_in.weight"].shape[0],
            *(tensors[f"controlnet_cond_embedding.blocks.{2 * i + 1}.weight"].shape[0] for i in range(hints)),
        ],
    }
    if not middle:
        config["mid_block_type"] = "UNetMidBlock2D"
    if "add_embedding.linear_1.weight" in tensors:
        width = tensors["add_embedding.linear_1.weight"].shape[1]
        config |= {
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 256,
            "projection_class_embeddings_input_dim": width,
        }
    return config | union_config(tensors)


def union_config(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return the further arguments of a union: its types, and the sizes of what mixes their hints."""
    tasks = tensors.get(UNION_MARK)
    if tasks is None:
        return {}
    return {
        "addition_time_embed_dim": tensors["control_add_embedding.linear_1.weight"].shape[1] // len(tasks),
        "num_control_type": len(tasks),
        "num_trans_channel": tasks.shape[1],
        "num_trans_layer": count(tensors, "transformer_layes"),      # as its makers and diffusers spell it
        "num_trans_head": max(1, tasks.shape[1] // 40),
        "num_proj_channel": tasks.shape[1],
    }


def context_width(tensors: Mapping[str, Tensor]) -> int:
    """Return the width of the text that a ControlNet reads; 0 if it reads none."""
    found = (each for name, each in tensors.items() if name.endswith("attn2.to_k.weight") and each.ndim == 2)
    return next((each.shape[1] for each in found), 0)


def check_family(name: str, tensors: Mapping[str, Tensor], model: LoadedModel) -> None:
    """Raise ModelMismatch for a ControlNet of another family than the checkpoint's."""
    first = tensors.get("conv_in.weight")
    if isinstance(model.unet, UNet2DConditionModel) and first is not None and first.ndim == 4:
        unet = config_of(model.unet)
        told = ("add_embedding.linear_1.weight" in tensors) == (unet.addition_embed_type is not None)
        text = context_width(tensors) in (0, unet.cross_attention_dim)
        if told and text and first.shape[0] == unet.block_out_channels[0]:
            return
    raise another_family(name, model, CHOOSE_CONTROLNET)


# Differences ------------------------------------------------------------------------------------------


def add_checkpoint(part: Part, model: LoadedModel) -> None:
    """Add the checkpoint's weights to those of a difference; what the UNet does not have is whole already."""
    own: Mapping[str, Tensor] = model.unet.state_dict()
    for name, tensor in part.tensors.items():
        base = own.get(name)
        if base is not None and base.shape == tensor.shape:
            part.tensors[name] = (base.float().cpu() + tensor.float()).to(tensor.dtype)

