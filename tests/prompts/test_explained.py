from __future__ import annotations

from pathlib import Path

import pytest

from modules.base.errors import PromptTooLong
from modules.prompts.chunks import chunks, embeddings_by_name
from modules.prompts.explained import PromptStage, explained_chunks, explained_prompt
from modules.prompts.tokenizer import load_tokenizer

CLIP = Path(__file__).resolve().parents[2] / "configs" / "clip"


@pytest.fixture(scope="module")
def tokenizer():
    return load_tokenizer(CLIP)


def texts(read):
    return [[token.text for token in chunk] for chunk in read]


def test_each_token_is_told_with_its_letters_and_its_weight(tokenizer):
    [chunk] = explained_chunks("a (RED:1.2) extraordinariness", tokenizer)
    assert [(each.text, each.weight) for each in chunk] == [
        ("a", 1.0), ("red", 1.2), ("extraordin", 1.0), ("ar", 1.0), ("iness", 1.0),
    ]


@pytest.mark.parametrize("text", [
    "cat " * 200, "a cat, " * 40, "a BREAK b BREAK", "a " * 74 + ", badhand dog", "badhand " * 30, "", "ünï, 猫 ☃ (x:0.5) [y]",
])
def test_the_tokens_are_those_of_the_chunks_that_are_encoded(tokenizer, text):
    find = embeddings_by_name({"badhand": 3}, tokenizer)
    for told, encoded in zip(explained_chunks(text, tokenizer, find=find), chunks(text, tokenizer, find=find), strict=True):
        inside = [token for token in encoded.tokens[1:-1] if token != tokenizer.end]
        assert [token.id or 0 for token in told] == inside


def test_an_embedding_has_a_place_for_each_of_its_vectors(tokenizer):
    find = embeddings_by_name({"badhand": 3}, tokenizer)
    [chunk] = explained_chunks("a badhand cat", tokenizer, find=find)
    assert [(each.text, each.id is None) for each in chunk] == [
        ("a", False), ("badhand", True), ("badhand", True), ("badhand", True), ("cat", False),
    ]


def test_a_break_ends_a_chunk(tokenizer):
    assert texts(explained_chunks("a BREAK b", tokenizer)) == [["a"], ["b"]]


def test_each_step_is_told_what_it_sees():
    first, second = explained_prompt("a [cat:dog:0.5] <lora:x:1> [<lora:y>::0.25] # no\n AND b:0.5", 20)
    assert first.stages == (
        PromptStage(1, 5, "a cat <lora:x:1> <lora:y>", "a cat  "),
        PromptStage(6, 10, "a cat <lora:x:1> ", "a cat  "),
        PromptStage(11, 20, "a dog <lora:x:1> ", "a dog  "),
    )
    assert (second.weight, [stage.text for stage in second.stages]) == (0.5, [" b"])


def test_steps_that_see_the_same_are_told_as_one():
    [prompt] = explained_prompt("[a|b|b]", 6)
    assert [(stage.first, stage.last, stage.text) for stage in prompt.stages] == [
        (1, 1, "a"), (2, 3, "b"), (4, 4, "a"), (5, 6, "b"),
    ]


def test_a_prompt_that_nobody_could_look_through_is_refused():
    with pytest.raises(PromptTooLong):
        explained_prompt("a" * 20_000, 20)
