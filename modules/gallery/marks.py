"""What a person says of pictures: favourites, ratings, tags, notes and albums, which stand nowhere else."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from modules.base.errors import Conflict
from modules.gallery.index import TAG_TRAIT, PictureIndex, put_traits, renew_words


class PictureMarks:
    """The marks of an index's pictures. Any thread may call any method."""

    def __init__(self, index: PictureIndex) -> None:
        self.index = index

    def mark(self, ids: Sequence[int], columns: Mapping[str, int]) -> None:
        """Set `favourite` or `rating` of pictures."""
        assert columns.keys() <= {"favourite", "rating"}
        assignments = ", ".join(f"{name} = ?" for name in columns)
        with self.index.changing() as db:
            db.executemany(
                f"UPDATE pictures SET {assignments} WHERE id = ?", [(*columns.values(), each) for each in ids]
            )

    def set_note(self, ids: Sequence[int], note: str) -> None:
        with self.index.changing() as db:
            db.executemany("UPDATE picture_texts SET note = ? WHERE id = ?", [(note, each) for each in ids])
            for each in ids:
                renew_words(db, each)

    def add_tags(self, ids: Sequence[int], add: Sequence[str], remove: Sequence[str]) -> None:
        with self.index.changing() as db:
            for each in ids:
                db.executemany("DELETE FROM traits WHERE name = ? AND value = ? AND picture = ?",
                               [(TAG_TRAIT, tag, each) for tag in remove])
                put_traits(db, each, TAG_TRAIT, add)
                renew_words(db, each)

    def albums(self) -> list[tuple[int, str, str, int, int | None]]:
        """Return id, name, note, number of pictures and the newest picture of each album."""
        return self.index.read(                                                             # type: ignore[return-value]
            "SELECT a.id, a.name, a.note, count(p.id), max(p.id) FROM albums AS a"
            " LEFT JOIN album_pictures AS ap ON ap.album = a.id"
            " LEFT JOIN pictures AS p ON p.id = ap.picture AND p.state = 'here' GROUP BY a.id ORDER BY a.name"
        )

    def albums_of(self, picture: int) -> list[tuple[int, str]]:
        return self.index.read(                                                             # type: ignore[return-value]
            "SELECT a.id, a.name FROM album_pictures AS ap JOIN albums AS a ON a.id = ap.album"
            " WHERE ap.picture = ? ORDER BY a.name", (picture,)
        )

    def put_album(self, name: str, note: str, album: int | None = None) -> int:
        """Add an album, or change one; return its id. Raises Conflict for a name that is taken."""
        try:
            with self.index.changing() as db:
                if album is None:
                    return int(db.execute("INSERT INTO albums (name, note) VALUES (?, ?)", (name, note)).lastrowid or 0)
                db.execute("UPDATE albums SET name = ?, note = ? WHERE id = ?", (name, note, album))
                return album
        except sqlite3.IntegrityError as error:
            raise Conflict(f"There is an album called {name!r} already.", "Choose another name.") from error

    def remove_album(self, album: int) -> None:
        """Delete an album; its pictures stay."""
        with self.index.changing() as db:
            db.execute("DELETE FROM album_pictures WHERE album = ?", (album,))
            db.execute("DELETE FROM albums WHERE id = ?", (album,))

    def set_albums(self, ids: Sequence[int], add: Sequence[int], remove: Sequence[int]) -> None:
        with self.index.changing() as db:
            for album in add:
                db.executemany("INSERT OR IGNORE INTO album_pictures (album, picture) VALUES (?, ?)",
                               [(album, each) for each in ids])
            for album in remove:
                db.executemany("DELETE FROM album_pictures WHERE album = ? AND picture = ?",
                               [(album, each) for each in ids])
