"""What the kinds of control have in common: their size in memory, and the error of one for another family."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor

from modules.base.errors import ModelMismatch
from modules.models.checkpoint.loaded_model import LoadedModel


def bytes_of(tensors: Iterable[Tensor]) -> int:
    """Return the bytes that tensors take in memory."""
    return sum(each.numel() * each.element_size() for each in tensors)


def another_family(name: str, model: LoadedModel, hint: str) -> ModelMismatch:
    """Return the error of a file that was made for another family than the checkpoint's."""
    return ModelMismatch(
        f"{name} does not fit {model.checkpoint.model_name}: it was made for another family than "
        f"{model.family.title}.",
        hint,
    )
