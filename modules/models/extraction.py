"""A LoRA out of two checkpoints: what one has learned beyond the other, as a low-rank update (Hu et al. 2021, arXiv:2106.09685)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from modules.base.errors import Invalid, ModelMismatch
from modules.base.files import write_atomically
from modules.models import layout
from modules.models.tensor_file import Source, opened

CLIP = "cond_stage_model.transformer."
LARGEST_RANK = 1024

Told = Callable[[int, int], None]


def extract_lora(tuned: Path, base: Path, out: Path, rank: int, told: Told) -> int:
    """Write `tuned` − `base` as a LoRA of that rank, its alpha the rank, in kohya-ss's names; returns how many weights it changes.

    Each weight's difference is cut to its `rank` largest directions (Eckart & Young 1936). What does not differ is left out.
    Raises Invalid for a rank that is none, ModelMismatch for files that do not go together or do not differ.
    """
    if not 1 <= rank <= LARGEST_RANK:
        raise Invalid(f"A rank of {rank} is not possible.", f"Choose one between 1 and {LARGEST_RANK}.", field="rank")
    tensors: dict[str, Tensor] = {}
    with opened(tuned) as new, opened(base) as old:
        names = kohya_names(new)
        for done, (name, layer) in enumerate(names.items()):
            told(done, len(names))
            if name not in old.entries or old.entries[name].shape != new.entries[name].shape:
                raise ModelMismatch(f"{tuned.name} and {base.name} do not go together: {name}.", "Both must be of one family.")
            difference = new.tensor(name).float() - old.tensor(name).float()
            if difference.any():
                tensors |= {f"{layer}.{part}": tensor for part, tensor in low_rank(difference, rank).items()}
    if not tensors:
        raise ModelMismatch(f"{tuned.name} and {base.name} do not differ where a LoRA could.", "Choose the tuned model first, then its origin.")
    metadata = {"format": "pt", "ss_network_module": "networks.lora", "ss_network_dim": str(rank), "ss_network_alpha": str(rank)}
    write_atomically(out, save(tensors, metadata))
    return len(tensors) // 3


def low_rank(difference: Tensor, rank: int) -> dict[str, Tensor]:
    """(out, in) or (out, in, kh, kw) → the factors of its best approximation of that rank, float16."""
    matrix = difference.flatten(1)
    rank = min(rank, *matrix.shape)
    u, s, vh = torch.linalg.svd(matrix, full_matrices=False)
    root = s[:rank].sqrt()
    up, down = u[:, :rank] * root, root[:, None] * vh[:rank]
    if difference.ndim == 4:
        up, down = up[:, :, None, None], down.view(rank, *difference.shape[1:])
    return {"lora_up.weight": up.half().contiguous(), "lora_down.weight": down.half().contiguous(), "alpha": torch.tensor(float(rank))}


def kohya_names(source: Source) -> dict[str, str]:
    """A file's name of each weight that a LoRA can change → kohya-ss's name for its module."""
    unet = below(source, layout.UNET)
    named = {f"{layout.UNET}{theirs}": f"unet_{ours}" for theirs, ours in layout.unet_names(unet).items()}
    named |= {f"{CLIP}{name}": f"te_{name}" for name in below(source, CLIP) if "encoder.layers" in name}
    weights = {name: ours for name, ours in named.items() if name.endswith(".weight") and len(source.entries[name].shape) in (2, 4)}
    return {name: "lora_" + ours.removesuffix(".weight").replace(".", "_") for name, ours in weights.items()}


def below(source: Source, prefix: str) -> Mapping[str, None]:
    return {name.removeprefix(prefix): None for name in source.entries if name.startswith(prefix)}
