"""Lists of tags in CSV files, as people have them for danbooru and e621: `tag,category,count,"alias,alias"`."""

from __future__ import annotations

import csv
import heapq
import logging
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, islice
from pathlib import Path

from modules.prompts.styles import Stamp, file_stamp

LARGEST_TAG_FILE = 64 * 2**20      # bytes
MOST_LISTED_TAGS = 500_000                # of all files
MOST_TAG_FILES = 100
MOST_ALIASES = 50                  # of a tag
LONGEST_TAG = 200                  # characters
FEWEST_WITHIN = 3                 # of a search within words

MOST_WITHIN = 5_000                # names with a text in them that are compared

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ListedTag:
    """A tag. category: a number whose meaning is its list's; count: how often it is used there"""

    name: str
    category: int = 0
    count: int = 0
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TagMatch:
    """A tag that fits what was typed. alias: the other name that fits; "" if it is the tag's own"""

    tag: ListedTag
    alias: str = ""


@dataclass(frozen=True)
class TagIndex:
    """Tags by their names and aliases.

    keys: in order, in lower case; tags: each key's tag; text: all keys, a line each; starts: where each begins
    """

    keys: Sequence[str] = ()
    tags: Sequence[ListedTag] = ()
    text: str = ""
    starts: Sequence[int] = ()

    @classmethod
    def of(cls, tags: Sequence[ListedTag]) -> TagIndex:
        named = sorted(
            ((key_of(name), tag) for tag in tags for name in (tag.name, *tag.aliases)), key=lambda pair: pair[0]
        )
        keys = [key for key, _ in named]
        starts = accumulate((len(key) + 1 for key in keys), initial=0)
        return cls(keys, [tag for _, tag in named], "\n".join(keys), array("L", starts))

    def find(self, text: str, limit: int) -> list[TagMatch]:
        """Return the tags that begin with a text, then those that contain it; the most used first."""
        wanted = key_of(text)
        begin, end = bisect_left(self.keys, wanted), bisect_left(self.keys, wanted + "\U0010ffff")
        found = self._matches(range(begin, end), limit)
        if len(found) < limit and len(wanted) >= FEWEST_WITHIN:
            known = {match.tag.name for match in found}
            within = self._matches(islice(self._places_of(wanted), MOST_WITHIN), limit * 2)
            found += [match for match in within if match.tag.name not in known]
        return found[:limit]

    def _places_of(self, wanted: str) -> Iterator[int]:
        """Yield the places of the keys that contain a text."""
        at = self.text.find(wanted)
        while at >= 0:
            place = bisect_right(self.starts, at) - 1
            yield place
            at = self.text.find(wanted, self.starts[place + 1])

    def _matches(self, places: Sequence[int] | Iterator[int], limit: int) -> list[TagMatch]:
        best = heapq.nlargest(limit * 2, places, key=lambda place: (self.tags[place].count, -len(self.keys[place])))
        found: dict[str, TagMatch] = {}
        for place in best:
            tag, key = self.tags[place], self.keys[place]
            found.setdefault(tag.name, TagMatch(tag, "" if key == key_of(tag.name) else key))
        return list(found.values())[:limit]


@dataclass
class TagFiles:
    """The lists of tags in some folders; they are read when they are asked for, and again when one has changed."""

    folders: Sequence[Path]
    _known: tuple[dict[Path, Stamp], TagIndex] = field(default=({}, TagIndex()), repr=False)

    def index(self) -> TagIndex:
        """Return the tags as they are on disk now, of a name in several files the last."""
        paths = [path for folder in self.folders for path in sorted(folder.glob("*.csv"))][:MOST_TAG_FILES]
        stamps = {path: file_stamp(path) for path in paths}
        if stamps != self._known[0]:
            tags = {tag.name: tag for path in paths for tag in read_tags(path)}
            self._known = (stamps, TagIndex.of(list(tags.values())[:MOST_LISTED_TAGS]))
        return self._known[1]


def key_of(name: str) -> str:
    return name.strip().lower().replace(" ", "_")


def read_tags(path: Path) -> list[ListedTag]:
    """Return a file's tags; none, and a line in the log, if it cannot be read."""
    try:
        if path.stat().st_size > LARGEST_TAG_FILE:
            raise ValueError("it is too large")
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            return [tag for row in csv.reader(file) if (tag := tag_of(row))]
    except (OSError, ValueError, csv.Error) as error:
        log.warning("The tags in %s cannot be read: %s", path, error)
        return []


def tag_of(row: Sequence[str]) -> ListedTag | None:
    """Return a row's tag, of `tag`, `tag,count` or `tag,category,count,aliases`; None for a head or a comment."""
    name, *rest = row or [""]
    numbers = [text for text in rest[:2] if text.strip().isdecimal() and len(text) < 12]
    if not 0 < len(name.strip()) <= LONGEST_TAG or name.startswith("#") or (rest and not numbers):
        return None
    category, count = map(int, numbers if len(numbers) == 2 else ["0", *(numbers or ["0"])])
    aliases = rest[2].split(",")[:MOST_ALIASES] if len(rest) > 2 else []
    return ListedTag(name.strip(), category, count, tuple(alias.strip() for alias in aliases if alias.strip()))
