"""Names of weights: the LDM layout of checkpoint files ↔ diffusers' and transformers' modules.

The LDM layout numbers all blocks of the UNet; the names in a file show each block's kind. So any number of levels,
blocks a level and attention places is understood, and each map can be inverted.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

Prefixes = dict[str, str]      # LDM prefix → module prefix; the rest of the name is translated by a table

UNET_PREFIX = "model.diffusion_model."
CONTEXT = f"{UNET_PREFIX}middle_block.1.transformer_blocks.0.attn2.to_k.weight"      # (width, width of the text)
VAE_PREFIX = "first_stage_model."
VAE_PARTS = ("encoder.", "decoder.", "quant_conv.", "post_quant_conv.")

RESNET = {
    "in_layers.0": "norm1", "in_layers.2": "conv1", "emb_layers.1": "time_emb_proj",
    "out_layers.0": "norm2", "out_layers.3": "conv2", "skip_connection": "conv_shortcut",
}
VAE_RESNET = {"nin_shortcut": "conv_shortcut"}
VAE_ATTENTION = {"norm": "group_norm", "q": "to_q", "k": "to_k", "v": "to_v", "proj_out": "to_out.0"}
UNET_ENDS = {
    "time_embed.0": "time_embedding.linear_1", "time_embed.2": "time_embedding.linear_2",
    "label_emb.0.0": "add_embedding.linear_1", "label_emb.0.2": "add_embedding.linear_2",
    "input_blocks.0.0": "conv_in", "out.0": "conv_norm_out", "out.2": "conv_out",
    "middle_block.1": "mid_block.attentions.0",
}


def same_names(keys: Collection[str]) -> dict[str, str]:
    """Return each name with itself, for files in their module's own layout."""
    return {key: key for key in keys}


def unet_names(keys: Collection[str]) -> dict[str, str]:
    """Return LDM name → diffusers name, both without the model's prefix, for those of `keys` that are a UNet's."""
    prefixes = dict(UNET_ENDS)
    prefixes |= resnet("middle_block.0", "mid_block.resnets.0") | resnet("middle_block.2", "mid_block.resnets.1")
    prefixes |= dict(down_blocks(keys)) | dict(up_blocks(keys))
    return replace_prefixes(keys, prefixes)


def resnet(ours: str, theirs: str) -> Prefixes:
    return {f"{ours}.{name}": f"{theirs}.{other}" for name, other in RESNET.items()}


def count(keys: Collection[str], stem: str) -> int:
    """Return the number of blocks `stem`.0, `stem`.1 …, up to the first missing one."""
    pattern = re.compile(rf"{re.escape(stem)}\.([0-9]+)\.")
    numbers = {match[1] for key in keys if (match := pattern.match(key))}
    return next(number for number in range(len(numbers) + 1) if str(number) not in numbers)


def down_blocks(keys: Collection[str]) -> Iterator[tuple[str, str]]:
    level = place = 0
    for number in range(1, count(keys, "input_blocks")):
        block = f"input_blocks.{number}"
        if f"{block}.0.op.weight" in keys:
            yield f"{block}.0.op", f"down_blocks.{level}.downsamplers.0.conv"
            level, place = level + 1, 0
            continue
        yield from resnet(f"{block}.0", f"down_blocks.{level}.resnets.{place}").items()
        yield f"{block}.1", f"down_blocks.{level}.attentions.{place}"
        place += 1


def up_blocks(keys: Collection[str]) -> Iterator[tuple[str, str]]:
    level = place = 0
    for number in range(count(keys, "output_blocks")):
        block = f"output_blocks.{number}"
        yield from resnet(f"{block}.0", f"up_blocks.{level}.resnets.{place}").items()
        upsampler = next((f"{block}.{i}.conv" for i in (1, 2) if f"{block}.{i}.conv.weight" in keys), None)
        if upsampler != f"{block}.1.conv":
            yield f"{block}.1", f"up_blocks.{level}.attentions.{place}"
        place += 1
        if upsampler:
            yield upsampler, f"up_blocks.{level}.upsamplers.0.conv"
            level, place = level + 1, 0


def vae_names(keys: Collection[str]) -> dict[str, str]:
    """Return LDM name → diffusers name, both without prefix, for those of `keys` that are a VAE's."""
    prefixes: Prefixes = {"quant_conv": "quant_conv", "post_quant_conv": "post_quant_conv"}
    for half, ours, theirs in (("encoder", "down", "down_blocks"), ("decoder", "up", "up_blocks")):
        prefixes |= {
            f"{half}.conv_in": f"{half}.conv_in",
            f"{half}.norm_out": f"{half}.conv_norm_out",
            f"{half}.conv_out": f"{half}.conv_out",
        }
        for i in (0, 1):
            prefixes |= vae_resnet(f"{half}.mid.block_{i + 1}", f"{half}.mid_block.resnets.{i}")
        prefixes |= {f"{half}.mid.attn_1.{a}": f"{half}.mid_block.attentions.0.{b}" for a, b in VAE_ATTENTION.items()}
        levels = count(keys, f"{half}.{ours}")
        for level in range(levels):
            block = f"{half}.{theirs}.{level if half == 'encoder' else levels - 1 - level}"
            for place in range(count(keys, f"{half}.{ours}.{level}.block")):
                prefixes |= vae_resnet(f"{half}.{ours}.{level}.block.{place}", f"{block}.resnets.{place}")
            prefixes |= {f"{half}.{ours}.{level}.{ours}sample.conv": f"{block}.{ours}samplers.0.conv"}
    return replace_prefixes(keys, prefixes)


def vae_resnet(ours: str, theirs: str) -> Prefixes:
    same = {f"{ours}.{name}": f"{theirs}.{name}" for name in ("norm1", "conv1", "norm2", "conv2")}
    return same | {f"{ours}.{name}": f"{theirs}.{other}" for name, other in VAE_RESNET.items()}


def clip_names(keys: Collection[str]) -> dict[str, str]:
    """Return CLIP's name in a file → transformers' name.

    Old files lack `text_model.`, current modules have dropped it again.
    """
    return {key: key.removeprefix("text_model.") for key in keys if not key.endswith("position_ids")}


OPEN_CLIP_LAYER = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
    "attn.out_proj": "self_attn.out_proj",
}
OPEN_CLIP_ENDS = {
    "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "ln_final.weight": "text_model.final_layer_norm.weight",
    "ln_final.bias": "text_model.final_layer_norm.bias",
    "text_projection": "text_projection.weight",
}
JOINED_ATTENTION = re.compile(r"transformer\.resblocks\.(\d+)\.attn\.in_proj_(weight|bias)")


def open_clip_names(keys: Collection[str]) -> dict[str, str]:
    """Return OpenCLIP's name in a file → transformers' name; its joined q, k, v are split by `split_open_clip`."""
    layers = count(keys, "transformer.resblocks")
    prefixes = {
        f"transformer.resblocks.{i}.{ours}": f"text_model.encoder.layers.{i}.{theirs}"
        for i in range(layers) for ours, theirs in OPEN_CLIP_LAYER.items()
    }
    return replace_prefixes(keys, prefixes) | {key: OPEN_CLIP_ENDS[key] for key in keys if key in OPEN_CLIP_ENDS}


def has_no_weights(key: str) -> bool:
    """Return whether a key is no weight: a constant that every model computes itself, or a tensor to be split."""
    return (
        key.endswith(("position_ids", "attn_mask"))
        or key == "logit_scale"
        or JOINED_ATTENTION.fullmatch(key) is not None
    )


def split_open_clip(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors in transformers' form: q, k and v separate, the projection transposed. Views, no copies."""
    found = {}
    for key, tensor in tensors.items():
        if (match := JOINED_ATTENTION.fullmatch(key)) and tensor.ndim and len(tensor) % 3 == 0:
            for name, part in zip("qkv", tensor.chunk(3), strict=True):
                found[f"text_model.encoder.layers.{match[1]}.self_attn.{name}_proj.{match[2]}"] = part
        elif key == "text_projection" and tensor.ndim == 2:
            found["text_projection.weight"] = tensor.T
    return found


def join_open_clip(names: Collection[str], tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return those of a file's names whose tensors `split_open_clip` has changed, as they are in the file."""
    from torch import cat

    found = {}
    for name in names:
        if match := JOINED_ATTENTION.fullmatch(name):
            layer = f"text_model.encoder.layers.{match[1]}.self_attn"
            parts = [f"{layer}.{part}_proj.{match[2]}" for part in "qkv"]
            if all(part in tensors for part in parts):
                found[name] = cat([tensors[part] for part in parts])
        elif name == "text_projection" and "text_projection.weight" in tensors:
            found[name] = tensors["text_projection.weight"].T
    return found


def replace_prefixes(keys: Collection[str], prefixes: Mapping[str, str]) -> dict[str, str]:
    """Return every key that starts with one of the prefixes, the longest match replaced."""
    names = {}
    for key in keys:
        parts = key.split(".")
        for end in range(len(parts) - 1, 0, -1):
            if replacement := prefixes.get(".".join(parts[:end])):
                names[key] = ".".join([replacement, *parts[end:]])
                break
    return names


def below(keys: Collection[str], prefix: str) -> list[str]:
    """Return the keys under a prefix, without it."""
    return [key.removeprefix(prefix) for key in keys if key.startswith(prefix)]
