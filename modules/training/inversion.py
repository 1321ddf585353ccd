"""Textual inversion: new words for a text encoder. Gal et al. 2022, arXiv:2208.01618."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from modules.base.errors import Invalid
from modules.training.student import DrawPlaces, Student, TrainableModel, leaf


class WordStudent(Student):
    """A word in training: its vectors stand in place of tokens."""

    def __init__(self, model: TrainableModel, word: str, vectors: int, first: Sequence[int]) -> None:
        """first: tokens whose rows the vectors begin with: vector i with token ⌊i · tokens / vectors⌋, as in A1111"""
        self.word = word
        self.tensors = {
            encoder: leaf(table[[first[place * len(first) // vectors] for place in range(vectors)]])
            for encoder, table in model.token_table.items()
        }
        self._parts = dict(zip(self.tensors, [part for part in model.networks if part != "unet"], strict=False))

    def begin_with(self, known: Mapping[str, Tensor]) -> None:
        """Begin with the vectors of a file, if there are any. Raises Invalid if they are another model's."""
        for encoder, vectors in known.items():
            own = self.tensors.get(encoder)
            if own is None or own.shape != vectors.shape:
                raise Invalid(
                    "The embedding to begin with is for another model.", "Choose one for this model.", "weights"
                )
            with torch.no_grad():
                own.copy_(vectors)

    def attached(self, model: TrainableModel, places: DrawPlaces) -> AbstractContextManager[None]:
        """Return a context without effect: the vectors come in by their word."""
        return nullcontext()

    def part(self, name: str) -> str:
        return self._parts[name]

    @property
    def words(self) -> Mapping[str, Mapping[str, Tensor]]:
        return {self.word: self.tensors}

    def norms(self) -> dict[str, list[float]]:
        """Return each vector's length: one that grows far beyond a token's is overtrained."""
        return {encoder: table.detach().norm(dim=1).tolist() for encoder, table in self.tensors.items()}


def embedding_tensors(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of a file: `emb_params`, or for SDXL `clip_l` and `clip_g`."""
    return {("emb_params" if len(tensors) == 1 else name): table.detach().cpu() for name, table in tensors.items()}


def a1111_embedding(name: str, tensors: Mapping[str, Tensor], step: int, model: tuple[str, str]) -> dict[str, object]:
    """Return the object of A1111's `.pt` file; model: the short hash and the name of the checkpoint."""
    return {
        "string_to_token": {"*": 265},
        "string_to_param": {"*": next(iter(tensors.values())).detach().cpu()},
        "name": name,
        "step": step,
        "sd_checkpoint": model[0],
        "sd_checkpoint_name": model[1],
    }
