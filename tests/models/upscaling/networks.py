"""Small random networks under the names that files use."""

from __future__ import annotations

import torch

CPU = torch.device("cpu")


def parameters(convolutions, seed=0):
    """name → (out, in, kernel) as random weights and biases."""
    source = torch.Generator().manual_seed(seed)
    state = {}
    for name, (outputs, inputs, kernel) in convolutions.items():
        state[f"{name}.weight"] = (
            torch.randn(outputs, inputs, kernel, kernel, generator=source) / (inputs * kernel**2) ** 0.5
        )
        state[f"{name}.bias"] = torch.randn(outputs, generator=source) / 10
    return state


def rrdb_state(features=8, growth=4, blocks=2, doublings=2, unshuffle=1):
    """Random weights under Real-ESRGAN's names."""
    inner = {
        f"body.{block}.rdb{dense}.conv{number}": (
            growth if number < 5 else features,
            features + (number - 1) * growth,
            3,
        )
        for block in range(blocks)
        for dense in (1, 2, 3)
        for number in range(1, 6)
    }
    ups = {f"conv_up{number + 1}": (features, features, 3) for number in range(doublings)}
    return parameters({
        "conv_first": (features, 3 * unshuffle**2, 3), **inner, "conv_body": (features, features, 3), **ups,
        "conv_hr": (features, features, 3), "conv_last": (3, features, 3),
    })


def srvgg_state(features=8, layers=2, scale=2):
    """Random weights under Real-ESRGAN's names: convolutions at even places, slopes between them."""
    widths = [3, *[features] * (layers + 1), 3 * scale**2]
    state = parameters({f"body.{2 * number}": (widths[number + 1], widths[number], 3) for number in range(layers + 2)})
    return state | {f"body.{2 * number + 1}.weight": torch.linspace(0.1, 0.4, features) for number in range(layers + 1)}
