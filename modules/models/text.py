"""Prompts to conditionings, as A1111 reads them: chunk by chunk, weighted, joined; by one encoder or by SDXL's two."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from modules.models.loader import LoadedModel
from modules.prompts.chunks import Chunk, Tokenizer, chunks
from modules.sampling.questions import Cond, Encode, Reading

REMEMBERED = 256      # prompts; the negative one is read again for every picture
PENULTIMATE = 2


@dataclass(frozen=True, eq=False)
class Encoder:
    """A CLIP text model and how its family uses it."""

    module: nn.Module
    layer: int | None = None      # counted from the end; None: clip skip decides
    normed: bool = True           # the final layer norm is applied
    padding: int | None = None    # token after the text's end; None: the end token again

    def read(self, tokens: Tensor, reading: Reading) -> tuple[Tensor, Tensor | None]:
        """Token ids (texts, 77) → states (texts, 77, width), and a pooled text (texts, n) where the model has one; float32."""
        core = getattr(self.module, "text_model", self.module)
        device = next(self.module.parameters()).device
        out = self.module(tokens.to(device), output_hidden_states=True)
        layer = self.layer or reading.clip_skip
        states = out.hidden_states[max(-layer, -len(out.hidden_states))]
        pooled = getattr(out, "text_embeds", None)
        return (core.final_layer_norm(states) if self.normed else states).float(), pooled if pooled is None else pooled.float()


def encoders_of(model: LoadedModel) -> tuple[Encoder, ...]:
    """SD1 reads to the last layer; SDXL joins the penultimate layers of two encoders, the second of which pads with 0."""
    if model.text_encoder_2 is None:
        return (Encoder(model.text_encoder),)
    return (Encoder(model.text_encoder, PENULTIMATE, normed=False), Encoder(model.text_encoder_2, PENULTIMATE, normed=False, padding=0))


class TextReader:
    """The text encoders of one loaded model, with a memory of what they read last."""

    def __init__(self, model: LoadedModel, tokenizer: Tokenizer) -> None:
        self.encoders, self.tokenizer = encoders_of(model), tokenizer
        self._known: OrderedDict[Encode, list[Cond]] = OrderedDict()

    def read(self, ask: Encode) -> list[Cond]:
        """A conditioning of (77 · chunks, width) float32 for each of the texts that a prompt has over time."""
        if ask not in self._known:
            self._known[ask] = self._read(ask)
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        self._known.move_to_end(ask)
        return self._known[ask]

    def _read(self, ask: Encode) -> list[Cond]:
        """All texts together: the shorter are padded with empty chunks, and each chunk is weighted across all of them."""
        chunked = [self._chunks(text, ask.reading) for text in ask.texts]
        empty = self._chunks("", ask.reading)
        length = max(len(of_text) for of_text in chunked)
        columns = [[of_text[i] if i < len(of_text) else empty[0] for of_text in chunked] for i in range(length)]
        read = [self._column(column, ask.reading) for column in columns]
        texts, pooled = torch.cat([text for text, _ in read], dim=1), read[0][1]
        if pooled is None:
            return [Cond(text) for text in texts]
        meaningless = ask.negative and not any(ask.texts)
        figures = pooled.new_tensor([ask.frame.height, ask.frame.width, ask.frame.crop_top, ask.frame.crop_left, ask.frame.height, ask.frame.width])
        nothing = 0.0 if meaningless else 1.0
        return [Cond(text * nothing, torch.cat([whole * nothing, figures])) for text, whole in zip(texts, pooled, strict=True)]

    def _chunks(self, text: str, reading: Reading) -> list[Chunk]:
        return chunks(text, self.tokenizer, reading.emphasis, reading.comma_backtrack)

    def _column(self, column: Sequence[Chunk], reading: Reading) -> tuple[Tensor, Tensor | None]:
        """One chunk of every text → (texts, 77, width), the encoders side by side, and the last one's pooled texts."""
        parts, pooled = [], None
        for encoder in self.encoders:
            meaning, pooled = encoder.read(self._tokens(column, encoder), reading)
            multipliers = torch.tensor([chunk.multipliers for chunk in column], device=meaning.device)
            parts.append(EMPHASES[reading.emphasis](meaning, multipliers.unsqueeze(-1)))
        return torch.cat(parts, dim=-1), pooled

    def _tokens(self, column: Sequence[Chunk], encoder: Encoder) -> Tensor:
        """(texts, 77) token ids, as this encoder pads them."""
        tokens = torch.tensor([chunk.tokens for chunk in column])
        if encoder.padding is not None:
            after = (tokens == self.tokenizer.end).cumsum(1) > 1
            tokens[after] = encoder.padding
        return tokens


def unweighted(meaning: Tensor, multipliers: Tensor) -> Tensor:
    return meaning


def weighted(meaning: Tensor, multipliers: Tensor) -> Tensor:
    return meaning * multipliers


def weighted_keeping_mean(meaning: Tensor, multipliers: Tensor) -> Tensor:
    """A1111's "Original": after weighting, the mean over everything is put back to what it was."""
    scaled = meaning * multipliers
    return scaled * (meaning.mean() / scaled.mean())


EMPHASES = {"None": unweighted, "Ignore": unweighted, "Original": weighted_keeping_mean, "No norm": weighted}
