"""Muon: momentum made orthogonal, for matrices; what is no matrix moves by Adam.

Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks".
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

# of the quintic that brings singular values near 1, and how often it is applied
QUINTIC, QUINTIC_ROUNDS = (3.4445, -4.7750, 2.0315), 5
# the usual size of Adam's steps, so that the same rate suits both (Liu et al. 2025, arXiv:2502.16982)
MATCHES_ADAM = 0.2
TINY = 1e-8


class Muon(Optimizer):
    """A convolution counts as a matrix of its outputs.

    momentum: of matrices, with Nesterov's look ahead; betas: Adam's
    """

    def __init__(
        self, params: Any, lr: float = 1e-3, momentum: float = 0.95, weight_decay: float = 0.0,
        betas: tuple[float, float] = (0.9, 0.95),
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "betas": betas})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:      # type: ignore[override]
        for group in self.param_groups:
            for tensor in group["params"]:
                if tensor.grad is not None:
                    tensor.mul_(1 - group["lr"] * group["weight_decay"])
                    move = self._by_matrix if is_matrix(tensor) else self._by_adam
                    tensor.add_(move(tensor, tensor.grad, group), alpha=-group["lr"])

    def _by_matrix(self, tensor: Tensor, gradient: Tensor, group: dict[str, Any]) -> Tensor:
        momentum: Tensor = self.state[tensor].setdefault("momentum", torch.zeros_like(tensor))
        momentum.lerp_(gradient, 1 - group["momentum"])
        ahead = gradient.lerp(momentum, group["momentum"]).flatten(1)
        return orthogonal(ahead).view_as(tensor) * (MATCHES_ADAM * max(ahead.shape) ** 0.5)

    def _by_adam(self, tensor: Tensor, gradient: Tensor, group: dict[str, Any]) -> Tensor:
        state, (fast, slow) = self.state[tensor], group["betas"]
        first = state.setdefault("first", torch.zeros_like(tensor))
        second = state.setdefault("second", torch.zeros_like(tensor))
        count = state.setdefault("count", torch.zeros(()))
        count.add_(1)
        first.lerp_(gradient, 1 - fast)
        second.lerp_(gradient**2, 1 - slow)
        times = float(count)
        return first / (1 - fast**times) / ((second / (1 - slow**times)).sqrt() + TINY)


def is_matrix(tensor: Tensor) -> bool:
    return tensor.ndim > 1 and min(tensor.flatten(1).shape) > 1


def orthogonal(matrix: Tensor) -> Tensor:
    """Return a matrix with nearly the same singular vectors, whose singular values are about 1."""
    a, b, c = QUINTIC
    tall = len(matrix) > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + TINY)
    for _ in range(QUINTIC_ROUNDS):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if tall else x
