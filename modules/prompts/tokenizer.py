"""CLIP's tokenizer: text to token ids, without torch.

Byte-pair encoding over 49,408 tokens (Radford et al. 2021, arXiv:2103.00020, §2.4); text is repaired by ftfy,
put in lower case and its white space folded first, as in OpenAI's reference.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from tokenizers import Regex, Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel, Sequence, Split

from modules.base.errors import ModelCorrupt

START_TOKEN, END_TOKEN = "<|startoftext|>", "<|endoftext|>"
WORD_PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+"
RESTORE_HINT = "Restore configs/clip from the repository."
KNOWN_TOKENS = ("a photo of an astronaut's cat, 4k", (320, 1125, 539, 550, 18376, 568, 2368, 267, 275, 330))


BRACKETS = {"(": 1.1, ")": 1 / 1.1, "[": 1 / 1.1, "]": 1.1}


def bracket_factor(text: str) -> float:
    """Return a token's bracket factor on the weight of all that follows, as in A1111's first versions."""
    factor = 1.0
    for letter in text:
        factor *= BRACKETS.get(letter, 1.0)
    return factor


class ClipTokenizer:
    """CLIP's tokenizer.

    `start`, `end` and `comma` are the ids of the chunks' first and last token and of a free-standing comma.
    brackets: token → its factor on the weight of what follows
    """

    def __init__(self, vocabulary: dict[str, int], merges: list[tuple[str, str]]) -> None:
        self.start, self.end, self.comma = vocabulary[START_TOKEN], vocabulary[END_TOKEN], vocabulary[",</w>"]
        self._bpe = Tokenizer(BPE(vocabulary, merges, end_of_word_suffix="</w>", continuing_subword_prefix=""))
        words = Split(Regex(WORD_PATTERN), behavior="removed", invert=True)
        self._bpe.pre_tokenizer = Sequence([words, ByteLevel(add_prefix_space=False, use_regex=False)])
        self.brackets: Mapping[int, float] = {
            token: factor for text, token in vocabulary.items() if (factor := bracket_factor(text)) != 1.0
        }

    def __call__(self, text: str) -> list[int]:
        """Return the text's token ids, without start and end. A literal `<|endoftext|>` in it is six tokens of text."""
        return self._bpe.encode(repaired(text), add_special_tokens=False).ids

    def pieces(self, text: str) -> list[tuple[int, str]]:
        """Return the token ids, each with the letters of the text that it stands for."""
        clean = repaired(text)
        found = self._bpe.encode(clean, add_special_tokens=False)
        return [(token, clean[begin:end]) for token, (begin, end) in zip(found.ids, found.offsets, strict=True)]


def repaired(text: str) -> str:
    """Return the text repaired, with single spaces, in lower case."""
    import ftfy  # slow to import, and not needed before there is text

    return " ".join(ftfy.fix_text(text).split()).lower()


def load_tokenizer(folder: Path) -> ClipTokenizer:
    """Return the tokenizer of `vocab.json` and `merges.txt`.

    Raises ModelCorrupt if a known text gets other ids than it should.
    """
    try:
        vocabulary = json.loads((folder / "vocab.json").read_text("utf-8"))
        lines = (folder / "merges.txt").read_text("utf-8").splitlines()
        merges = [
            (first, second)
            for first, second in (line.split() for line in lines if line and not line.startswith("#version"))
        ]
        tokenizer = ClipTokenizer(vocabulary, merges)
        sound = tuple(tokenizer(KNOWN_TOKENS[0])) == KNOWN_TOKENS[1]
    except (OSError, ValueError, KeyError) as error:
        raise ModelCorrupt(f"{folder.name}: the tokenizer's files cannot be read ({error}).", RESTORE_HINT) from error
    if not sound:
        raise ModelCorrupt(f"{folder.name}: the tokenizer's files are not CLIP's.", RESTORE_HINT)
    return tokenizer
