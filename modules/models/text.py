"""Encoding prompts to conditionings, as in A1111: chunk by chunk, weighted, joined; by one encoder or SDXL's two."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from modules.base.errors import Invalid, ModelError, ModelMismatch
from modules.models.checkpoint.family import TextPart
from modules.models.checkpoint.loaded_model import LoadedModel, TextEncoder
from modules.networks.embedding import ONLY, Embedding
from modules.prompts.chunks import CHUNK_LENGTH, Chunk, Tokenizer, chunks, embeddings_by_name, old_chunk
from modules.prompts.chunks import EmbeddingMatch as Insertable
from modules.sampling.questions import Cond, Encode, Meaning, Reading

REMEMBERED = 256      # prompts; the negative one is encoded again for every image


def states(encoder: TextEncoder, tokens: Tensor, reading: Reading) -> tuple[Tensor, Tensor | None]:
    """Return states (texts, 77, width) of token ids (texts, 77), and the pooled text (texts, n) if used; float32."""
    module, use = encoder.module, encoder.use
    device = next(module.parameters()).device
    out = module(tokens.to(device), output_hidden_states=True)
    layer = reading.clip_skip if use.layer is None or (use.optional_skip and reading.sdxl_clip_l_skip) else use.layer
    found = out.hidden_states[max(-layer, -len(out.hidden_states))]
    if use.normed:
        found = core(module).final_layer_norm(found)
    return found.float(), out.text_embeds.float() if use.pooled else None


def core(module: nn.Module) -> Any:
    """Return the text model inside one with a projection, or itself."""
    return getattr(module, "text_model", module)


def encoder_names(model: LoadedModel) -> tuple[str, ...]:
    """Return embeddings' names of a model's text encoders."""
    if len(model.texts) > 1:
        return "clip_l", "clip_g"
    return ("clip_g",) if model.texts[0].use.pooled else (ONLY,)


@dataclass(frozen=True, slots=True)
class PromptEmbeddings:
    """The embeddings that a prompt may name; `broken`: name → the error of its file."""

    embeddings: Sequence[Embedding] = ()
    broken: Mapping[str, ModelError] = field(default_factory=dict)


class Vocabulary:
    """The embeddings that fit the model's encoders (name → width).

    An error with one affects only prompts that name it.
    """

    def __init__(self, words: PromptEmbeddings, encoders: Mapping[str, int], tokenizer: Tokenizer) -> None:
        self.tables: dict[str, Mapping[str, Tensor]] = {}      # name → encoder → (count, width)
        self.hashes: dict[str, str] = {}
        self.notes: list[str] = []
        self.unusable = dict(words.broken)
        for embedding in words.embeddings:
            self._add(embedding, encoders)
        counts = {name: len(next(iter(tables.values()))) for name, tables in self.tables.items()}
        self._usable = embeddings_by_name(counts, tokenizer)
        self._unusable = embeddings_by_name(dict.fromkeys(self.unusable.keys() - counts.keys(), 0), tokenizer)

    def _add(self, embedding: Embedding, encoders: Mapping[str, int]) -> None:
        try:
            if embedding.count > CHUNK_LENGTH:
                raise ModelMismatch(
                    f"{embedding.file} has {embedding.count} vectors; a prompt has room for {CHUNK_LENGTH} together.",
                    "Leave its name out.",
                )
            self.tables.setdefault(embedding.name, embedding.vectors_for(encoders))
            self.hashes.setdefault(embedding.name, embedding.shorthash or embedding.file)
        except ModelMismatch as error:
            self.unusable.setdefault(embedding.name, error)

    def find(self, tokens: Sequence[int], position: int) -> Insertable | None:
        """Return the embedding whose name is there.

        Raises ModelError for a broken one; the name of one that does not fit is a plain word.
        """
        found = self._usable(tokens, position)
        if found is None and (named := self._unusable(tokens, position)):
            error = self.unusable[named.name]
            if not isinstance(error, ModelMismatch):
                raise error.with_traceback(None)
            if (note := f"{error} Its name is read as a plain word.") not in self.notes:
                self.notes.append(note)
        return found

    def inserted(self, column: Sequence[Chunk], encoder: str) -> list[tuple[int, int, Tensor]]:
        """Return (text, first place, vectors (n, width)) for each embedding in a chunk of every text."""
        return [
            (text, 1 + insertion.offset, self.tables[insertion.name][encoder])
            for text, chunk in enumerate(column) for insertion in chunk.insertions
        ]


@contextmanager
def in_place_of_tokens(module: nn.Module, inserted: Sequence[tuple[int, int, Tensor]]) -> Iterator[None]:
    """Replace looked up tokens by vectors."""
    def replace_rows(_: nn.Module, __: Any, looked_up: Tensor) -> Tensor:
        out = looked_up.clone()
        for text, place, vectors in inserted:
            out[text, place:place + len(vectors)] = vectors.to(out)[: out.shape[1] - place]
        return out

    hook = core(module).embeddings.token_embedding.register_forward_hook(replace_rows) if inserted else None
    try:
        yield
    finally:
        if hook:
            hook.remove()


class TextReader:
    """The text encoders of one loaded model, with a cache of their last results."""

    def __init__(self, model: LoadedModel, tokenizer: Tokenizer) -> None:
        self.encoders, self.names, self.tokenizer = model.texts, encoder_names(model), tokenizer
        self.told = model.family.told
        self._known: OrderedDict[Encode, Meaning] = OrderedDict()

    def read(self, ask: Encode, words: PromptEmbeddings = PromptEmbeddings()) -> Meaning:
        """Return a conditioning of (77 · chunks, width) float32 for each of a prompt's texts over time."""
        if ask not in self._known:
            self._known[ask] = self.read_anew(ask, words)
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        self._known.move_to_end(ask)
        return self._known[ask]

    def read_anew(self, ask: Encode, words: PromptEmbeddings) -> Meaning:
        """Return the same, never remembered: the encoders or the words' vectors change from call to call."""
        return self._read(ask, Vocabulary(words, self._widths(), self.tokenizer))

    def _widths(self) -> dict[str, int]:
        return {
            name: encoder.module.config.hidden_size for name, encoder in zip(self.names, self.encoders, strict=True)
        }

    def _read(self, ask: Encode, words: Vocabulary) -> Meaning:
        """Encode all texts together: the shorter are padded with empty chunks, and weights apply across all of them."""
        r = ask.reading
        chunked = [self._chunks(text, r, words) for text in ask.texts]
        empty = chunks("", self.tokenizer, r.emphasis, r.comma_backtrack)
        length = max(len(of_text) for of_text in chunked)
        columns = [[of_text[i] if i < len(of_text) else empty[0] for of_text in chunked] for i in range(length)]
        read = [self._column(column, r, words) for column in columns]
        conds = self._conds(ask, torch.cat([text for text, _ in read], dim=1), read[0][1])
        used = {
            insertion.name: words.hashes[insertion.name]
            for of_text in chunked
            for chunk in of_text
            for insertion in chunk.insertions
        }
        return Meaning(tuple(conds), used, tuple(words.notes))

    def _chunks(self, text: str, r: Reading, words: Vocabulary) -> list[Chunk]:
        if r.old_emphasis:
            return [old_chunk(text, self.tokenizer, words.find)]
        return chunks(text, self.tokenizer, r.emphasis, r.comma_backtrack, words.find)

    def _conds(self, ask: Encode, texts: Tensor, pooled: Tensor | None) -> list[Cond]:
        if pooled is None:
            return [Cond(text) for text in texts]
        meaningless = ask.negative and not any(ask.texts)
        figures = pooled.new_tensor([getattr(ask.frame, name) for name in self.told])
        share = 0.0 if meaningless else 1.0
        return [
            Cond(text * share, torch.cat([whole * share, figures])) for text, whole in zip(texts, pooled, strict=True)
        ]

    def _column(self, column: Sequence[Chunk], reading: Reading, words: Vocabulary) -> tuple[Tensor, Tensor | None]:
        """Encode one chunk of every text to (texts, 77, width), encoders side by side, and pooled texts."""
        parts, pooled = [], None
        for name, encoder in zip(self.names, self.encoders, strict=True):
            with in_place_of_tokens(encoder.module, words.inserted(column, name)):
                meaning, pooled = states(encoder, self._tokens(column, encoder.use), reading)
            multipliers = torch.tensor([chunk.multipliers for chunk in column], device=meaning.device)
            parts.append(check_finite(EMPHASES[reading.emphasis](meaning, multipliers.unsqueeze(-1)), meaning))
        return torch.cat(parts, dim=-1), pooled

    def _tokens(self, column: Sequence[Chunk], use: TextPart) -> Tensor:
        """Return (texts, 77) token ids, padded as this encoder needs."""
        tokens = torch.tensor([chunk.tokens for chunk in column])
        if use.padding is not None:
            after = (tokens == self.tokenizer.end).cumsum(1) > 1
            tokens[after] = use.padding
        return tokens


def unweighted(meaning: Tensor, multipliers: Tensor) -> Tensor:
    return meaning


def apply_multipliers(meaning: Tensor, multipliers: Tensor) -> Tensor:
    return meaning * multipliers


def weighted_keeping_mean(meaning: Tensor, multipliers: Tensor) -> Tensor:
    """Weight the text, and restore its mean: A1111's "Original"."""
    scaled = meaning * multipliers
    return scaled * (meaning.mean() / scaled.mean())


def check_finite(emphasised: Tensor, meaning: Tensor) -> Tensor:
    """Return the weighted text itself. Raises Invalid if the weights made it not finite."""
    if emphasised.isfinite().all() or not meaning.isfinite().all():
        return emphasised
    raise Invalid("The prompt's weights cancel its meaning.", "Weigh its words less.", "prompt")


EMPHASES = {"None": unweighted, "Ignore": unweighted, "Original": weighted_keeping_mean, "No norm": apply_multipliers}
