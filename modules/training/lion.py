"""Lion: the sign of a momentum. Chen et al. 2023, arXiv:2302.06675, Algorithm 2."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


class Lion(Optimizer):
    """Each value moves by the rate, in the direction of its momentum; weights decay apart from that."""

    def __init__(
        self, params: Any, lr: float = 1e-4, betas: tuple[float, float] = (0.9, 0.99), weight_decay: float = 0.0
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:      # type: ignore[override]
        for group in self.param_groups:
            for tensor in group["params"]:
                if tensor.grad is not None:
                    self._move(tensor, group)

    def _move(self, tensor: Tensor, group: dict[str, Any]) -> None:
        gradient, (fast, slow) = tensor.grad, group["betas"]
        assert gradient is not None
        momentum = self.state[tensor].setdefault("momentum", torch.zeros_like(tensor))
        tensor.mul_(1 - group["lr"] * group["weight_decay"])
        tensor.add_((momentum * fast + gradient * (1 - fast)).sign(), alpha=-group["lr"])
        momentum.mul_(slow).add_(gradient, alpha=1 - slow)
