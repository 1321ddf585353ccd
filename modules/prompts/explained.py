"""A prompt as the model reads it: the text of each step, and the tokens of each text in their chunks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from modules.base.errors import PromptTooLong
from modules.prompts import grammar
from modules.prompts.chunks import EmbeddingMatch, Find, Tokenizer, chunks, no_embeddings
from modules.prompts.network_tags import FIRST_MARK, PRIVATE_USE, with_tags

LONGEST_EXPLAINED = 10_000      # characters


class PieceTokenizer(Tokenizer, Protocol):
    """A tokenizer that tells which letters each token stands for."""

    def pieces(self, text: str) -> list[tuple[int, str]]: ...


@dataclass(frozen=True, slots=True)
class ReadToken:
    """A place in a chunk. id: the token's, None for an embedding's vector, which the whole name stands for"""

    text: str
    id: int | None
    weight: float


@dataclass(frozen=True, slots=True)
class PromptStage:
    """The text that some steps see: from the step `first` to `last`, counted from 1.

    text: with its network tags; plain: without them, as the text encoder reads it
    """

    first: int
    last: int
    text: str
    plain: str


@dataclass(frozen=True, slots=True)
class ReadPrompt:
    """One of the prompts between AND. weight: its share"""

    weight: float
    stages: tuple[PromptStage, ...]


@dataclass
class Recorder:
    """Stands between a chunker and its tokenizer, and keeps which letters each place of the chunks stands for."""

    tokenizer: PieceTokenizer
    find: Find = no_embeddings
    read: list[tuple[str, int | None]] = field(default_factory=list)
    _pieces: list[tuple[int, str]] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.tokenizer, name)

    def __call__(self, text: str) -> list[int]:
        self._pieces = self.tokenizer.pieces(text)
        return [token for token, _ in self._pieces]

    def found(self, tokens: Sequence[int], position: int) -> EmbeddingMatch | None:
        """Return the embedding there, once for each place, as a chunker asks."""
        match = self.find(tokens, position)
        if match:
            self.read += [(match.name, None)] * match.vectors
        else:
            token, text = self._pieces[position]
            self.read.append((text, token))
        return match


def explained_chunks(
    text: str, tokenizer: PieceTokenizer, emphasis: str = "Original", backtrack: int = 20, find: Find = no_embeddings
) -> list[list[ReadToken]]:
    """Return the tokens of one text in their chunks, without padding. Raises Invalid as `chunks` does."""
    recorder = Recorder(tokenizer, find)
    read = iter(recorder.read)
    found = []
    for chunk in chunks(text, recorder, emphasis, backtrack, recorder.found):
        inside = zip(chunk.tokens[1:-1], chunk.multipliers[1:-1], strict=True)
        weights = [weight for token, weight in inside if token != tokenizer.end]      # no text has that token
        found.append([ReadToken(*piece, weight) for weight, piece in zip(weights, read, strict=False)])
    return found


def explained_prompt(prompt: str, steps: int) -> list[ReadPrompt]:
    """Return the prompts between AND over time. Raises Invalid or PromptTooLong."""
    if len(prompt) > LONGEST_EXPLAINED:
        raise PromptTooLong(
            "The prompt is too long to be shown token by token.", f"At most {LONGEST_EXPLAINED:,} characters.", "prompt"
        )
    tags: list[str] = []

    def marked(found: re.Match[str]) -> str:
        tags.append(found[0])
        return chr(FIRST_MARK + len(tags) - 1)

    plain = with_tags(PRIVATE_USE.sub("", grammar.strip_comments(prompt)), marked)
    return [ReadPrompt(weight, tuple(stages_of(part, steps, tags))) for part, weight in grammar.compose(plain)]


def stages_of(prompt: str, steps: int, tags: Sequence[str]) -> list[PromptStage]:
    """Return the texts of a prompt over time, those that follow each other and are the same as one.

    prompt: with a character of a private-use plane in the place of each of the network tags
    """
    found: list[PromptStage] = []
    first = 1
    for last, text in grammar.schedule(prompt, steps):
        shown = PRIVATE_USE.sub(lambda mark: tags[ord(mark[0]) - FIRST_MARK], text)
        if found and found[-1].text == shown:
            found[-1] = replace(found[-1], last=last)
        else:
            found.append(PromptStage(first, last, shown, PRIVATE_USE.sub("", text)))
        first = last + 1
    return found
