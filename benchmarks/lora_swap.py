from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from benchmarks.checkpoints import XL_UNET, Unet, unet
from benchmarks.measure import alternating, report
from modules.models.lora.patcher import Patcher
from modules.networks.formats import LoRA

RANK, STRENGTH = 32, 0.8
MODELS = {
    "SD1.5, float32": (Unet(), torch.float32, 1),
    "SDXL, float32, every sixth weight": (XL_UNET, torch.float32, 6),
}
# what most LoRAs change
TOUCHED = ("to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2", "proj_in", "proj_out")


def run() -> None:
    """A rank-32 LoRA for every attention of a UNet, swapped for another: ÷ copying those weights once,
    and against restore-and-add.
    """
    torch.set_num_threads(1)
    for name, (shape, dtype, every) in MODELS.items():
        weights = touched(shape, dtype, every)
        print(
            f" {name}: {len(weights)} weights, {sum(weight.numel() for weight in weights.values()) / 1e6:.0f} million "
            "figures"
        )
        networks = [lora(weights, dtype, seed) for seed in (1, 2)]
        ours, theirs, copy = Ours(weights, networks), RestoreAndAdd(weights, networks), Copy(weights)
        times = alternating(
            {"swap": ours, "copy": copy, "product": Product(weights, networks[0]), "restore and add": theirs}, rounds=5
        )
        report(times, "swap", "copy", "≤ 3.5")
        report(times, "swap", "product", "as near to 1 as can be")
        report(times, "restore and add", "swap", "≥ 4")


def touched(model: Unet, dtype: torch.dtype, every: int) -> dict[str, Tensor]:
    """Random weights of the modules that a LoRA is for; only each so-many-th,
    where all would not fit into memory four times.
    """
    named = [
        (name, shape)
        for name, shape in unet(model)
        if name.removesuffix(".weight").endswith(TOUCHED) and len(shape) > 1
    ]
    return {name: torch.empty(shape, dtype=dtype).normal_(0, 0.02) for name, shape in named[::every]}


def lora(weights: Mapping[str, Tensor], dtype: torch.dtype, seed: int) -> dict[str, LoRA]:
    torch.manual_seed(seed)
    return {
        name: LoRA(torch.randn(len(weight), RANK).to(dtype), torch.randn(RANK, weight[0].numel()).to(dtype), None, 1.0)
        for name, weight in weights.items()
    }


class Ours:
    """The patcher, brought from one network to the other and back."""

    def __init__(self, weights: Mapping[str, Tensor], networks: list[dict[str, LoRA]]) -> None:
        self.patcher = Patcher({name: nn.Parameter(weight, requires_grad=False) for name, weight in weights.items()})
        self.networks = networks
        self()

    def __call__(self) -> None:
        self.networks.reverse()
        self.patcher.bring({name: ((patch, STRENGTH),) for name, patch in self.networks[0].items()})


class RestoreAndAdd:
    """What others do, module by module: put a backup back, multiply the factors out, scale, add, copy in."""

    def __init__(self, weights: Mapping[str, Tensor], networks: list[dict[str, LoRA]]) -> None:
        self.backup, self.networks = weights, networks
        self.weights = {name: weight.clone() for name, weight in weights.items()}
        self()

    def __call__(self) -> None:
        self.networks = self.networks[::-1]
        for name, patch in self.networks[0].items():
            weight = self.weights[name]
            weight.copy_(self.backup[name])
            update = (patch.up.float() @ patch.down.float()) * patch.scale * STRENGTH
            weight.copy_(weight.float() + update.view(weight.shape))


class Product:
    """What no way of merging can do without: the factors multiplied out, once."""

    def __init__(self, weights: Mapping[str, Tensor], network: Mapping[str, LoRA]) -> None:
        self.network = network
        self.out = {
            name: torch.empty(len(weight), weight[0].numel(), dtype=weight.dtype) for name, weight in weights.items()
        }

    def __call__(self) -> None:
        for name, patch in self.network.items():
            torch.mm(patch.up, patch.down, out=self.out[name])


class Copy:
    """The floor: every touched weight read and written once."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        self.weights = weights
        self.out = {name: torch.empty_like(weight) for name, weight in weights.items()}
        self()

    def __call__(self) -> None:
        for name, weight in self.weights.items():
            self.out[name].copy_(weight)
