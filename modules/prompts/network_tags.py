"""The network tags of a prompt, `<lora:name:0.8>`: their arguments, and the steps on which they are active."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count, groupby
from operator import itemgetter

from modules.prompts.grammar import AND, Clock, check_length, texts_over_time

# or the beginning of one at the text's end, where a failing search would start again at every <
NETWORK_TAG = re.compile(r"<(\w+):([^>]+)(>?)")
MOST_NETWORK_TAGS = 100       # of one prompt
LORA_KINDS = ("lora", "lyco")
FIRST_MARK = 0xF0000      # of a private-use plane; its characters replace tags
PRIVATE_USE = re.compile("[\U000F0000-\U000FFFFF]")


@dataclass(frozen=True, slots=True)
class NetworkTag:
    """A tag `<kind:item:item…>`: first the network's name, then arguments, of which `name=value` is a named one."""

    kind: str
    items: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.items[0]

    @property
    def positional(self) -> list[str]:
        """The name and the arguments without names, in order."""
        return [self.name, *(item for item in self.items[1:] if item.count("=") != 1)]

    @property
    def named(self) -> dict[str, str]:
        return dict(item.split("=") for item in self.items[1:] if item.count("=") == 1)


def take_networks(prompt: str) -> tuple[str, list[NetworkTag]]:
    """The prompt without its network tags, and the tags in order.

    >>> take_networks("a <lora:ink:0.8> cat")
    ('a  cat', [NetworkTag(kind='lora', items=('ink', '0.8'))])
    """
    tags: list[NetworkTag] = []

    def take(found: re.Match[str]) -> str:
        tags.append(NetworkTag(found[1], tuple(found[2].split(":"))))
        return ""

    return with_tags(prompt, take), tags


def network_times(prompt: str, clock: Clock) -> list[tuple[int, frozenset[int]]]:
    """Return the tags that a prompt's schedules leave in it, by their places, each set with its last step.

    The numbers are those of `texts_over_time`.

    >>> network_times("<lora:ink> a [<lora:cat>:<lora:dog>:0.25]", Clock(20))
    [(5, frozenset({0, 1})), (20, frozenset({0, 2}))]
    """
    places = count(FIRST_MARK)
    marked = with_tags(PRIVATE_USE.sub("", prompt), lambda _: chr(next(places)))
    parts = [texts_over_time(part, clock) for part in AND.split(marked)]
    ends = sorted({end for part in parts for end, _ in part})
    there = [(end, marks("".join(text_at(end, part) for part in parts))) for end in ends]
    return [list(alike)[-1] for _, alike in groupby(there, key=itemgetter(1))]


def with_tags(prompt: str, write: Callable[[re.Match[str]], str]) -> str:
    """Return the prompt with each tag, `<kind:rest>`, replaced."""
    return NETWORK_TAG.sub(lambda found: write(found) if found[3] else found[0], check_length(prompt))


def text_at(step: int, entries: Sequence[tuple[int, str]]) -> str:
    return entries[bisect_left(entries, step, key=itemgetter(0))][1]


def marks(text: str) -> frozenset[int]:
    return frozenset(ord(mark) - FIRST_MARK for mark in PRIVATE_USE.findall(text))


def without_separators(name: str) -> str:
    """Return a network's name as in "Lora hashes"."""
    return name.replace(":", "").replace(",", "")
