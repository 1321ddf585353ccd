"""Small IP-Adapters with random weights."""

from __future__ import annotations

import torch
from safetensors.torch import save_file

from modules.library.catalog import ModelFile
from modules.models.control.ip_adapter import cross_attention

WIDTH, SEEN = 64, 48      # of the tiny checkpoint's texts; of an encoder's output


def projection(kind, seen=SEEN, width=WIDTH):
    """From an encoder's output of that width to tokens."""
    noise = torch.Generator().manual_seed(3)

    def some(*shape):
        return torch.randn(shape, generator=noise) * 0.2

    if kind == "base":
        return {"proj.weight": some(4 * width, seen), "proj.bias": some(4 * width), "norm.weight": 1 + some(width),
                "norm.bias": some(width)}
    if kind == "full":
        return {"proj.0.weight": some(seen, seen), "proj.0.bias": some(seen), "proj.2.weight": some(width, seen),
                "proj.2.bias": some(width), "proj.3.weight": 1 + some(width), "proj.3.bias": some(width)}
    if kind == "face":
        return {"proj.0.weight": some(9, 9), "proj.0.bias": some(9), "proj.2.weight": some(9, 9), "norm.weight": some(9)}
    inner, layers = 128, {}
    for place in range(4):
        layers |= {
            f"{place}.0.norm1.weight": 1 + some(inner), f"{place}.0.norm1.bias": some(inner),
            f"{place}.0.norm2.weight": 1 + some(inner), f"{place}.0.norm2.bias": some(inner),
            f"{place}.0.to_q.weight": some(inner, inner), f"{place}.0.to_kv.weight": some(2 * inner, inner),
            f"{place}.0.to_out.weight": some(inner, inner), f"{place}.1.0.weight": 1 + some(inner),
            f"{place}.1.0.bias": some(inner), f"{place}.1.1.weight": some(4 * inner, inner),
            f"{place}.1.3.weight": some(inner, 4 * inner),
        }
    return {
        "latents": some(1, 6, inner), "proj_in.weight": some(inner, seen), "proj_in.bias": some(inner),
        "proj_out.weight": some(width, inner), "proj_out.bias": some(width), "norm_out.weight": 1 + some(width),
        "norm_out.bias": some(width), **{f"layers.{name}": each for name, each in layers.items()},
    }


def tables(unet, kind, width=WIDTH, seen=SEEN):
    """An IP-Adapter for a UNet, as its makers' two tables."""
    noise, attention = torch.Generator().manual_seed(4), {}
    for each in cross_attention(unet):
        for part in "kv":
            attention[f"{2 * each.number + 1}.to_{part}_ip.weight"] = torch.randn(
                each.layer.to_k.out_features, width, generator=noise
            ) * 0.3
    return {"image_proj": projection(kind, seen, width), "ip_adapter": attention}


def flat(tables):
    return {f"{table}.{name}": each for table, own in tables.items() for name, each in own.items()}


def save_adapter(path, tensors):
    if path.suffix == ".bin":
        torch.save(tensors, path)
    else:
        save_file(flat(tensors), path)
    return ModelFile(path, path.name, "controlnet")
