from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.base.errors import ModelCorrupt
from modules.prompts.chunks import (
    CHUNK_LENGTH,
    EmbeddingMatch,
    chunks,
    embeddings_by_name,
    old_chunk,
    target_length,
    token_count,
)
from modules.prompts.tokenizer import BRACKETS, bracket_factor, load_tokenizer

from .golden import FOLDER, plain

CASES = json.loads((FOLDER / "tensors" / "tokens.json").read_text("utf-8"))
VECTORS = {"tinyti": 3, "tibig": 80}      # of golden/models/embeddings
TOKENIZER = FOLDER.parents[1] / "configs" / "clip"


@pytest.fixture(scope="module")
def clip():
    return load_tokenizer(TOKENIZER)


class Letters:
    """Every letter is a token."""

    start, end, comma = 1, 2, ord(",")
    brackets = {ord(letter): factor for letter, factor in BRACKETS.items()}

    def __call__(self, text):
        return [ord(letter) for letter in text]


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in CASES])
def test_chunks_hold_a1111s_tokens_and_weights(case, clip):
    found = chunks(
        case["text"], clip, case["emphasis"], case["comma_padding_backtrack"], embeddings_by_name(VECTORS, clip)
    )
    got = [{"tokens": chunk.tokens, "multipliers": chunk.multipliers, "fixes": chunk.insertions} for chunk in found]
    assert plain(got) == case["chunks"]
    assert token_count(found) == case["token_count"]
    assert target_length(token_count(found)) == case["target_length"]


@pytest.mark.parametrize(("text", "ids"), [
    ("a photo of", [320, 1125, 539]),
    ("A  Photo\nOF", [320, 1125, 539]),
    ("", []),
    ("cat’s “x”", [2368, 568, 257, 343, 257]),
])
def test_the_tokenizer_gives_clips_ids(text, ids, clip):
    assert clip(text) == ids


def test_a_special_token_spelt_out_is_text(clip):
    assert {clip.start, clip.end}.isdisjoint(clip("<|startoftext|> <|endoftext|>"))


def test_files_that_are_not_clips_are_refused(tmp_path):
    with pytest.raises(ModelCorrupt, match="cannot be read"):
        load_tokenizer(tmp_path)
    (tmp_path / "vocab.json").write_text((TOKENIZER / "vocab.json").read_text("utf-8"), "utf-8")
    (tmp_path / "merges.txt").write_text("#version: 0.2\n", "utf-8")
    with pytest.raises(ModelCorrupt, match="not CLIP's"):
        load_tokenizer(tmp_path)


@given(st.text("ab, ()[]:", max_size=300), st.sampled_from(["None", "Original"]), st.integers(0, 75))
def test_every_chunk_is_as_wide_as_the_encoder(text, emphasis, backtrack):
    found = chunks(text, Letters(), emphasis, backtrack)
    assert all(len(chunk.tokens) == len(chunk.multipliers) == CHUNK_LENGTH + 2 for chunk in found)
    assert all((chunk.tokens[0], chunk.tokens[-1]) == (Letters.start, Letters.end) for chunk in found)


@given(st.text("ab,", max_size=300), st.integers(0, 75))
def test_chunks_joined_are_the_prompt(text, backtrack):
    tokens = [token for chunk in chunks(text, Letters(), backtrack=backtrack) for token in chunk.tokens]
    assert "".join(chr(token) for token in tokens if token not in (Letters.start, Letters.end)) == text


def test_what_follows_a_late_comma_moves_to_the_next_chunk():
    first, second = chunks("a" * 60 + "," + "b" * 20, Letters())
    assert first.tokens.count(Letters.end) == 15
    assert second.tokens[1:21] == (ord("b"),) * 20


def test_break_ends_a_chunk_and_counts_it_as_full():
    found = chunks("ab BREAK c", Letters())
    assert [chunk.used for chunk in found] == [75, 1]
    assert token_count(chunks("ab BREAK", Letters())) == 75


def test_the_longest_name_of_an_embedding_wins():
    find = embeddings_by_name({"ab": 2, "abc": 4, "": 1}, Letters())
    tokens = Letters()("xabcab")
    assert [find(tokens, position) for position in range(6)] == [
        None, EmbeddingMatch("abc", 4, 3), None, None, EmbeddingMatch("ab", 2, 2), None,
    ]


def test_an_embedding_is_never_split():
    find = embeddings_by_name({"ti": 5}, Letters())
    first, second = chunks("a" * 72 + "ti", Letters(), find=find)
    assert first.insertions == ()
    assert second.insertions == ((0, "ti"),)
    assert second.used == 5


@pytest.mark.parametrize(
    ("text", "weights"),
    [
        ("ab", [1, 1]),
        ("(a)b", [1.1, 1]),
        ("((a)b)c", [1.21, 1.1, 1]),
        ("[a]b", [1 / 1.1, 1]),
        ("(a", [1.1]),
        ("(a:b", [1.1, 1.1, 1.1]),
    ],
)
def test_old_brackets_weigh_what_follows(text, weights):
    chunk = old_chunk(text, Letters())
    assert chunk.multipliers[1:1 + len(weights)] == pytest.approx(weights)
    assert chunk.used == len(weights)


def test_old_prompts_end_after_75_tokens():
    chunk = old_chunk("a" * 200, Letters())
    assert (len(chunk.tokens), chunk.used) == (CHUNK_LENGTH + 2, CHUNK_LENGTH)


def test_old_embeddings_beyond_the_end_are_dropped():
    find = embeddings_by_name({"ti": 5}, Letters())
    assert [insertion.offset for insertion in old_chunk("ti" + "a" * 80 + "ti", Letters(), find).insertions] == [0]


@pytest.mark.parametrize(
    ("token", "factor"), [("((", 1.21), ("),</w>", 1 / 1.1), ("()", 1.0), ("cat</w>", 1.0), ("[(</w>", 1.0)]
)
def test_a_tokens_brackets_multiply(token, factor):
    assert bracket_factor(token) == pytest.approx(factor)
