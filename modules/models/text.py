"""Prompts to conditionings, as A1111 reads them: chunk by chunk, weighted, joined; by one encoder or by SDXL's two."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from modules.models.families import TextPart
from modules.models.loader import LoadedModel, TextEncoder
from modules.prompts.chunks import Chunk, Tokenizer, chunks
from modules.sampling.questions import Cond, Encode, Frame, Reading

REMEMBERED = 256      # prompts; the negative one is read again for every picture


def states(encoder: TextEncoder, tokens: Tensor, reading: Reading) -> tuple[Tensor, Tensor | None]:
    """Token ids (texts, 77) → states (texts, 77, width), and a pooled text (texts, n) where it counts; float32."""
    module, use = encoder.module, encoder.use
    device = next(module.parameters()).device
    out = module(tokens.to(device), output_hidden_states=True)
    layer = reading.clip_skip if use.layer is None or (use.optional_skip and reading.sdxl_clip_l_skip) else use.layer
    found = out.hidden_states[max(-layer, -len(out.hidden_states))]
    if use.normed:
        found = getattr(module, "text_model", module).final_layer_norm(found)
    return found.float(), out.text_embeds.float() if use.pooled else None


class TextReader:
    """The text encoders of one loaded model, with a memory of what they read last."""

    def __init__(self, model: LoadedModel, tokenizer: Tokenizer) -> None:
        self.encoders, self.tokenizer = model.texts, tokenizer
        self.figures = figures_of(model)
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
        figures = pooled.new_tensor(self.figures(ask.frame))
        nothing = 0.0 if meaningless else 1.0
        return [Cond(text * nothing, torch.cat([whole * nothing, figures])) for text, whole in zip(texts, pooled, strict=True)]

    def _chunks(self, text: str, reading: Reading) -> list[Chunk]:
        return chunks(text, self.tokenizer, reading.emphasis, reading.comma_backtrack)

    def _column(self, column: Sequence[Chunk], reading: Reading) -> tuple[Tensor, Tensor | None]:
        """One chunk of every text → (texts, 77, width), the encoders side by side, and the last one's pooled texts."""
        parts, pooled = [], None
        for encoder in self.encoders:
            meaning, pooled = states(encoder, self._tokens(column, encoder.use), reading)
            multipliers = torch.tensor([chunk.multipliers for chunk in column], device=meaning.device)
            parts.append(EMPHASES[reading.emphasis](meaning, multipliers.unsqueeze(-1)))
        return torch.cat(parts, dim=-1), pooled

    def _tokens(self, column: Sequence[Chunk], use: TextPart) -> Tensor:
        """(texts, 77) token ids, as this encoder pads them."""
        tokens = torch.tensor([chunk.tokens for chunk in column])
        if use.padding is not None:
            after = (tokens == self.tokenizer.end).cumsum(1) > 1
            tokens[after] = use.padding
        return tokens


Figures = Callable[[Frame], list[float]]


def figures_of(model: LoadedModel) -> Figures:
    """Which figures of a frame the model was trained with: SDXL six of size, the refiner four and how good the picture is."""
    return refiner_figures if model.family == "SDXL refiner" else sdxl_figures


def sdxl_figures(frame: Frame) -> list[float]:
    return [frame.height, frame.width, frame.crop_top, frame.crop_left, frame.height, frame.width]


def refiner_figures(frame: Frame) -> list[float]:
    return [frame.height, frame.width, frame.crop_top, frame.crop_left, frame.aesthetic]


def unweighted(meaning: Tensor, multipliers: Tensor) -> Tensor:
    return meaning


def weighted(meaning: Tensor, multipliers: Tensor) -> Tensor:
    return meaning * multipliers


def weighted_keeping_mean(meaning: Tensor, multipliers: Tensor) -> Tensor:
    """A1111's "Original": after weighting, the mean over everything is put back to what it was."""
    scaled = meaning * multipliers
    return scaled * (meaning.mean() / scaled.mean())


EMPHASES = {"None": unweighted, "Ignore": unweighted, "Original": weighted_keeping_mean, "No norm": weighted}
