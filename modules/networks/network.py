"""A network file, read for one model: its changes of the model, and its embeddings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from modules.base.errors import ModelMismatch, ModelUnsupported
from modules.base.families import family_named, spoken_family
from modules.networks.dialects import USED_PARTS, Targets, bundled_embedding, embeddings_of
from modules.networks.formats import BROKEN_FILE, read_patches, shapes_of
from modules.networks.patch import MISSHAPEN, FirstInputs, Patch, Shape

# kohya-ss's OFT by diffusers' names: A1111 silently ignores it, so its pictures are made without
PASSED_OVER = "oft_unet_"
LONGEST_QUOTED = 120            # characters; a tensor's name has up to 100
# channels of a UNet's first convolution: latent, mask and masked latent; latent alone
INPAINTING_INPUTS, INPUTS = 9, 4


@dataclass(frozen=True, slots=True)
class Network:
    """One file's patches, each for a parameter of the model it was read for.

    Strengths and block weights are applied elsewhere.
    """

    name: str
    patches: Mapping[str, Patch]                         # `unet.down_blocks.0.attentions.0.proj_in.weight` → its change
    # bundled textual inversions: word → `clip_l`, `clip_g` → (vectors, width)
    embeddings: Mapping[str, Mapping[str, Tensor]]
    metadata: Mapping[str, str]
    unmatched: tuple[str, ...] = ()                      # keys for nothing in this model, or without use

    def to(self, device: torch.device) -> Network:
        """Return the network with its patches on another device, since a GPU keeps them."""
        return replace(self, patches={path: patch.to(device) for path, patch in self.patches.items()})

    def truncated(self, rank: int) -> Network:
        """Return the network with only the first `rank` directions of its LoRAs, as `<lora:name:1:1:rank>` asks."""
        return replace(self, patches={path: patch.truncated(rank) for path, patch in self.patches.items()})


def is_text(path: str) -> bool:
    """Return whether it is a text encoder's parameter, which has a strength of its own."""
    return path.startswith("text_encoder")


def read_network(name: str, tensors: Mapping[str, Tensor], metadata: Mapping[str, str], targets: Targets) -> Network:
    """Find each tensor's place in the model.

    Raises ModelMismatch if nothing or something does not fit, ModelUnsupported for a kind of network that is not known;
    both name the file and the place.
    """
    layers, unmatched = sorted_out(tensors, targets)
    embeddings = embeddings_of(tensors)
    if not layers and not embeddings and not all(key.startswith(PASSED_OVER) for key in tensors):
        raise ModelMismatch(
            f"{name} has nothing for this model: {quote_text(next(iter(tensors), 'it is empty'))} is not in it.",
            made_for(metadata),
        )
    if any(table.ndim != 2 for tables in embeddings.values() for table in tables.values()):
        raise ModelUnsupported(f"{name}: an embedding in it is no table of vectors.", BROKEN_FILE)
    patches: dict[str, Patch] = {}
    for module, parts in layers.items():
        unmatched += [f"{module}.{part}" for part in parts if not USED_PARTS.fullmatch(part)]
        for parameter, patch in read_patches(f"{name}: {module}", parts).items():
            path = f"{module}.{parameter}"
            if path not in targets.shapes:
                unmatched.append(path)
            elif (fitting := fit_patch(patch, targets.shapes[path])) is None:
                raise ModelMismatch(
                    f"{name} does not fit: {path} is {targets.shapes[path]}, the file has {shapes_of(parts)}.",
                    made_for(metadata),
                )
            else:
                patches[path] = fitting
    return Network(name, patches, embeddings, metadata, tuple(unmatched))


def sorted_out(tensors: Mapping[str, Tensor], targets: Targets) -> tuple[dict[str, dict[str, Tensor]], list[str]]:
    """Return the tensors of each module, by the module's path, and the keys of no module."""
    layers: dict[str, dict[str, Tensor]] = {}
    unmatched = []
    for key, tensor in tensors.items():
        if place := targets.place(key):
            layers.setdefault(place[0], {})[place[1]] = tensor
        elif not bundled_embedding(key):
            unmatched.append(key)
    return layers, unmatched


def fit_patch(patch: Patch, shape: Shape) -> Patch | None:
    """Return the patch for a parameter of this shape, or None.

    A patch for an ordinary UNet's first convolution fits an inpainting model's too.
    """
    widened = FirstInputs(patch, INPUTS) if len(shape) == 4 and shape[1] == INPAINTING_INPUTS else patch
    try:
        return next((candidate for candidate in (patch, widened) if candidate.fits(shape)), None)
    except MISSHAPEN:
        return None


def made_for(metadata: Mapping[str, str]) -> str:
    """Return a hint for a network used with the wrong model; trainers note the model that they trained on."""
    said = metadata.get("modelspec.architecture") or metadata.get("ss_base_model_version") or ""
    family = spoken_family(family_named(said) or quote_text(said))
    return (
        f"It was made for {family}: choose such a checkpoint."
        if family
        else "It was made for another family of models."
    )


def quote_text(text: str) -> str:
    """Return a file's own words for a message: on one line, and shortened."""
    return "".join(letter for letter in text if letter.isprintable())[:LONGEST_QUOTED]
