"""Which words of a prompt are embeddings, and whom a bad file concerns."""

from __future__ import annotations

import pytest
import torch

from modules.base.errors import ModelUnsafe
from modules.models.text import PromptEmbeddings, Vocabulary
from modules.networks.embedding import ONLY, Embedding
from modules.prompts.chunks import CHUNK_LENGTH, chunks
from modules.prompts.tokenizer import load_tokenizer
from tests.golden_data import GOLDEN

TOKENIZER = load_tokenizer(GOLDEN / "models/tiny-clip")
ENCODER = {ONLY: 8}


def embedding(name, vectors=2, width=8):
    return Embedding(name, f"{name}.pt", {ONLY: torch.zeros(vectors, width)})


def vocabulary():
    embeddings = [embedding("ink"), embedding("wide", width=9), embedding("long", CHUNK_LENGTH + 1)]
    return Vocabulary(PromptEmbeddings(embeddings, {"o": ModelUnsafe("o.pt asks to run code.")}), ENCODER, TOKENIZER)


def named(words, text):
    return [
        insertion.name
        for chunk in chunks(text, TOKENIZER, "Original", 20, words.find)
        for insertion in chunk.insertions
    ]


def test_a_broken_file_concerns_only_who_names_it():
    words = vocabulary()
    assert named(words, "a fox, hello world in ink") == ["ink"] and not words.notes
    with pytest.raises(ModelUnsafe, match="o.pt"):
        named(words, "an o in ink")


@pytest.mark.parametrize(("name", "why"), [("wide", "9"), ("long", "room for 75")])
def test_one_that_does_not_fit_is_a_plain_word_and_that_is_told_once(name, why):
    words = vocabulary()
    assert named(words, f"a {name}r cat") == [] and not words.notes
    assert named(words, f"a {name} cat in ink, {name}") == ["ink"]
    [note] = words.notes
    assert name in note and why in note and "plain word" in note


def test_a_good_file_goes_before_a_broken_one_of_its_name():
    words = Vocabulary(PromptEmbeddings([embedding("ink")], {"ink": ModelUnsafe("x")}), ENCODER, TOKENIZER)
    assert named(words, "ink") == ["ink"]
