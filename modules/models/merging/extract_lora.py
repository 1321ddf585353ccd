"""Extraction of a LoRA: the difference of two checkpoints as a low-rank update.

Hu et al. 2021, arXiv:2106.09685.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from modules.base.errors import Invalid, ModelCorrupt, ModelMismatch
from modules.base.files import NewFile
from modules.library.safetensors_header import DOWNLOAD_AGAIN
from modules.models.checkpoint import key_mapping as layout
from modules.models.checkpoint.families import FAMILIES
from modules.models.checkpoint.family import Family, TextPart, family_of
from modules.models.files.tensor_stream import Source
from modules.models.merging.sources import Renamed, streamed
from modules.models.merging.writing import ReportProgress
from modules.params.merge import LARGEST_RANK

JOINED = 3      # queries, keys and values, stored by OpenCLIP as one


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a module's weight in a file. third: its part of a joined weight, if it is one."""

    name: str
    third: int | None = None

    def read(self, source: Source) -> Tensor:
        tensor = source.tensor(self.name)
        return (tensor if self.third is None else tensor.chunk(JOINED)[self.third]).float()


def extract_lora(
    tuned: Path, base: Path, out: NewFile, rank: int, report: ReportProgress, threshold: float = 0.0
) -> int:
    """Write `tuned` − `base` as a LoRA of at most that rank, in kohya-ss's names; returns the number of weights.

    Each alpha is its rank. Each weight's difference is cut to its `rank` largest directions (Eckart & Young 1936), less
    those that are weaker than `threshold` times its strongest. Equal weights are left out.
    Raises Invalid for an impossible rank or threshold, ModelMismatch for files that do not fit or do not differ,
    ModelCorrupt naming a weight that is not finite.
    """
    check_extraction(rank, threshold)
    tensors: dict[str, Tensor] = {}
    with streamed(tuned) as tuned_file, streamed(base) as base_file:
        new, old = Renamed.of(tuned_file), Renamed.of(base_file)
        layers = places(tuned.name, new)
        for done, (layer, place) in enumerate(layers.items()):
            report(done, len(layers))
            check_fits((tuned.name, base.name), place.name, new, old)
            difference = finite(tuned.name, place, new) - finite(base.name, place, old)
            if difference.any():
                tensors |= {f"{layer}.{part}": tensor for part, tensor in low_rank(difference, rank, threshold).items()}
    if not tensors:
        raise ModelMismatch(
            f"{tuned.name} and {base.name} do not differ where a LoRA could.",
            "Choose the tuned model first, then its origin.",
        )
    metadata = {
        "format": "pt",
        "ss_network_module": "networks.lora",
        "ss_network_dim": str(rank),
        "ss_network_alpha": str(rank),
    }
    out.write([save(tensors, metadata)])
    return len(tensors) // 3


def check_extraction(rank: int, threshold: float) -> None:
    if not 1 <= rank <= LARGEST_RANK:
        raise Invalid(f"A rank of {rank} is not possible.", f"Choose one between 1 and {LARGEST_RANK}.", field="rank")
    if not 0 <= threshold < 1:
        raise Invalid(
            f"A threshold of {threshold} is not possible.",
            "Choose one from 0, which keeps all, to below 1.",
            field="threshold",
        )


def check_fits(files: tuple[str, str], name: str, new: Source, old: Source) -> None:
    message = f"{files[0]} and {files[1]} do not go together: "
    if name not in old.entries:
        raise ModelMismatch(f"{message}only the first has {name}.", "Both must be of one family.")
    shapes = new.entries[name].shape, old.entries[name].shape
    if shapes[0] != shapes[1]:
        raise ModelMismatch(f"{message}{name} is {shapes[0]} and {shapes[1]}.", "Both must be of one family.")


def finite(file: str, place: Place, source: Source) -> Tensor:
    weight = place.read(source)
    if not weight.isfinite().all():
        raise ModelCorrupt(f"{file}: not all of {place.name} are numbers.", DOWNLOAD_AGAIN)
    return weight


def low_rank(difference: Tensor, rank: int, threshold: float = 0.0) -> dict[str, Tensor]:
    """Return the factors of the best approximation of (out, in) or (out, in, kh, kw) of that rank, float16."""
    u, s, vh = torch.linalg.svd(difference.flatten(1), full_matrices=False)
    rank = max(1, int((s[:rank] >= threshold * s[0]).sum()))
    root = s[:rank].sqrt()
    up, down = u[:, :rank] * root, root[:, None] * vh[:rank]
    if difference.ndim == 4:
        up, down = up[:, :, None, None], down.view(rank, *difference.shape[1:])
    return {
        "lora_up.weight": up.half().contiguous(),
        "lora_down.weight": down.half().contiguous(),
        "alpha": torch.tensor(float(rank)),
    }


def places(file: str, source: Source) -> dict[str, Place]:
    """Return kohya-ss's name for each module that a LoRA can change → the place of its weight.

    Raises ModelUnsupported if it is no checkpoint.
    """
    family = family_of(file, source.entries, FAMILIES)
    named = list(unet_places(source, family))
    for number, part in enumerate(family.texts, 1):
        named += text_places(source, part, f"te{number}" if len(family.texts) > 1 else "te")
    entries = source.entries
    return {
        "lora_" + module.replace(".", "_"): place for module, place in named if len(entries[place.name].shape) in (2, 4)
    }


def unet_places(source: Source, family: Family) -> Iterator[tuple[str, Place]]:
    """Yield the UNet's places; kohya-ss names SDXL's as its checkpoints do, the others' as diffusers does."""
    for theirs, ours in layout.unet_names(layout.below(source.entries, layout.UNET_PREFIX)).items():
        if theirs.endswith(".weight"):
            yield (
                f"unet_{theirs if family.ldm_loras else ours}".removesuffix(".weight"),
                Place(layout.UNET_PREFIX + theirs),
            )


def text_places(source: Source, part: TextPart, prefix: str) -> Iterator[tuple[str, Place]]:
    """Yield the layers of a text encoder, by transformers' names."""
    keys = layout.below(source.entries, part.prefix)
    names = {key: f"text_model.{ours.removeprefix('text_model.')}" for key, ours in part.network.names(keys).items()}
    for theirs, ours in names.items():
        if "encoder.layers" in ours and ours.endswith(".weight"):
            yield f"{prefix}_{ours.removesuffix('.weight')}", Place(part.prefix + theirs)
    for key in keys:
        if (match := layout.JOINED_ATTENTION.fullmatch(key)) and match[2] == "weight":
            for third, letter in enumerate("qkv"):
                yield (
                    f"{prefix}_text_model.encoder.layers.{match[1]}.self_attn.{letter}_proj",
                    Place(part.prefix + key, third),
                )
