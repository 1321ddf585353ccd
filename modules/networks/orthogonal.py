"""Networks that rotate a layer's outputs instead of adding to them: orthogonal fine-tuning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

import torch
from torch import Tensor

from modules.networks.patch import Patch, Shape, along


@dataclass(frozen=True, slots=True)
class OFT(Patch):
    """Outputs rotated within blocks, ΔW = rescale · Rᵀ W − W with a block-diagonal R.

    Qiu et al. 2023, arXiv:2306.07280, §3.3; transposed, as kohya-ss and LyCORIS apply it.

    blocks:     (number, size, size) with number · size = out: any matrices, see `rotation`; or R's own blocks if
        `rotated`
    constraint: the largest norm allowed to all blocks' skew parts together (COFT, ibid.)
    rescale:    (out, 1, …), or none
    """

    blocks: Tensor
    constraint: float
    rotated: bool
    rescale: Tensor | None

    def delta(self, weight: Tensor) -> Tensor:
        blocks = self.blocks.to(weight)
        turns = blocks if self.rotated else rotation(blocks, self.constraint)
        rows = weight.unflatten(0, turns.shape[:2])
        return rescaled(torch.einsum("k n m, k n ... -> k m ...", turns, rows).flatten(0, 1), self.rescale) - weight

    def fits(self, shape: Shape) -> bool:
        return (
            square(self.blocks, 3)
            and len(shape) > 1
            and shape[0] == self.blocks[..., 0].numel()
            and same_size(self.rescale, shape[0])
        )


@dataclass(frozen=True, slots=True)
class BOFT(Patch):
    """Outputs rotated in a butterfly of stages, ΔW = rescale · Rₘ … R₂ R₁ W − W.

    Liu et al. 2023, arXiv:2311.06243, §4. The blocks of stage i join outputs that are 2ⁱ · size / 2 apart.

    blocks: (stages, number, size, size) with number · size = out; see `rotation`
    """

    blocks: Tensor
    constraint: float
    rescale: Tensor | None

    def delta(self, weight: Tensor) -> Tensor:
        turned = weight.flatten(1)
        for stage, turns in enumerate(rotation(self.blocks.to(weight), self.constraint)):
            apart = 2**stage * turns.shape[-1] // 2
            pairs = turned.unflatten(0, (-1, 2, apart)).transpose(1, 2)
            pairs = (turns @ pairs.reshape(*turns.shape[:2], -1)).view(pairs.shape)
            turned = pairs.transpose(1, 2).flatten(0, 2)
        return rescaled(turned.view(weight.shape), self.rescale) - weight

    def fits(self, shape: Shape) -> bool:
        whole = square(self.blocks, 4) and len(shape) > 1 and shape[0] == self.blocks[0, ..., 0].numel()
        # many more stages than outputs to join: a file may claim any number
        if not whole or len(self.blocks) > shape[0].bit_length():
            return False
        reach = 2 ** len(self.blocks) * self.blocks.shape[-1] // 2
        return shape[0] % reach == 0 and same_size(self.rescale, shape[0])


def square(blocks: Tensor, axes: int) -> bool:
    return blocks.ndim == axes and blocks.shape[-1] == blocks.shape[-2]


def same_size(rescale: Tensor | None, outputs: int) -> bool:
    return rescale is None or rescale.numel() == outputs


def rescaled(weight: Tensor, rescale: Tensor | None) -> Tensor:
    return weight if rescale is None else weight * along(rescale, weight, 0)


def rotation(blocks: Tensor, constraint: float) -> Tensor:
    """Cayley's transform of the blocks' skew parts, (I + Q)(I − Q)⁻¹ with Q = B − Bᵀ, ‖Q‖ over all blocks limited."""
    skew = blocks - blocks.mT
    if constraint < inf:
        norm = skew.norm()
        skew = skew * ((norm.clamp(max=constraint) + 1e-8) / (norm + 1e-8))
    eye = torch.eye(blocks.shape[-1]).to(blocks)
    return torch.linalg.solve(eye - skew, eye + skew)      # the two commute


def load_oft(parts: Mapping[str, Tensor]) -> Patch:
    """Load OFT; four axes are BOFT's. `alpha` is the constraint per output; none or 0 is no constraint."""
    blocks = parts["oft_blocks"]
    outputs = blocks.shape[-3] * blocks.shape[-1]
    constraint = float(parts.get("alpha", 0)) * outputs or inf
    if blocks.ndim == 4:
        return BOFT(blocks, constraint, parts.get("rescale"))
    return OFT(blocks, constraint, False, parts.get("rescale"))
