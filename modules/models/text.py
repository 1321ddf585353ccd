"""Prompts to conditionings, as A1111 reads them: chunk by chunk, weighted, joined."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor

from modules.models.loader import LoadedModel
from modules.prompts.chunks import Chunk, Tokenizer, chunks
from modules.sampling.questions import Reading

REMEMBERED = 256      # prompts; the negative one is read again for every picture


class TextReader:
    """The text encoder of one loaded model, with a memory of what it read last."""

    def __init__(self, model: LoadedModel, tokenizer: Tokenizer) -> None:
        self.encoder, self.tokenizer = model.text_encoder, tokenizer
        self._known: OrderedDict[tuple[tuple[str, ...], Reading], list[Tensor]] = OrderedDict()

    def read(self, texts: tuple[str, ...], reading: Reading) -> list[Tensor]:
        """One (77 · chunks, width) float32 conditioning for each of the texts that a prompt has over time."""
        if (texts, reading) not in self._known:
            self._known[texts, reading] = list(self._read(texts, reading))
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        self._known.move_to_end((texts, reading))
        return self._known[texts, reading]

    def _read(self, texts: Sequence[str], reading: Reading) -> Tensor:
        """All texts together: the shorter are padded with empty chunks, and each chunk is weighted across all of them."""
        chunked = [self._chunks(text, reading) for text in texts]
        empty = self._chunks("", reading)
        length = max(len(of_text) for of_text in chunked)
        columns = [[of_text[i] if i < len(of_text) else empty[0] for of_text in chunked] for i in range(length)]
        return torch.cat([self._column(column, reading) for column in columns], dim=1)

    def _chunks(self, text: str, reading: Reading) -> list[Chunk]:
        return chunks(text, self.tokenizer, reading.emphasis, reading.comma_backtrack)

    def _column(self, column: Sequence[Chunk], reading: Reading) -> Tensor:
        """One chunk of every text → (texts, 77, width)."""
        meaning = self._encode(torch.tensor([chunk.tokens for chunk in column]), reading.clip_skip)
        multipliers = torch.tensor([chunk.multipliers for chunk in column], device=meaning.device)
        return EMPHASES[reading.emphasis](meaning, multipliers.unsqueeze(-1))

    def _encode(self, tokens: Tensor, clip_skip: int) -> Tensor:
        """Token ids (texts, 77) → the states of a layer counted from the end, normalised as the last one's are."""
        core = getattr(self.encoder, "text_model", self.encoder)
        device = next(self.encoder.parameters()).device
        states = self.encoder(tokens.to(device), output_hidden_states=True).hidden_states
        return core.final_layer_norm(states[max(-clip_skip, -len(states))]).float()


def unweighted(meaning: Tensor, multipliers: Tensor) -> Tensor:
    return meaning


def weighted(meaning: Tensor, multipliers: Tensor) -> Tensor:
    return meaning * multipliers


def weighted_keeping_mean(meaning: Tensor, multipliers: Tensor) -> Tensor:
    """A1111's "Original": after weighting, the mean over everything is put back to what it was."""
    scaled = meaning * multipliers
    return scaled * (meaning.mean() / scaled.mean())


EMPHASES = {"None": unweighted, "Ignore": unweighted, "Original": weighted_keeping_mean, "No norm": weighted}
