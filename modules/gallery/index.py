"""The index of one account's pictures, in SQLite: what there is, and what people have marked in it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple, TypeVar

from modules.base.errors import UnknownName
from modules.gallery.facts import PictureFacts
from modules.gallery.schema import GONE, HERE, LIBRARY_MIGRATIONS, TRASHED
from modules.store.database import Database

T = TypeVar("T")
VARIABLES = 500      # of one statement; SQLite takes more
LORA_TRAIT, EMBEDDING_TRAIT, TAG_TRAIT = "lora", "embedding", "tag"


class PictureRow(NamedTuple):
    """A picture as lists show it."""

    id: int
    root: int
    folder: str
    name: str
    size: int             # bytes
    modified: int         # ns since 1970
    at: float             # seconds since 1970
    width: int
    height: int
    format: str
    kind: str
    program: str
    broken: str
    digest: str
    model: str
    seed: int | None
    state: str
    origin: str           # of a picture in the trash: its former place, relative to its root
    job: str
    position: int
    favourite: int
    rating: int
    changed: int          # the data differ from what was recorded

    @property
    def place(self) -> str:
        """The file's path below its root."""
        return f"{self.folder}/{self.name}" if self.folder else self.name


class Root(NamedTuple):
    """A folder that is indexed with all below it.

    own: the account's outputs; read_only: nothing in it is ever written, moved or deleted
    """

    id: int
    path: str
    read_only: int
    own: int


class FoundFile(NamedTuple):
    """A file of a picture as a scan found it."""

    folder: str
    name: str
    size: int
    modified: int

    @property
    def place(self) -> str:
        return f"{self.folder}/{self.name}" if self.folder else self.name


# a FoundFile, then id and state; a plain tuple, since a scan has as many as there are files
KnownFile = tuple[str, str, int, int, int, str]


class PictureIndex:
    """Rows in SQLite. Any thread may use it; `revision` counts changes."""

    def __init__(self, path: Path) -> None:
        self.database = Database(path, LIBRARY_MIGRATIONS)
        self.revision = 0
        self._counting = Lock()

    # Folders ---------------------------------------------------------------------------------------

    def roots(self) -> list[Root]:
        return [Root(*row) for row in self.read("SELECT id, path, read_only, own FROM roots ORDER BY own DESC, id")]

    def root(self, number: int) -> Root:
        """Return a folder by its number. Raises UnknownName."""
        found = next((each for each in self.roots() if each.id == number), None)
        if found is None:
            raise UnknownName("folder", str(number), [])
        return found

    def add_root(self, path: Path, read_only: bool, own: bool = False) -> Root:
        """Add a folder, or set whether a known one is read only. The account's own is the same wherever it is."""
        with self.changing() as db:
            if own:
                db.execute("UPDATE roots SET path = ? WHERE own = 1 AND path != ?", (str(path), str(path)))
            db.execute(
                "INSERT INTO roots (path, read_only, own) VALUES (?, ?, ?)"
                " ON CONFLICT (path) DO UPDATE SET read_only = excluded.read_only, own = excluded.own",
                (str(path), read_only, own),
            )
        return next(each for each in self.roots() if each.path == str(path))

    def remove_root(self, number: int) -> None:
        """Forget a folder and all pictures in it; the files stay."""
        with self.changing() as db:
            db.execute("DELETE FROM pictures WHERE root = ?", (number,))
            db.execute("DELETE FROM roots WHERE id = ?", (number,))

    # Files -----------------------------------------------------------------------------------------

    def known_files(self, root: int, folder: str | None = None) -> dict[tuple[str, str], KnownFile]:
        """Return folder and name → file, of all files of a root but those in the trash.

        folder: only those of this one
        """
        sql = "SELECT folder, name, size, modified, id, state FROM pictures WHERE root = ? AND state != ?"
        rows = self.read(sql, (root, TRASHED)) if folder is None else self.read(
            f"{sql} AND folder = ?", (root, TRASHED, folder)
        )
        return {row[:2]: row for row in rows}      # type: ignore[misc]

    def put(self, root: int, files: Sequence[tuple[FoundFile, PictureFacts]]) -> None:
        """Add files, or bring those at the same places up to date, in one transaction."""
        with self.changing() as db:
            for found, facts in files:
                put_file(db, root, found, facts)

    def relocate(self, moves: Mapping[int, tuple[int, FoundFile]]) -> None:
        """Give pictures their files' new places: id → root and file. Whatever was indexed there is forgotten."""
        with self.changing() as db:
            for picture, (root, found) in moves.items():
                place = root, found.folder, found.name
                db.execute("DELETE FROM pictures WHERE root = ? AND folder = ? AND name = ? AND id != ?",
                           (*place, picture))
                db.execute(
                    "UPDATE pictures SET root = ?, folder = ?, name = ?, size = ?, modified = ?, state = ?, origin = ''"
                    " WHERE id = ?", (*place, found.size, found.modified, HERE, picture),
                )
                renew_words(db, picture)

    def put_in_trash(self, picture: int, folder: str, name: str, origin: str) -> None:
        """Record that a picture's file lies in the trash of its root.

        origin: its former place
        """
        with self.changing() as db:
            db.execute(
                "UPDATE pictures SET folder = ?, name = ?, origin = ?, state = ?, since = ? WHERE id = ?",
                (folder, name, origin, TRASHED, time.time(), picture),
            )

    def missing(self, files: Iterable[KnownFile]) -> None:
        """Mark pictures whose files are gone: the file may turn up elsewhere, and their marks with it.

        One that was moved or put in the trash since its place was looked at is not gone.
        """
        now = time.time()
        with self.changing() as db:
            db.executemany(
                "UPDATE pictures SET state = ?, since = ? WHERE id = ? AND state = ? AND folder = ? AND name = ?",
                [(GONE, now, number, HERE, folder, name) for folder, name, _, _, number, _ in files],
            )

    def lost_with(self, digests: Collection[str]) -> dict[str, int]:
        """Return digest → id of pictures whose files are gone, for files that turned up with the same content."""
        found: dict[str, int] = {}
        for some in in_parts(digests, VARIABLES):
            marks = ", ".join("?" * len(some))
            rows = self.read(
                f"SELECT digest, id FROM pictures WHERE state = ? AND broken = '' AND digest IN ({marks})",
                (GONE, *some),
            )
            found |= dict(rows)
        return found

    def forget(self, ids: Iterable[int]) -> None:
        with self.changing() as db:
            db.executemany("DELETE FROM pictures WHERE id = ?", [(each,) for each in ids])

    def forget_missing(self, before: float) -> int:
        """Forget pictures that have been gone since before that time, unless somebody marked them."""
        with self.changing() as db:
            return db.execute(
                "DELETE FROM pictures WHERE state = ? AND since < ? AND favourite = 0 AND rating = 0"
                " AND NOT EXISTS (SELECT 1 FROM traits WHERE picture = pictures.id AND traits.name = ?)"
                " AND NOT EXISTS (SELECT 1 FROM album_pictures WHERE picture = pictures.id)"
                " AND NOT EXISTS (SELECT 1 FROM picture_texts AS t WHERE t.id = pictures.id AND t.note != '')",
                (GONE, before, TAG_TRAIT),
            ).rowcount

    def looks(self, picture: int) -> int | None:
        """Return how a picture looks, None if that is not known."""
        rows = self.read("SELECT looks FROM pictures WHERE id = ?", (picture,))
        return rows[0][0] if rows else None

    def set_looks(self, looks: Mapping[int, int]) -> None:
        """Set how pictures look; no list changes by that."""
        with self.database.open() as db:
            values = [(value, each) for each, value in looks.items()]
            db.executemany("UPDATE pictures SET looks = ? WHERE id = ?", values)

    def mark_broken(self, picture: int, why: str) -> None:
        with self.changing() as db:
            db.execute("UPDATE pictures SET broken = ? WHERE id = ?", (why, picture))

    def record_job(self, root: int, place: tuple[str, str], job: tuple[str, int], infotext: str) -> None:
        """Note which job made the picture at a place, folder and name, and with which data."""
        self.record_jobs(root, [(place, job, infotext)])

    def record_jobs(self, root: int, made: Iterable[tuple[tuple[str, str], tuple[str, int], str]]) -> None:
        """Note the same of several pictures, in one transaction."""
        with self.changing() as db:
            for place, job, infotext in made:
                row = db.execute(
                    "SELECT p.id, t.infotext FROM pictures AS p JOIN picture_texts AS t ON t.id = p.id"
                    " WHERE p.root = ? AND p.folder = ? AND p.name = ?", (root, *place),
                ).fetchone()
                if row:
                    db.execute("UPDATE pictures SET job = ?, position = ? WHERE id = ?", (*job, row["id"]))
                if row and row["infotext"]:      # a file that was saved without data has not lost them
                    set_recorded(db, row["id"], infotext)

    def accept_data(self, ids: Iterable[int]) -> None:
        """Take the data as they are now for what was recorded: a person has edited them."""
        with self.changing() as db:
            for each in ids:
                db.execute("UPDATE picture_texts SET recorded = NULL WHERE id = ?", (each,))
                db.execute("UPDATE pictures SET changed = 0 WHERE id = ?", (each,))

    # Reading ---------------------------------------------------------------------------------------

    def rows(self, ids: Sequence[int]) -> list[PictureRow]:
        """Return pictures in the order of their ids; unknown ones are left out."""
        found: dict[int, PictureRow] = {}
        for some in in_parts(ids, VARIABLES):
            sql = f"{SELECT_PICTURE} WHERE id IN ({', '.join('?' * len(some))})"
            found |= {row[0]: PictureRow(*row) for row in self.read(sql, some)}
        return [found[each] for each in ids if each in found]

    def picture(self, picture: int) -> PictureRow:
        """Return one picture. Raises UnknownName."""
        if found := self.rows([picture]):
            return found[0]
        raise UnknownName("picture", str(picture), [])

    def at_place(self, root: int, folder: str, name: str) -> PictureRow | None:
        rows = self.read(f"{SELECT_PICTURE} WHERE root = ? AND folder = ? AND name = ?", (root, folder, name))
        return PictureRow(*rows[0]) if rows else None

    def with_digest(self, digest: str) -> list[PictureRow]:
        return [PictureRow(*row) for row in self.read(f"{SELECT_PICTURE} WHERE digest = ? ORDER BY at", (digest,))]

    def texts(self, picture: int) -> tuple[str, str, str]:
        """Return a picture's data as last read, as recorded, and its note."""
        sql = "SELECT infotext, coalesce(recorded, infotext), note FROM picture_texts WHERE id = ?"
        rows = self.read(sql, (picture,))
        return rows[0] if rows else ("", "", "")

    def traits(self, picture: int, name: str) -> list[str]:
        rows = self.read("SELECT value FROM traits WHERE picture = ? AND name = ? ORDER BY value", (picture, name))
        return [value for (value,) in rows]

    def read(self, sql: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple[Any, ...]]:
        return self.database.rows(sql, values)

    # Parents ---------------------------------------------------------------------------------------

    def parents_of(self, picture: int) -> list[tuple[int, str]]:
        return self.read("SELECT parent, how FROM parents WHERE child = ? ORDER BY parent", (picture,))  # type: ignore

    def children_of(self, picture: int) -> list[tuple[int, str]]:
        return self.read("SELECT child, how FROM parents WHERE parent = ? ORDER BY child", (picture,))  # type: ignore

    def add_parents(self, child: int, parents: Iterable[tuple[int, str]]) -> None:
        with self.changing() as db:
            db.executemany("INSERT OR IGNORE INTO parents (child, parent, how) VALUES (?, ?, ?)",
                           [(child, parent, how) for parent, how in parents if parent != child])

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """A transaction, after which the revision is another."""
        try:
            with self.database.open() as db:
                yield db
        finally:
            with self._counting:
                self.revision += 1


def in_parts(values: Iterable[T], size: int) -> Iterator[tuple[T, ...]]:
    """Yield the values in tuples of at most `size`."""
    waiting = iter(values)
    while part := tuple(islice(waiting, size)):
        yield part


def put_file(db: sqlite3.Connection, root: int, found: FoundFile, facts: PictureFacts) -> None:
    """Add or update one file; its marks stay."""
    at = found.modified / 1e9
    day = time.strftime("%Y%m%d", time.localtime(at))
    columns = (
        found.size, found.modified, at, int(day), facts.width, facts.height, facts.format, facts.kind, facts.program,
        facts.broken, facts.digest, facts.model, facts.sampler, facts.seed, facts.steps, facts.cfg, facts.denoising,
    )
    db.execute(
        "DELETE FROM pictures WHERE root = ? AND folder = ? AND name = ? AND state = ? AND digest != ?",
        (root, found.folder, found.name, GONE, facts.digest),      # another picture under a name that was free
    )
    row = db.execute(
        f"INSERT INTO pictures (root, folder, name, {', '.join(FILE_COLUMNS)}) VALUES (?, ?, ?{', ?' * len(columns)})"
        f" ON CONFLICT (root, folder, name) DO UPDATE SET {UPDATE_FILE}, state = '{HERE}' RETURNING id",
        (root, found.folder, found.name, *columns),
    ).fetchone()
    picture = row["id"]
    sql = "SELECT coalesce(recorded, infotext) AS recorded FROM picture_texts WHERE id = ?"
    known = db.execute(sql, (picture,)).fetchone()
    db.execute("INSERT INTO picture_texts (id, infotext) VALUES (?, ?)"
               " ON CONFLICT (id) DO UPDATE SET infotext = excluded.infotext", (picture, facts.infotext))
    if known is not None:
        set_recorded(db, picture, known["recorded"])
        db.execute("UPDATE pictures SET at = min(at, ?) WHERE id = ?", (at, picture))
    for name, values in ((LORA_TRAIT, facts.loras), (EMBEDDING_TRAIT, facts.embeddings)):
        if known is not None:
            db.execute("DELETE FROM traits WHERE picture = ? AND name = ?", (picture, name))
        put_traits(db, picture, name, values)
    put_words(db, picture, found.name, (facts.prompt, facts.negative, facts.data))


def put_traits(db: sqlite3.Connection, picture: int, name: str, values: Iterable[str]) -> None:
    db.executemany("INSERT OR IGNORE INTO traits (name, value, picture) VALUES (?, ?, ?)",
                   [(name, value, picture) for value in values])


def set_recorded(db: sqlite3.Connection, picture: int, infotext: str) -> None:
    """Set what the data were when the picture was made."""
    now = db.execute("SELECT infotext FROM picture_texts WHERE id = ?", (picture,)).fetchone()["infotext"]
    same = same_data(now, infotext)
    db.execute("UPDATE picture_texts SET recorded = ? WHERE id = ?", (None if same else infotext, picture))
    db.execute("UPDATE pictures SET changed = ? WHERE id = ?", (not same, picture))


def same_data(one: str, two: str) -> bool:
    """Return whether two texts are the same but for what no file keeps."""
    return one.replace("\0", "").strip() == two.replace("\0", "").strip()


def put_words(db: sqlite3.Connection, picture: int, name: str, said: Sequence[str]) -> None:
    """Set the texts that a search looks into.

    said: prompt, negative prompt, the other data
    """
    note = db.execute("SELECT note FROM picture_texts WHERE id = ?", (picture,)).fetchone()
    tags = db.execute("SELECT value FROM traits WHERE picture = ? AND name = ?", (picture, TAG_TRAIT)).fetchall()
    remarks = " ".join([note["note"] if note else "", *(row["value"] for row in tags)])
    db.execute("DELETE FROM picture_words WHERE id = ?", (picture,))
    db.execute("INSERT INTO picture_words (id, name, prompt, negative, data, remarks) VALUES (?, ?, ?, ?, ?, ?)",
               (picture, name, *said, remarks))


def renew_words(db: sqlite3.Connection, picture: int) -> None:
    """Bring a picture's searched texts in step with its name, note and tags."""
    row = db.execute(
        "SELECT p.name, w.prompt, w.negative, w.data FROM pictures AS p JOIN picture_words AS w ON w.id = p.id"
        " WHERE p.id = ?", (picture,)
    ).fetchone()
    if row:
        put_words(db, picture, row["name"], (row["prompt"], row["negative"], row["data"]))


FILE_COLUMNS = (
    "size", "modified", "at", "day", "width", "height", "format", "kind", "program", "broken", "digest", "model",
    "sampler", "seed", "steps", "cfg", "denoising",
)
# a file of other content looks different
UPDATE_FILE = (
    ", ".join(f"{name} = excluded.{name}" for name in FILE_COLUMNS if name not in ("at", "day"))
    + ", looks = CASE WHEN digest = excluded.digest THEN looks END"
)
SELECT_PICTURE = f"SELECT {', '.join(PictureRow._fields)} FROM pictures"
