"""Searching the library: each condition of a query is the set of its pictures, and the sets are combined.

A set is a numpy array with a place for each picture's id, kept until the library changes: as somebody types, only the
last word of a query is looked for.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from modules.base.errors import Invalid
from modules.gallery.index import EMBEDDING_TRAIT, LORA_TRAIT, TAG_TRAIT, PictureIndex, PictureRow
from modules.gallery.query import FIELDS, Condition, conditions_of
from modules.gallery.schema import HERE, TRASHED
from modules.library.index import escaped

Ids = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
FacetTable = dict[str, tuple[str, tuple[str, ...]]]
MOST_KEPT = 64              # sets and orders
MOST_FACET_VALUES, MOST_SUGGESTIONS = 100, 20
MOST_PLACES = 1000          # of a facet: folders make a tree, and the names beside the list need all their numbers
NO_VALUES = ("", None, 0)
COUNTED_ONE_BY_ONE = 2_000        # facets of so many are counted picture by picture

IN_STATE = "SELECT id FROM pictures WHERE state = ? ORDER BY"
# order → statement that selects the ids of a state, each walking one index; "job": several of them in a row
ORDERS = {
    "newest": f"{IN_STATE} at DESC, id DESC",
    "oldest": f"{IN_STATE} at, id",
    "name": f"{IN_STATE} name COLLATE NOCASE, id",
    "rating": f"{IN_STATE} favourite DESC, rating DESC, at DESC, id DESC",
    "size": f"{IN_STATE} size DESC, id DESC",
    "model": f"{IN_STATE} model COLLATE NOCASE, model, at DESC, id DESC",
    # the newest job first, its pictures as they were asked for, which is the index's order; then those of no known job
    "job": (
        "SELECT ids AS id FROM (SELECT job, max(at) AS newest, group_concat(id, ' ') AS ids"
        " FROM pictures INDEXED BY pictures_by_job WHERE state = ? GROUP BY job) ORDER BY job = '', newest DESC, job"
    ),
}
# order → the column that the pictures of a section have in common, and how a section is called
BY_DAY = "day", "format('%s-%s-%s', day / 10000, substr(day, 5, 2), substr(day, 7))"
LIST_SECTIONS = {"newest": BY_DAY, "oldest": BY_DAY, "model": ("model", "model"), "job": ("job", "job")}
LONGEST_TITLE = 80      # characters of a prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a list is to show.

    text: in the search language; inside: "" for all, `folder:<root>/<path>`, `album:<id>`, `job:<id>` or `trash`
    """

    text: str = ""
    inside: str = ""
    sort: str = "newest"


@dataclass(frozen=True, slots=True)
class FoundPage:
    """A page of pictures; total: the number on all pages; notes: on what was not understood."""

    total: int
    rows: list[PictureRow]
    notes: list[str]


class PictureSearch:
    """Searches over an index. Any thread may use it."""

    def __init__(self, index: PictureIndex) -> None:
        self.index = index
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._keeping = Lock()

    def page(self, wanted: Wanted, offset: int, limit: int) -> FoundPage:
        ids, notes = self.found(wanted)
        return FoundPage(len(ids), self.index.rows(ids[offset : offset + limit].tolist()), notes)

    def found(self, wanted: Wanted) -> tuple[Ids, list[str]]:
        """Return the ids of all pictures that are wanted, in their order, and notes."""
        conditions, notes = conditions_of(wanted.text)
        key = "found", tuple(conditions), wanted.inside, wanted.sort
        return self._once(key, lambda: self._matching(conditions, wanted)), notes

    def _matching(self, conditions: list[Condition], wanted: Wanted) -> Ids:
        state = TRASHED if wanted.inside == "trash" else HERE
        order = self._ordered(state, wanted.sort)
        if place := place_condition(wanted.inside):
            conditions = [place, *conditions]
        for condition in conditions:
            order = order[self._mask(condition)[order] != condition.negated]
        return order

    def _ordered(self, state: str, sort: str) -> Ids:
        def made() -> Ids:
            ids = self._ids(ORDERS[sort], (state,))
            return np.roll(ids, -self._unnamed(state)) if sort == "model" else ids      # of no known model: last

        order: Ids = self._once(("order", state, sort), made)
        return order

    def _unnamed(self, state: str) -> int:
        """Return how many pictures name no model: in their index they stand first."""
        sql = "SELECT count(*) FROM pictures WHERE state = ? AND model COLLATE NOCASE = ''"
        count: int = self.index.read(sql, (state,))[0][0]
        return count

    def _mask(self, condition: Condition) -> Mask:
        def made() -> Mask:
            mask = np.zeros(self._most() + 1, bool)
            mask[self._ids(condition.sql, condition.values)] = True
            return mask

        found: Mask = self._once(("mask", condition.sql, condition.values), made)
        return found

    def _most(self) -> int:
        most: int = self._once("most", lambda: self.index.read("SELECT coalesce(max(id), 0) FROM pictures")[0][0])
        return most

    def _ids(self, sql: str, values: tuple[object, ...]) -> Ids:
        """Return the ids that a statement selects; as one text, which is a third of the work of as many rows."""
        text = self.index.read(f"SELECT group_concat(id, ' ') FROM ({sql})", values)[0][0]
        found = np.fromstring(text or "", np.int64, sep=" ")
        return found[found <= self._most()]

    def _once(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return what `make` returned since the library was last changed."""
        whole = self.index.revision, key
        with self._keeping:
            if whole in self._kept:
                self._kept.move_to_end(whole)
                return self._kept[whole]
        made = make()
        with self._keeping:
            self._kept[whole] = made
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return made

    # Overviews -------------------------------------------------------------------------------------

    def sections(self, wanted: Wanted) -> list[tuple[str, int]]:
        """Return the sections of a list in its order, each with its number of pictures; none if its order has none."""
        if wanted.sort not in LIST_SECTIONS:
            return []
        ids, _ = self.found(wanted)
        codes, names = self._once(("sections", wanted.sort), lambda: self._sections_by_id(wanted.sort))
        found = codes[ids]
        begins = np.flatnonzero(np.diff(found, prepend=-1))
        counts = np.diff(begins, append=len(found))
        return [(names[code], int(count)) for code, count in zip(found[begins], counts, strict=True)]

    def _sections_by_id(self, sort: str) -> tuple[Ids, list[str]]:
        """Return the number of each picture's section, by its id, and the sections' names by their numbers."""
        column, name = LIST_SECTIONS[sort]
        rows = self.index.read(f"SELECT {name}, group_concat(id, ' ') FROM pictures GROUP BY {column}")
        codes = np.zeros(self._most() + 1, np.int64)
        for code, (_, text) in enumerate(rows):
            ids = np.fromstring(text, np.int64, sep=" ")
            codes[ids[ids < len(codes)]] = code
        return codes, [name for name, _ in rows]

    def job_titles(self) -> dict[str, str]:
        """Return how each job's prompt begins."""
        sql = (
            f"SELECT job, substr(prompt, 1, {LONGEST_TITLE}), min(position) FROM pictures JOIN picture_words USING (id)"
            " WHERE job != '' GROUP BY job"
        )
        titles: dict[str, str] = self._once("titles", lambda: {job: title for job, title, _ in self.index.read(sql)})
        return titles

    def facets(self, wanted: Wanted) -> dict[str, list[tuple[str, int]]]:
        """Return each facet's values with their numbers of pictures, the most frequent first.

        Places are counted wherever one looks: who is in a folder sees how many fit in the others.
        """
        inside = replace(wanted, sort="newest")
        traits = self._counted(inside, [name for name in FACETS if name not in PLACE_FACETS])
        return traits | self._counted(replace(inside, inside=""), PLACE_FACETS)

    def _counted(self, wanted: Wanted, names: Sequence[str]) -> dict[str, list[tuple[str, int]]]:
        def made() -> dict[str, list[tuple[str, int]]]:
            ids, _ = self.found(wanted)
            mask = np.zeros(self._most() + 1, bool)
            mask[ids] = True
            return {name: self._count_facet(name, ids, mask) for name in names}

        counted: dict[str, list[tuple[str, int]]] = self._once(("facets", wanted, tuple(names)), made)
        return counted

    def _count_facet(self, name: str, ids: Ids, mask: Mask) -> list[tuple[str, int]]:
        (sql, values), most = FACETS[name], MOST_PLACES if name in PLACE_FACETS else MOST_FACET_VALUES
        if len(ids) <= COUNTED_ONE_BY_ONE:
            chosen = json.dumps(ids.tolist())
            rows = self.index.read(
                f"SELECT value, count(*) FROM ({sql}) WHERE picture IN (SELECT value FROM json_each(?))"
                f" GROUP BY value ORDER BY 2 DESC, 1 LIMIT {most}",
                (*values, chosen),
            )
            return [(str(value), count) for value, count in rows if value not in NO_VALUES]
        grouped = self._once(("facet", sql, values), lambda: self._pictures_by_value(sql, values))
        counts = [(value, int(mask[pictures].sum())) for value, pictures in grouped]
        return sorted([each for each in counts if each[1]], key=lambda each: (-each[1], each[0]))[:most]

    def _pictures_by_value(self, sql: str, values: tuple[str, ...]) -> list[tuple[str, Ids]]:
        rows = self.index.read(f"SELECT value, group_concat(picture, ' ') FROM ({sql}) GROUP BY value", values)
        most = self._most()
        read = ((str(value), np.fromstring(text, np.int64, sep=" ")) for value, text in rows if value not in NO_VALUES)
        return [(value, ids[ids <= most]) for value, ids in read]

    def suggestions(self, text: str, at: int) -> list[str]:
        """Return what may stand in place of the word that ends at a place of a query; `name:` is a field."""
        start = start_of_word(text, at)
        sign = "-" if text.startswith("-", start) and start < at else ""
        word = text[start + len(sign) : at]
        field, colon, value = word.partition(":")
        if not colon:
            names = [f"{sign}{name}:" for name in sorted(FIELDS) if word and name.startswith(word.casefold())]
            return names[:MOST_SUGGESTIONS]
        found = self._values_like(field.casefold(), value.strip('"'))
        return [f"{sign}{field}:{quoted_value(each)}" for each in found]

    def _values_like(self, field: str, part: str) -> list[str]:
        """Return a field's values that contain `part`, the most frequent first."""
        if field in WORDS_OF_FIELD:
            return [word for word in WORDS_OF_FIELD[field] if word.startswith(part.casefold())]
        if field not in SUGGESTED:
            return []
        sql, values = SUGGESTED[field]
        rows = self.index.read(
            f"SELECT value FROM ({sql}) WHERE value LIKE ? ESCAPE '\\' AND value != '' GROUP BY value"
            f" ORDER BY count(*) DESC, value LIMIT {MOST_SUGGESTIONS}",
            (*values, f"%{escaped(part)}%"),
        )
        return [str(value) for (value,) in rows]


def place_condition(inside: str) -> Condition | None:
    """Return the condition of a place; None for all pictures and for the trash. Raises Invalid."""
    kind, _, which = inside.partition(":")
    if inside in ("", "trash"):
        return None
    if kind == "job" and which:
        return Condition("SELECT id FROM pictures WHERE job = ?", (which,))
    number, _, path = which.partition("/")
    if kind == "album" and is_id(which):
        return Condition("SELECT picture AS id FROM album_pictures WHERE album = ?", (int(which),))
    if kind == "folder" and is_id(number):
        path = path.strip("/")
        if not path:
            return Condition("SELECT id FROM pictures WHERE root = ?", (int(number),))
        below = f"{escaped(path)}/%"
        return Condition(
            "SELECT id FROM pictures WHERE root = ? AND (folder = ? OR folder LIKE ? ESCAPE '\\')",
            (int(number), path, below),
        )
    raise Invalid(
        f"{inside!r:.100} is no place in the library.",
        "Write folder:<id>/<path>, album:<id>, job:<id>, trash, or nothing.", "in",
    )


def start_of_word(text: str, at: int) -> int:
    """Return where the word that ends at `at` begins: after a space that stands in no quotation."""
    start, quoted = 0, False
    for place, mark in enumerate(text[:at]):
        quoted ^= mark == '"'
        if mark.isspace() and not quoted:
            start = place + 1
    return start


def is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 18


def quoted_value(value: str) -> str:
    return f'"{value}"' if any(mark.isspace() for mark in value) else value


def column_facets(names: Iterable[str]) -> FacetTable:
    here = f"FROM pictures WHERE state = '{HERE}'"
    return {name: (f"SELECT {name} AS value, id AS picture {here}", ()) for name in names}


# facet → statement that selects value and picture, and its values
FACETS: FacetTable = {
    **column_facets(("root", "model", "sampler", "program", "kind", "rating")),
    "size": (
        f"SELECT width || 'x' || height AS value, id AS picture FROM pictures WHERE state = '{HERE}' AND width > 0", ()
    ),
    "folder": (
        f"SELECT root || '/' || folder AS value, id AS picture FROM pictures WHERE state = '{HERE}'", ()
    ),
    **{
        name: ("SELECT value, picture FROM traits WHERE name = ?", (name,))
        for name in (LORA_TRAIT, EMBEDDING_TRAIT, TAG_TRAIT)
    },
    "album": (
        "SELECT a.name AS value, ap.picture AS picture FROM album_pictures AS ap JOIN albums AS a ON a.id = ap.album",
        (),
    ),
}
PLACE_FACETS = ("root", "folder", "album")      # where pictures are: folders' ids, their paths, albums' names
# field → where its completions come from; a folder is searched for without the id of the one that was added
SUGGESTED: FacetTable = {
    **{name: facet for name, facet in FACETS.items() if name != "root"}, **column_facets(("folder", "format")),
}
WORDS_OF_FIELD = {
    "is": ("favourite", "broken", "changed", "rated", "portrait", "landscape", "square", "txt2img", "img2img",
           "inpaint", "extras", "grid"),
    "has": ("data", "note", "tag", "lora", "embedding", "album", "parent"),
}
