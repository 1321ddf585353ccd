"""Chunks of a prompt for the text encoder: start + 75 tokens + end, each token with its weight.

A chunk that is not full is padded with the end token. BREAK ends a chunk. Where a chunk fills up soon after a comma,
the tokens after the comma move to the next chunk (A1111's `comma_padding_backtrack`), so that phrases stay whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from modules.prompts.grammar import attention, bearable, check_length

CHUNK_LENGTH = 75
EMPHASIS_MODES = ("None", "Ignore", "Original", "No norm")


class Tokenizer(Protocol):
    start: int
    end: int
    comma: int
    brackets: Mapping[int, float]

    def __call__(self, text: str) -> list[int]: ...


class Insertion(NamedTuple):
    """An embedding whose vectors replace a chunk's tokens from `offset` on, not counting its start token."""

    offset: int
    name: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """77 tokens and their weights.

    It is longer only for an embedding of more than 75 vectors, which no text encoder accepts.
    """

    tokens: tuple[int, ...]
    multipliers: tuple[float, ...]
    insertions: tuple[Insertion, ...]
    used: int      # tokens in use: all 75 in a chunk that is followed by BREAK or another chunk


class EmbeddingMatch(NamedTuple):
    """An embedding found in a prompt: its name, its number of vectors and the number of its name's tokens."""

    name: str
    vectors: int
    tokens: int


Find = Callable[[Sequence[int], int], EmbeddingMatch | None]      # (token ids, position) → the embedding there


def no_embeddings(tokens: Sequence[int], position: int) -> None:
    return None


def embeddings_by_name(vectors: Mapping[str, int], tokenizer: Tokenizer) -> Find:
    """Return a function that finds embeddings by their names' token ids; the longest matching name wins.

    vectors: name → number of vectors
    """
    starts: dict[int, list[tuple[list[int], EmbeddingMatch]]] = {}
    for name, count in vectors.items():
        if ids := tokenizer(name):
            starts.setdefault(ids[0], []).append((ids, EmbeddingMatch(name, count, len(ids))))
    for candidates in starts.values():
        candidates.sort(key=lambda candidate: len(candidate[0]), reverse=True)

    def find(tokens: Sequence[int], position: int) -> EmbeddingMatch | None:
        for ids, embedding in starts.get(tokens[position], ()):
            if tokens[position:position + len(ids)] == ids:
                return embedding
        return None

    return find


@dataclass(slots=True)
class Chunker:
    tokenizer: Tokenizer
    backtrack: int
    done: list[Chunk] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    insertions: list[Insertion] = field(default_factory=list)
    comma: int | None = None      # position of the current chunk's last comma

    def finish(self, last: bool = False) -> None:
        """Close the chunk and start the next."""
        missing = max(CHUNK_LENGTH - len(self.tokens), 0)
        tokens = (self.tokenizer.start, *self.tokens, *[self.tokenizer.end] * missing, self.tokenizer.end)
        weights = (1.0, *self.weights, *[1.0] * missing, 1.0)
        self.done.append(Chunk(tokens, weights, tuple(self.insertions), len(self.tokens) if last else CHUNK_LENGTH))
        self.tokens, self.weights, self.insertions, self.comma = [], [], [], None

    def make_room(self, token: int) -> None:
        """Note a comma, and start a new chunk if this one is full."""
        if token == self.tokenizer.comma:
            self.comma = len(self.tokens)
        elif (
            self.backtrack
            and len(self.tokens) == CHUNK_LENGTH
            and self.comma is not None
            and CHUNK_LENGTH - self.comma <= self.backtrack
        ):
            self.carry(self.comma + 1)
        if len(self.tokens) == CHUNK_LENGTH:
            self.finish()

    def carry(self, begin: int) -> None:
        """Finish the chunk without its tokens from `begin` on, which start the next.

        Insertions stay in the old one, as in A1111.
        """
        tokens, weights = self.tokens[begin:], self.weights[begin:]
        del self.tokens[begin:], self.weights[begin:]
        self.finish()
        self.tokens, self.weights = tokens, weights

    def insert(self, embedding: EmbeddingMatch, weight: float) -> None:
        """Leave room for an embedding, in the next chunk if it does not fit here: it is never split."""
        if len(self.tokens) + embedding.vectors > CHUNK_LENGTH:
            self.finish()
        self.insertions.append(Insertion(len(self.tokens), embedding.name))
        self.tokens += [0] * embedding.vectors
        self.weights += [weight] * embedding.vectors

    def add(self, tokens: Sequence[int], weight: float, find: Find) -> None:
        position = 0
        while position < len(tokens):
            self.make_room(tokens[position])
            if embedding := find(tokens, position):
                self.insert(embedding, weight)
                position += embedding.tokens
            else:
                self.tokens.append(tokens[position])
                self.weights.append(weight)
                position += 1


def chunks(
    text: str, tokenizer: Tokenizer, emphasis: str = "Original", backtrack: int = 20, find: Find = no_embeddings
) -> list[Chunk]:
    """Split one text of a prompt's schedule into chunks, at least one.

    Raises Invalid as `attention` does, and beyond MAX_WEIGHT.
    emphasis: one of EMPHASIS_MODES; in "None" brackets and BREAK are plain text
    backtrack: distance in tokens from a comma to the chunk's end at which the rest moves on; 0 is off
    """
    chunker = Chunker(tokenizer, backtrack)
    for part, weight in [(check_length(text), 1.0)] if emphasis == "None" else attention(text):
        if part == "BREAK" and weight == -1:
            chunker.finish()
        else:
            chunker.add(tokenizer(part), bearable(weight), find)
    if chunker.tokens or not chunker.done:
        chunker.finish(last=True)
    return chunker.done


def old_chunk(text: str, tokenizer: Tokenizer, find: Find = no_embeddings) -> Chunk:
    """Read a text as A1111's first versions did: one chunk, cut off where it is full; brackets weigh what follows.

    There is no `(word:1.2)`, no BREAK and no escape. Raises PromptTooLong, and Invalid beyond MAX_WEIGHT.
    """
    chunker, weight, position = Chunker(tokenizer, backtrack=0), 1.0, 0
    tokens = tokenizer(check_length(text))
    while position < len(tokens):
        if factor := tokenizer.brackets.get(tokens[position]):
            weight = bearable(weight * factor)
            position += 1
        elif embedding := find(tokens, position):
            chunker.insertions.append(Insertion(len(chunker.tokens), embedding.name))
            chunker.tokens += [0] * embedding.vectors
            chunker.weights += [weight] * embedding.vectors
            position += embedding.tokens
        else:
            chunker.tokens.append(tokens[position])
            chunker.weights.append(weight)
            position += 1
    del chunker.tokens[CHUNK_LENGTH:], chunker.weights[CHUNK_LENGTH:]
    chunker.insertions = [insertion for insertion in chunker.insertions if insertion.offset < CHUNK_LENGTH]
    chunker.finish(last=True)
    return chunker.done[0]


def token_count(chunked: Iterable[Chunk]) -> int:
    """Return the token counter's number before the slash."""
    return sum(chunk.used for chunk in chunked)


def target_length(count: int) -> int:
    """Return the number after the slash: the count rounded up to whole chunks, at least one."""
    return -(-max(count, 1) // CHUNK_LENGTH) * CHUNK_LENGTH
