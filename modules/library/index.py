"""The index of all model files: a table in SQLite, searched by full text."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from modules.store.database import Database

# characters; the full text is indexed in pieces of that length, so that parts of words are found
TRIGRAM = 3
FULL_TEXT = """
CREATE VIRTUAL TABLE IF NOT EXISTS model_words USING fts5 (
    words, content='model_texts', content_rowid='number', tokenize='trigram'
);
CREATE TRIGGER IF NOT EXISTS model_words_added AFTER INSERT ON model_texts BEGIN
    INSERT INTO model_words (rowid, words) VALUES (new.number, new.words);
END;
CREATE TRIGGER IF NOT EXISTS model_words_gone AFTER DELETE ON model_texts BEGIN
    INSERT INTO model_words (model_words, rowid, words) VALUES ('delete', old.number, old.words);
END;
"""
INSIDE = "/"                 # no file has this name
SORTS = {"name": "name", "date": "modified", "size": "size", "path": "file"}


class IndexEntry(NamedTuple):
    """The index entry of one model file.

    A tuple, since a page has hundreds of them, which take a fifth of its time as frozen dataclasses.
    """

    kind: str
    path: str                   # absolute; never shown
    file: str                   # relative to the folder of its kind, `anime/cat.safetensors`
    folder: str                 # `anime`
    name: str                   # `cat`
    stamp: str                  # sizes and modification times of the file and its sidecar files
    size: int                   # bytes
    modified: int               # ns since 1970
    family: str = ""
    alias: str = ""             # the name that its trainer gave it
    title: str = ""
    activation: str = ""
    negative: str = ""
    weight: float | None = None
    description: str = ""
    preview: str = ""           # the preview's file name, in the same folder; INSIDE if it is in the file itself
    problem: str = ""
    facts: str = ""             # facts of its kind alone, JSON
    shares_name: bool = False   # another entry of its kind has the same name
    words: str = ""             # the text that a search looks into; not read back

    @property
    def id(self) -> str:
        return identity(self.kind, self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexQuery:
    """A query of the index.

    folder: with its subfolders; search: parts of words, all of which must occur
    """

    kind: str
    search: str = ""
    family: str = ""
    folder: str = ""
    sort: str = "name"
    descending: bool = False
    offset: int = 0
    limit: int = 200


@dataclass(frozen=True, slots=True)
class IndexPage:
    """One page of entries; total: the number on all pages."""

    total: int
    entries: tuple[IndexEntry, ...]


def identity(kind: str, path: str) -> str:
    """Return an id that is the same at every start, and looks like no path."""
    return hashlib.sha256(f"{kind}\0{path}".encode()).hexdigest()[:24]


class LibraryIndex:
    """Entries in SQLite.

    Any thread may use it; reads wait for each other, as they share a connection and its cache.
    """

    def __init__(self, path: Path) -> None:
        self.database = Database(path)
        self.full_text = self._has_full_text()

    def _has_full_text(self) -> bool:
        """Return whether SQLite has FTS5 with trigrams; some builds lack them, and then every row is searched."""
        try:
            with self.database.open() as db:
                db.executescript(FULL_TEXT)
            return True
        except sqlite3.OperationalError:
            return False

    def put(self, entries: Collection[IndexEntry]) -> None:
        """Add entries, or replace those of the same files, in one transaction."""
        rows = [(entry.id, *(getattr(entry, column) for column in INDEX_COLUMNS)) for entry in entries]
        with self.database.open() as db:
            db.executemany("DELETE FROM model_files WHERE id = ?", [row[:1] for row in rows])
            db.executemany(
                f"INSERT INTO model_files (id, {', '.join(INDEX_COLUMNS)}) VALUES (?{', ?' * len(INDEX_COLUMNS)})", rows
            )
            db.executemany(
                "INSERT INTO model_texts SELECT number, ? FROM model_files WHERE id = ?",
                [(each.words, each.id) for each in entries],
            )

    def remove(self, ids: Collection[str]) -> None:
        with self.database.open() as db:
            db.executemany("DELETE FROM model_files WHERE id = ?", [(each,) for each in ids])

    def stamps(self, kind: str) -> dict[str, str]:
        """Return id → stamp of all files of a kind."""
        return dict(self.database.rows("SELECT id, stamp FROM model_files WHERE kind = ?", (kind,)))

    def get(self, key: str) -> IndexEntry | None:
        return self._first("id = ?", key)

    def named(self, kind: str, name: str) -> IndexEntry | None:
        """Return the entry of a file name, with or without folders and extension, in any case, or of an alias."""
        ways = ("file", "name", "alias") if name else ()
        return next(filter(None, (self._first(f"kind = ? AND {column} = ?", kind, name) for column in ways)), None)

    def pictured(self, file: str) -> IndexEntry | None:
        """Return the entry whose file, or whose preview, has that relative name."""
        folder, _, preview = file.rpartition("/")
        return self._first("preview != '' AND (file = ? OR (folder = ? AND preview = ?))", file, folder, preview)

    def all(self, kind: str) -> list[IndexEntry]:
        return [
            IndexEntry(*row)
            for row in self.database.rows(f"{SELECT_ENTRY} FROM model_files WHERE kind = ? ORDER BY file", (kind,))
        ]

    def folders(self, kind: str) -> list[str]:
        return self._distinct("folder", kind)

    def families(self, kind: str) -> list[str]:
        return self._distinct("family", kind)

    def page(self, query: IndexQuery) -> IndexPage:
        found, where, values = self._condition(query)
        direction = "DESC" if query.descending else "ASC"
        sql = f"{found} {SELECT_ENTRY}, (SELECT count(*) FROM model_files WHERE {where}) FROM model_files WHERE {where}"
        sql += f" ORDER BY {SORTS[query.sort]} {direction}, number {direction} LIMIT :limit OFFSET :offset"
        rows = self.database.rows(sql, values | {"limit": query.limit, "offset": query.offset})
        if not rows and query.offset:           # beyond the last one
            return IndexPage(self.page(replace(query, offset=0, limit=1)).total, ())
        return IndexPage(rows[0][-1] if rows else 0, tuple(IndexEntry(*row[:-1]) for row in rows))

    def _condition(self, query: IndexQuery) -> tuple[str, str, dict[str, Any]]:
        """Return a query as SQL's WITH, the condition on rows, and the values of both."""
        values = {"kind": query.kind, "family": query.family, "folder": query.folder}
        values |= {"first": f"{query.folder}/", "last": f"{query.folder}0"}      # 0 follows / in Unicode
        parts = ["kind = :kind"]
        if query.family:
            parts.append("family = :family")
        if query.folder:
            parts.append("(folder = :folder OR (folder >= :first AND folder < :last))")
        finds, wanted = self._finds(query.search.casefold().replace("\0", " ").split())
        if finds:
            parts.append("number IN found")
        return (
            f"WITH found (number) AS ({' INTERSECT '.join(finds)})" if finds else "",
            " AND ".join(parts),
            values | wanted,
        )

    def _finds(self, words: Sequence[str]) -> tuple[list[str], dict[str, str]]:
        """Return statements that each find the files with some of the words, and their values."""
        indexed = [word for word in words if self.full_text and len(word) >= TRIGRAM]
        others = {f"word{place}": f"%{escaped(word)}%" for place, word in enumerate(words) if word not in indexed}
        finds = [f"SELECT number FROM model_texts WHERE words LIKE :{name} ESCAPE '\\'" for name in others]
        if indexed:
            finds.insert(0, "SELECT rowid FROM model_words WHERE model_words MATCH :words")
        return finds, others | {"words": " ".join(map(quoted, indexed))}

    def _first(self, where: str, *values: Any) -> IndexEntry | None:
        rows = self.database.rows(f"{SELECT_ENTRY} FROM model_files WHERE {where} ORDER BY number LIMIT 1", values)
        return IndexEntry(*rows[0]) if rows else None

    def _distinct(self, column: str, kind: str) -> list[str]:
        sql = f"SELECT DISTINCT {column} FROM model_files WHERE kind = ? ORDER BY {column}"
        rows = self.database.rows(sql, (kind,))
        return [value for (value,) in rows if value]


def quoted(word: str) -> str:
    """Return a word quoted for FTS5."""
    return '"' + word.replace('"', '""') + '"'


def escaped(text: str) -> str:
    r"""Return a text escaped for LIKE, with `\` as its escape."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


INDEX_COLUMNS = tuple(name for name in IndexEntry._fields if name not in ("shares_name", "words"))
TWIN = """SELECT 1 FROM model_files AS twin
    WHERE twin.kind = model_files.kind AND twin.name = model_files.name AND twin.number != model_files.number"""
SELECT_ENTRY = f"SELECT {', '.join(INDEX_COLUMNS)}, EXISTS ({TWIN})"      # as IndexEntry's fields, in order
