"""A model's configuration, inferred from its weights; hints add the facts that they do not show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from modules.models.checkpoint.key_mapping import count

ModuleTensors = Mapping[str, Tensor]      # by the module's own names


def unet_config(tensors: ModuleTensors, hints: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments of UNet2DConditionModel.

    hints: `num_heads` or `num_head_channels`, and any argument outright
    """
    levels = count(tensors, "down_blocks")
    channels = [tensors[f"down_blocks.{i}.resnets.0.conv1.weight"].shape[0] for i in range(levels)]
    attends = [f"down_blocks.{i}.attentions.0.norm.weight" in tensors for i in range(levels)]
    middle = count(tensors, "mid_block.attentions.0.transformer_blocks")
    depths = [count(tensors, f"down_blocks.{i}.attentions.0.transformer_blocks") or middle for i in range(levels)]
    context = next(tensor.shape[1] for name, tensor in tensors.items() if name.endswith("attn2.to_k.weight"))
    config = {
        "in_channels": tensors["conv_in.weight"].shape[1],
        "out_channels": tensors["conv_out.weight"].shape[0],
        "block_out_channels": channels,
        "layers_per_block": count(tensors, "down_blocks.0.resnets"),
        "down_block_types": ["CrossAttnDownBlock2D" if has else "DownBlock2D" for has in attends],
        "up_block_types": ["CrossAttnUpBlock2D" if has else "UpBlock2D" for has in reversed(attends)],
        "transformer_layers_per_block": depths,
        "cross_attention_dim": context,
        "attention_head_dim": heads(channels, hints),      # diffusers' name for the number of heads
        "use_linear_projection": tensors["mid_block.attentions.0.proj_in.weight"].ndim == 2,
    }
    if "add_embedding.linear_1.weight" in tensors:      # SDXL: text and size conditioning beside the time
        width = tensors["add_embedding.linear_1.weight"].shape[1]
        config |= {
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 256,
            "projection_class_embeddings_input_dim": width,
        }
    return config | {name: value for name, value in hints.items() if name not in ("num_heads", "num_head_channels")}


def heads(channels: list[int], hints: Mapping[str, Any]) -> int | list[int]:
    width = hints.get("num_head_channels", -1)
    return [each // width for each in channels] if width > 0 else hints.get("num_heads", 8)


def vae_config(tensors: ModuleTensors, hints: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments of AutoencoderKL."""
    levels = count(tensors, "encoder.down_blocks")
    return {
        "in_channels": tensors["encoder.conv_in.weight"].shape[1],
        "out_channels": tensors["decoder.conv_out.weight"].shape[0],
        "block_out_channels": [
            tensors[f"encoder.down_blocks.{i}.resnets.0.conv1.weight"].shape[0] for i in range(levels)
        ],
        "layers_per_block": count(tensors, "encoder.down_blocks.0.resnets"),
        "latent_channels": tensors["decoder.conv_in.weight"].shape[1],
        "down_block_types": ["DownEncoderBlock2D"] * levels,
        "up_block_types": ["UpDecoderBlock2D"] * levels,
        **hints,
    }


def clip_config(tensors: ModuleTensors, hints: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments of CLIPTextConfig. CLIP's heads are 64 wide (Radford et al. 2021, table 19)."""
    words, width = tensors["embeddings.token_embedding.weight"].shape
    return {
        "vocab_size": words,
        "hidden_size": width,
        "intermediate_size": tensors["encoder.layers.0.mlp.fc1.weight"].shape[0],
        "num_hidden_layers": count(tensors, "encoder.layers"),
        "num_attention_heads": max(1, width // 64),
        "max_position_embeddings": tensors["embeddings.position_embedding.weight"].shape[0],
        "hidden_act": "quick_gelu",
        "projection_dim": width,
        "bos_token_id": 49406,
        "eos_token_id": 49407,
        **hints,
    }


def open_clip_config(tensors: ModuleTensors) -> dict[str, Any]:
    """Return arguments of CLIPTextConfig for an OpenCLIP text model: with the plain GELU and a projection."""
    inner = {name.removeprefix("text_model."): tensor for name, tensor in tensors.items()}
    return clip_config(inner, {"hidden_act": "gelu", "projection_dim": tensors["text_projection.weight"].shape[0]})
