"""A1111's `modules.safe`: pickled files, of which only tensors are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


def load(filename: Any, *args: Any, **kwargs: Any) -> Any:
    """`torch.load` of tensors and plain values; raises pickle.UnpicklingError for anything else."""
    kwargs["weights_only"] = True
    return torch.load(filename, *args, **kwargs)


def load_with_extra(filename: Any, extra_handler: Callable[..., Any] | None = None, *args: Any, **kwargs: Any) -> Any:
    return load(filename, *args, **kwargs)


unsafe_torch_load = load        # Easel unpickles no code, whoever asks


class Extra:
    """A context in which A1111 lets further classes be unpickled; here they are not."""

    def __init__(self, handler: Callable[..., Any]) -> None:
        self.handler = handler

    def __enter__(self) -> None:
        """Nothing changes."""

    def __exit__(self, *error: object) -> None:
        """Nothing has changed."""
