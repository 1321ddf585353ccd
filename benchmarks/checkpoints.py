"""Checkpoints of random weights in the original LDM layout, of any family and size:
shapes as published with each model.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import save_file

Shape = tuple[int, ...]
Named = Iterator[tuple[str, Shape]]


@dataclass(frozen=True)
class Unet:
    """LDM's names for the figures."""

    model_channels: int = 320
    channel_mult: tuple[int, ...] = (1, 2, 4, 4)
    depth: tuple[int, ...] = (1, 1, 1, 0)      # of the transformers at each level; 0: none
    middle_depth: int = 1
    context_dim: int = 768
    in_channels: int = 4
    adm: int = 0                               # width of what is added to the time embedding
    linear: bool = False                       # the transformers' projections
    res_blocks: int = 2


@dataclass(frozen=True)
class Text:
    prefix: str
    open_clip: bool = False
    width: int = 768
    layers: int = 12
    projection: int = 0


@dataclass(frozen=True)
class Kind:
    """A family's checkpoint."""

    unet: Unet
    texts: tuple[Text, ...]
    vae_channels: int = 128
    markers: tuple[str, ...] = field(default=())


def tensors(kind: Kind) -> Named:
    for prefix, named in (("model.diffusion_model.", unet(kind.unet)), ("first_stage_model.", vae(kind.vae_channels))):
        yield from ((prefix + name, shape) for name, shape in named)
    for text in kind.texts:
        yield from ((text.prefix + name, shape) for name, shape in (open_clip(text) if text.open_clip else clip(text)))


def unet(u: Unet) -> Named:
    c, embedding = u.model_channels, 4 * u.model_channels
    yield from linear("time_embed.0", c, embedding)
    yield from linear("time_embed.2", embedding, embedding)
    if u.adm:
        yield from linear("label_emb.0.0", u.adm, embedding)
        yield from linear("label_emb.0.2", embedding, embedding)
    yield from conv("input_blocks.0.0", u.in_channels, c)
    skips, number = [c], 0
    for level, (mult, depth) in enumerate(zip(u.channel_mult, u.depth, strict=True)):
        for _ in range(u.res_blocks):
            number += 1
            yield from block(f"input_blocks.{number}", (c, mult * u.model_channels, embedding), depth, u)
            c = mult * u.model_channels
            skips.append(c)
        if level + 1 < len(u.channel_mult):
            number += 1
            yield from conv(f"input_blocks.{number}.0.op", c, c)
            skips.append(c)
    yield from resnet("middle_block.0", c, c, embedding)
    yield from transformer("middle_block.1", c, u.middle_depth, u)
    yield from resnet("middle_block.2", c, c, embedding)
    number = 0
    for level, (mult, depth) in reversed(list(enumerate(zip(u.channel_mult, u.depth, strict=True)))):
        for place in range(u.res_blocks + 1):
            yield from block(f"output_blocks.{number}", (c + skips.pop(), mult * u.model_channels, embedding), depth, u)
            c = mult * u.model_channels
            if level and place == u.res_blocks:
                yield from conv(f"output_blocks.{number}.{2 if depth else 1}.conv", c, c)
            number += 1
    yield from norm("out.0", c)
    yield from conv("out.2", c, 4)


def block(name: str, channels: tuple[int, int, int], depth: int, u: Unet) -> Named:
    yield from resnet(f"{name}.0", *channels)
    if depth:
        yield from transformer(f"{name}.1", channels[1], depth, u)


def resnet(name: str, before: int, after: int, embedding: int) -> Named:
    yield from norm(f"{name}.in_layers.0", before)
    yield from conv(f"{name}.in_layers.2", before, after)
    yield from linear(f"{name}.emb_layers.1", embedding, after)
    yield from norm(f"{name}.out_layers.0", after)
    yield from conv(f"{name}.out_layers.3", after, after)
    if before != after:
        yield from conv(f"{name}.skip_connection", before, after, 1)


def transformer(name: str, c: int, depth: int, u: Unet) -> Named:
    yield from norm(f"{name}.norm", c)
    yield from linear(f"{name}.proj_in", c, c) if u.linear else conv(f"{name}.proj_in", c, c, 1)
    for i in range(depth):
        inner = f"{name}.transformer_blocks.{i}"
        for attention, context in (("attn1", c), ("attn2", u.context_dim)):
            yield f"{inner}.{attention}.to_q.weight", (c, c)
            yield f"{inner}.{attention}.to_k.weight", (c, context)
            yield f"{inner}.{attention}.to_v.weight", (c, context)
            yield from linear(f"{inner}.{attention}.to_out.0", c, c)
        yield from linear(f"{inner}.ff.net.0.proj", c, 8 * c)
        yield from linear(f"{inner}.ff.net.2", 4 * c, c)
        for i_norm in (1, 2, 3):
            yield from norm(f"{inner}.norm{i_norm}", c)
    yield from linear(f"{name}.proj_out", c, c) if u.linear else conv(f"{name}.proj_out", c, c, 1)


def vae(ch: int, mults: tuple[int, ...] = (1, 2, 4, 4), z: int = 4) -> Named:
    yield from conv("encoder.conv_in", 3, ch)
    c = ch
    for level, mult in enumerate(mults):
        for place in range(2):
            yield from vae_resnet(f"encoder.down.{level}.block.{place}", c, mult * ch)
            c = mult * ch
        if level + 1 < len(mults):
            yield from conv(f"encoder.down.{level}.downsample.conv", c, c)
    yield from vae_middle("encoder", c)
    yield from norm("encoder.norm_out", c)
    yield from conv("encoder.conv_out", c, 2 * z)
    yield from conv("quant_conv", 2 * z, 2 * z, 1)
    yield from conv("post_quant_conv", z, z, 1)
    yield from conv("decoder.conv_in", z, c)
    yield from vae_middle("decoder", c)
    for level, mult in reversed(list(enumerate(mults))):
        for place in range(3):
            yield from vae_resnet(f"decoder.up.{level}.block.{place}", c, mult * ch)
            c = mult * ch
        if level:
            yield from conv(f"decoder.up.{level}.upsample.conv", c, c)
    yield from norm("decoder.norm_out", c)
    yield from conv("decoder.conv_out", c, 3)


def vae_middle(half: str, c: int) -> Named:
    yield from vae_resnet(f"{half}.mid.block_1", c, c)
    yield from norm(f"{half}.mid.attn_1.norm", c)
    for name in ("q", "k", "v", "proj_out"):
        yield from conv(f"{half}.mid.attn_1.{name}", c, c, 1)
    yield from vae_resnet(f"{half}.mid.block_2", c, c)


def vae_resnet(name: str, before: int, after: int) -> Named:
    yield from norm(f"{name}.norm1", before)
    yield from conv(f"{name}.conv1", before, after)
    yield from norm(f"{name}.norm2", after)
    yield from conv(f"{name}.conv2", after, after)
    if before != after:
        yield from conv(f"{name}.nin_shortcut", before, after, 1)


def clip(text: Text) -> Named:
    yield "text_model.embeddings.token_embedding.weight", (49408, text.width)
    yield "text_model.embeddings.position_embedding.weight", (77, text.width)
    for i in range(text.layers):
        layer = f"text_model.encoder.layers.{i}"
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            yield from linear(f"{layer}.self_attn.{name}", text.width, text.width)
        yield from linear(f"{layer}.mlp.fc1", text.width, 4 * text.width)
        yield from linear(f"{layer}.mlp.fc2", 4 * text.width, text.width)
        yield from norm(f"{layer}.layer_norm1", text.width)
        yield from norm(f"{layer}.layer_norm2", text.width)
    yield from norm("text_model.final_layer_norm", text.width)


def open_clip(text: Text) -> Named:
    yield "token_embedding.weight", (49408, text.width)
    yield "positional_embedding", (77, text.width)
    for i in range(text.layers):
        layer = f"transformer.resblocks.{i}"
        yield f"{layer}.attn.in_proj_weight", (3 * text.width, text.width)
        yield f"{layer}.attn.in_proj_bias", (3 * text.width,)
        yield from linear(f"{layer}.attn.out_proj", text.width, text.width)
        yield from linear(f"{layer}.mlp.c_fc", text.width, 4 * text.width)
        yield from linear(f"{layer}.mlp.c_proj", 4 * text.width, text.width)
        yield from norm(f"{layer}.ln_1", text.width)
        yield from norm(f"{layer}.ln_2", text.width)
    yield from norm("ln_final", text.width)
    yield "text_projection", (text.width, text.width)
    yield "logit_scale", ()


def linear(name: str, before: int, after: int) -> Named:
    yield f"{name}.weight", (after, before)
    yield f"{name}.bias", (after,)


def conv(name: str, before: int, after: int, side: int = 3) -> Named:
    yield f"{name}.weight", (after, before, side, side)
    yield f"{name}.bias", (after,)


def norm(name: str, width: int) -> Named:
    yield f"{name}.weight", (width,)
    yield f"{name}.bias", (width,)


def save(kind: Kind, path: Path, dtype: torch.dtype = torch.float16, scale: float = 0.02) -> Path:
    """The checkpoint as a file; norms are the identity, so that what comes out stays of a size."""
    torch.manual_seed(0)
    found = {name: random(name, shape, scale).to(dtype) for name, shape in tensors(kind)}
    save_file(found | {marker: torch.zeros(0) for marker in kind.markers}, path)
    return path


def random(name: str, shape: Shape, scale: float) -> torch.Tensor:
    return torch.randn(shape) * scale + float(len(shape) == 1 and name.endswith("weight"))


CLIP_L = Text("cond_stage_model.transformer.")
CLIP_H = Text("cond_stage_model.model.", True, 1024, 24)
XL_CLIP_L = Text("conditioner.embedders.0.transformer.")
XL_CLIP_G = Text("conditioner.embedders.1.model.", True, 1280, 32)
REFINER_CLIP_G = Text("conditioner.embedders.0.model.", True, 1280, 32)
SD2_UNET = Unet(context_dim=1024, linear=True)
XL_UNET = Unet(320, (1, 2, 4), (0, 2, 10), 10, 2048, adm=2816, linear=True)

KINDS = {
    "SD1": Kind(Unet(), (CLIP_L,)),
    "SD2": Kind(SD2_UNET, (CLIP_H,)),
    "SDXL": Kind(XL_UNET, (XL_CLIP_L, XL_CLIP_G)),
    "SDXL refiner": Kind(Unet(384, (1, 2, 4, 4), (0, 4, 4, 0), 4, 1280, adm=2560, linear=True), (REFINER_CLIP_G,)),
}
