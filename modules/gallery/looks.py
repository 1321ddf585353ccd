"""Pictures that look alike: each has 64 bits of its looks, and alike is whoever differs in few of them."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from modules.base.border import logged, outcome
from modules.gallery.index import PictureIndex, PictureRow
from modules.gallery.schema import HERE
from modules.gallery.thumbnails import looks_of

ALIKE, SAME = 18, 2            # bits of 64 in which pictures that are alike, or the same, may differ
LOOKED_AT_ONCE = 100           # pictures between two writes
TURNS, NEIGHBOURS = 8, 4       # of the search for pairs
FEWEST_BITS = 8                # a picture of one colour has fewer, and looks like none
RATIO_TOLERANCE = 0.03         # by which the sides' ratios of the same picture may differ

Bits = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SeenPictures:
    """All pictures whose looks are known: ids, looks, and width by height."""

    ids: Bits
    looks: Bits
    ratios: npt.NDArray[np.float64]


class Looks:
    """How a library's pictures look. What is not known yet is looked at in the background, when it is asked for."""

    def __init__(
        self, index: PictureIndex, thumbnail: Callable[[PictureRow], bytes], wait_stopping: Callable[[float], bool]
    ) -> None:
        """wait_stopping: waits so many seconds, and returns whether to end"""
        self.index, self.thumbnail, self.wait_stopping = index, thumbnail, wait_stopping
        self._looking = threading.Lock()

    def of(self, row: PictureRow) -> int:
        """Return a picture's looks, computed and kept if they are not known. Raises InvalidImage."""
        known = self.index.looks(row.id)
        if known is None:
            known = looks_of(self.thumbnail(row))
            self.index.set_looks({row.id: known})
        return known

    def unknown(self) -> list[int]:
        """Return the pictures whose looks are not known, newest first."""
        found = self.index.read(
            "SELECT id FROM pictures WHERE state = ? AND looks IS NULL AND broken = '' ORDER BY at DESC", (HERE,)
        )
        return [number for (number,) in found]

    def begin(self) -> int:
        """Start to look at what is not known, in the background; return how many that are."""
        count = len(self.unknown())
        if count and not self._looking.locked():
            threading.Thread(target=logged, args=(self.fill,), name="picture looks", daemon=True).start()
        return count

    def fill(self) -> None:
        """Look at all pictures that are not known, half of the time, so that others have a processor too."""
        with self._looking:
            waiting = self.unknown()
            for start in range(0, len(waiting), LOOKED_AT_ONCE):
                began = time.monotonic()
                some = self.index.rows(waiting[start : start + LOOKED_AT_ONCE])
                self.index.set_looks(dict(self._looked_at(some)))
                if self.wait_stopping(time.monotonic() - began):
                    return

    def _looked_at(self, rows: Iterable[PictureRow]) -> Iterator[tuple[int, int]]:
        for row in rows:
            content = outcome(self.thumbnail, row)
            yield row.id, 0 if isinstance(content, Exception) else looks_of(content)

    def seen(self) -> SeenPictures:
        rows = self.index.read(
            "SELECT group_concat(id, ' '), group_concat(looks, ' '),"
            " group_concat(CAST(width AS REAL) / max(height, 1), ' ')"
            " FROM pictures WHERE state = ? AND looks IS NOT NULL", (HERE,)
        )[0]
        ids, looks = (np.fromstring(text or "", np.int64, sep=" ") for text in rows[:2])
        ratios = np.fromstring(rows[2] or "", np.float64, sep=" ")
        telling = np.bitwise_count(looks) >= FEWEST_BITS
        return SeenPictures(ids[telling], looks[telling], ratios[telling])

    def similar(self, row: PictureRow, limit: int) -> list[PictureRow]:
        """Return pictures that look like this one, nearest first, without itself. Raises InvalidImage."""
        self.begin()
        found = self.nearest(self.of(row), ALIKE)
        others = [number for number, _ in found if number != row.id]
        return self.index.rows(others[:limit])

    def nearest(self, looks: int, within: int, ratio: float = 0.0) -> list[tuple[int, int]]:
        """Return ids and distances of pictures that differ in at most `within` bits, nearest first, then newest.

        ratio: of width to height, if it must be the same
        """
        if (looks & (2**64 - 1)).bit_count() < FEWEST_BITS:
            return []
        seen = self.seen()
        apart = np.bitwise_count(seen.looks ^ np.int64(looks))
        fits = apart <= within
        if ratio:
            fits &= np.abs(seen.ratios / ratio - 1) <= RATIO_TOLERANCE
        found = sorted(zip(apart[fits].tolist(), (-seen.ids[fits]).tolist(), strict=True))
        return [(-number, distance) for distance, number in found]

    def duplicates(self) -> list[list[PictureRow]]:
        """Return groups of pictures that are the same: in content, or in looks and shape."""
        groups: dict[int, int] = {}
        for first, second in [*self._equal_pairs(), *same_pairs(self.seen())]:
            join_groups(groups, first, second)
        members = defaultdict(list)
        for each in groups:
            members[group_of(groups, each)].append(each)
        found = [self.index.rows(sorted(ids)) for ids in members.values()]
        return sorted((rows for rows in found if len(rows) > 1), key=lambda rows: -max(row.at for row in rows))

    def _equal_pairs(self) -> Iterator[tuple[int, int]]:
        sql = (
            "SELECT group_concat(id, ' ') FROM pictures WHERE state = ? AND broken = '' GROUP BY digest"
            " HAVING count(*) > 1"
        )
        for (text,) in self.index.read(sql, (HERE,)):
            first, *others = map(int, text.split())
            yield from ((first, each) for each in others)


def same_pairs(seen: SeenPictures) -> Iterator[tuple[int, int]]:
    """Yield pairs of pictures with nearly the same looks and shape.

    Sorted by their bits, such pictures are neighbours unless they differ in one of the first bits; so the bits are
    turned several times, and neighbours compared each time.
    """
    for turn in range(TURNS):
        turned = np.bitwise_or(
            seen.looks.view(np.uint64) << np.uint64(8 * turn),
            seen.looks.view(np.uint64) >> np.uint64((64 - 8 * turn) % 64) if turn else np.uint64(0),
        )
        order = np.argsort(turned)
        for step in range(1, NEIGHBOURS + 1):
            one, two = order[:-step], order[step:]
            near = np.bitwise_count(seen.looks[one] ^ seen.looks[two]) <= SAME
            near &= np.abs(seen.ratios[one] - seen.ratios[two]) <= RATIO_TOLERANCE * seen.ratios[one]
            yield from zip(seen.ids[one[near]].tolist(), seen.ids[two[near]].tolist(), strict=True)


def group_of(groups: dict[int, int], each: int) -> int:
    """Return the first of a picture's group (union–find, with halved paths)."""
    while groups.setdefault(each, each) != each:
        groups[each] = groups[groups[each]]
        each = groups[each]
    return each


def join_groups(groups: dict[int, int], first: int, second: int) -> None:
    groups[group_of(groups, first)] = group_of(groups, second)
