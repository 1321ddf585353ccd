"""IP-Adapters: pictures as a prompt, read by keys and values of their own beside the text's in cross-attention.

Ye et al. 2023, arXiv:2308.06721. Base, plus and full-face ones of SD 1 and SDXL, in the layouts of their makers: flat
(`image_proj.…`, `ip_adapter.…`) or as two tables. Those for FaceID need a recogniser of faces and are refused.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn
from torch.nn.functional import gelu, layer_norm, linear, scaled_dot_product_attention
from torch.utils.weak import WeakIdKeyDictionary

from modules.base.errors import ModelMismatch, ModelUnsupported
from modules.models.checkpoint.key_mapping import count
from modules.models.checkpoint.loaded_model import LoadedModel, config_of
from modules.models.control.weighing import another_family, bytes_of
from modules.params.image_prompts import IN_DECODER, IN_ENCODER, IN_MIDDLE

IP_PROJECTION, IP_ATTENTION = "image_proj.", "ip_adapter."
BASE_MARK, FULL_FACE_MARK, PLUS_MARK = "proj.weight", "proj.3.weight", "latents"      # in the projection
FACE_WIDTH = 512         # of insightface's embeddings
RESAMPLER_HEAD = 64      # width of a head of plus models' own attention
CHOOSE_IP_ADAPTER = "Choose an IP-Adapter for this checkpoint's family in the unit."
ORDER_IN_FILES = ("down_blocks", "up_blocks", "mid_block")
PLACE_OF_PART = {"down_blocks": IN_ENCODER, "mid_block": IN_MIDDLE, "up_blocks": IN_DECODER}


def is_ip_adapter(keys: Collection[str]) -> bool:
    return any(key.startswith(IP_PROJECTION) for key in keys) and any(key.startswith(IP_ATTENTION) for key in keys)


@dataclass(frozen=True, eq=False)
class IpAdapter:
    """An IP-Adapter in memory.

    projection: from an image encoder's output to tokens, by the names in its file
    keys, values: (width, width of a token) of each cross-attention layer: the encoder's, the decoder's, the middle's
    places: where each of the UNet's groups of such layers is, from first to last
    """

    name: str
    projection: Mapping[str, Tensor]
    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]
    places: tuple[str, ...]
    seen: WeakIdKeyDictionary = field(default_factory=WeakIdKeyDictionary)

    asked_beside: ClassVar[bool] = False

    @property
    def size(self) -> int:
        """Its weights in bytes."""
        return bytes_of((*self.projection.values(), *self.keys, *self.values))

    @property
    def reads_states(self) -> bool:
        """True if it reads an encoder's states of all patches, the layer before the last; else its embedding."""
        return BASE_MARK not in self.projection

    @property
    def encoder_width(self) -> int:
        """The width of what it reads: 1024 or 1280 of embeddings, 1280 or 1664 of states."""
        first = next(self.projection[name] for name in (BASE_MARK, "proj.0.weight", "proj_in.weight")
                     if name in self.projection)
        return first.shape[1]

    def to(self, device: torch.device, dtype: torch.dtype) -> IpAdapter:
        moved = {name: tensor.to(device, dtype) for name, tensor in self.projection.items()}
        keys, values = (tuple(each.to(device, dtype) for each in own) for own in (self.keys, self.values))
        return IpAdapter(self.name, moved, keys, values, self.places)

    def tokens(self, seen: Tensor) -> Tensor:
        """Return the tokens (tokens, width) of what an encoder gave: (width,) or (patches, width)."""
        weights = self.projection
        x = seen.to(next(iter(weights.values())))
        if BASE_MARK in weights:
            x = linear(x, weights[BASE_MARK], weights.get("proj.bias"))
            return self.normed("norm", x.view(-1, weights["norm.weight"].shape[0]))
        if FULL_FACE_MARK in weights:
            x = gelu(linear(x, weights["proj.0.weight"], weights.get("proj.0.bias")))
            return self.normed("proj.3", linear(x, weights["proj.2.weight"], weights.get("proj.2.bias")))
        return self.resampled(x)

    def resampled(self, x: Tensor) -> Tensor:
        """Return a plus model's tokens: its latents, after they have attended to the patches (patches, width)."""
        weights = self.projection
        x = linear(x, weights["proj_in.weight"], weights.get("proj_in.bias"))
        latents = weights["latents"][0]
        for place in range(count(weights, "layers")):
            latents = latents + self.attended(f"layers.{place}.0", x, latents)
            inner = linear(self.normed(f"layers.{place}.1.0", latents), weights[f"layers.{place}.1.1.weight"])
            latents = latents + linear(gelu(inner), weights[f"layers.{place}.1.3.weight"])
        return self.normed("norm_out", linear(latents, weights["proj_out.weight"], weights.get("proj_out.bias")))

    def attended(self, name: str, x: Tensor, latents: Tensor) -> Tensor:
        weights = self.projection
        latents = self.normed(f"{name}.norm2", latents)
        seen = torch.cat([self.normed(f"{name}.norm1", x), latents])
        query = in_heads(linear(latents, weights[f"{name}.to_q.weight"]), RESAMPLER_HEAD)
        key, value = linear(seen, weights[f"{name}.to_kv.weight"]).chunk(2, dim=-1)
        answer = scaled_dot_product_attention(query, in_heads(key, RESAMPLER_HEAD), in_heads(value, RESAMPLER_HEAD))
        return linear(answer.transpose(0, 1).flatten(1), weights[f"{name}.to_out.weight"])

    def normed(self, name: str, x: Tensor) -> Tensor:
        weight = self.projection[f"{name}.weight"]
        return layer_norm(x, weight.shape, weight, self.projection.get(f"{name}.bias"))

    def keys_and_values(self, tokens: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return each layer's keys and values (tokens, width); computed once for a pass's tokens."""
        if tokens not in self.seen:
            own = tokens.to(self.keys[0])
            self.seen[tokens] = [(linear(own, k), linear(own, v)) for k, v in zip(self.keys, self.values, strict=True)]
        found: list[tuple[Tensor, Tensor]] = self.seen[tokens]
        return found


def in_heads(x: Tensor, width: int) -> Tensor:
    """Convert (tokens, heads · width) to (heads, tokens, width)."""
    return x.unflatten(-1, (-1, min(width, x.shape[-1]))).transpose(-3, -2)


def load_ip_adapter(name: str, tensors: Mapping[str, Tensor], model: LoadedModel) -> IpAdapter:
    """Return the IP-Adapter in a file's tensors.

    Raises ModelUnsupported for one of FaceID, ModelMismatch for another family's, or where weights do not fit together.
    """
    projection = {
        key.removeprefix(IP_PROJECTION): each for key, each in tensors.items() if key.startswith(IP_PROJECTION)
    }
    if what := of_faces(projection):
        raise ModelUnsupported(
            f"{name} is an IP-Adapter for {what}, which needs insightface's models; Easel does not run these.",
            "Choose a base, plus or full-face one: ip-adapter_sd15, ip-adapter-plus_sd15, ip-adapter-full-face_sd15 …",
        )
    layers = cross_attention(model.unet)
    numbers = sorted({int(number) for key in tensors if key.startswith(IP_ATTENTION)
                      and (number := key.split(".")[1]).isdecimal()})
    try:
        keys, values = (
            tuple(tensors[f"{IP_ATTENTION}{number}.to_{part}_ip.weight"] for number in numbers) for part in "kv"
        )
        adapter = IpAdapter(name, projection, keys, values, places_of(layers))
        whole = IpAdapter(name, {part: each.float() for part, each in projection.items()}, (), (), ())
        with torch.inference_mode():
            patches = (1, adapter.encoder_width) if adapter.reads_states else (adapter.encoder_width,)
            width = whole.tokens(torch.zeros(patches)).shape[-1]
    except (RuntimeError, LookupError, StopIteration) as error:
        raise ModelMismatch(f"{name}: its weights do not fit together.", CHOOSE_IP_ADAPTER) from error
    fits = width == config_of(model.unet).cross_attention_dim and len(keys) == len(layers) and all(
        one.shape == other.shape == (place.layer.to_k.out_features, width)
        for one, other, place in zip(keys, values, layers, strict=True)
    )
    if not fits:
        raise another_family(name, model, CHOOSE_IP_ADAPTER)
    return adapter


def of_faces(projection: Mapping[str, Tensor]) -> str:
    """Return what an adapter is for if it reads a recogniser's face instead of a picture, else ""."""
    if not {BASE_MARK, FULL_FACE_MARK, PLUS_MARK} & projection.keys():
        return "FaceID"
    first = projection.get("proj_in.weight")
    return "InstantID" if first is not None and first.shape[-1:] == (FACE_WIDTH,) else ""


@dataclass(frozen=True)
class PromptedLayer:
    """A cross-attention layer.

    number: in IP-Adapters' files; group: its transformer's number from the UNet's first to last
    place: where its group is, in the encoder, the middle or the decoder
    """

    layer: Attention
    number: int
    group: int
    place: str


def cross_attention(unet: nn.Module) -> list[PromptedLayer]:
    """Return a UNet's cross-attention layers as IP-Adapters count them."""
    named = {
        name: part for name, part in unet.named_modules() if isinstance(part, Attention) and part.is_cross_attention
    }
    order = list(PLACE_OF_PART)
    groups = sorted(dict.fromkeys(map(transformer_of, named)), key=lambda each: order.index(part_of(each)))
    in_files = sorted(named, key=lambda each: ORDER_IN_FILES.index(part_of(each)))
    return [
        PromptedLayer(named[name], number, groups.index(transformer_of(name)), PLACE_OF_PART[part_of(name)])
        for number, name in enumerate(in_files)
    ]


def places_of(layers: Sequence[PromptedLayer]) -> tuple[str, ...]:
    """Return where each group of layers is, from the UNet's first to last."""
    return tuple(dict(sorted((each.group, each.place) for each in layers)).values())


def part_of(name: str) -> str:
    """Return the part of the UNet that a layer belongs to: `down_blocks`, `mid_block` or `up_blocks`."""
    return name.partition(".")[0]


def transformer_of(name: str) -> str:
    """Return the name of the transformer that a layer belongs to."""
    return name.partition(".transformer_blocks")[0]
