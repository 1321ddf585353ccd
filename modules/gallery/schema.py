"""The tables of one account's picture library, a SQLite file of its own.

Favourites, ratings, tags, albums, notes and parents stand nowhere else; all other columns can be read from the files
again. `picture_texts.recorded` is what a picture's data were when it was made, null where they still are.
"""

from __future__ import annotations

import sqlite3

from modules.store.migrations import Migration

HERE, GONE, TRASHED = "here", "missing", "trash"      # where a picture's file is

FIRST_LIBRARY_SCHEMA = (
    """
    CREATE TABLE roots (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        path TEXT NOT NULL UNIQUE,
        read_only INTEGER NOT NULL DEFAULT 0,
        own INTEGER NOT NULL DEFAULT 0
    )
    """,
    """
    CREATE TABLE pictures (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        root INTEGER NOT NULL REFERENCES roots (id),
        folder TEXT NOT NULL,
        name TEXT NOT NULL,
        size INTEGER NOT NULL,
        modified INTEGER NOT NULL,
        at REAL NOT NULL,
        day INTEGER NOT NULL,
        width INTEGER NOT NULL,
        height INTEGER NOT NULL,
        format TEXT NOT NULL,
        kind TEXT NOT NULL,
        program TEXT NOT NULL,
        broken TEXT NOT NULL,
        digest TEXT NOT NULL,
        model TEXT NOT NULL,
        sampler TEXT NOT NULL,
        seed INTEGER,
        steps INTEGER,
        cfg REAL,
        denoising REAL,
        state TEXT NOT NULL DEFAULT 'here',
        origin TEXT NOT NULL DEFAULT '',
        since REAL NOT NULL DEFAULT 0,
        job TEXT NOT NULL DEFAULT '',
        position INTEGER NOT NULL DEFAULT 0,
        favourite INTEGER NOT NULL DEFAULT 0,
        rating INTEGER NOT NULL DEFAULT 0,
        changed INTEGER NOT NULL DEFAULT 0,
        looks INTEGER,
        UNIQUE (root, folder, name)
    )
    """,
    "CREATE INDEX pictures_by_time ON pictures (state, at)",
    "CREATE INDEX pictures_by_digest ON pictures (digest)",
    "CREATE INDEX pictures_by_model ON pictures (model)",
    "CREATE INDEX pictures_by_sampler ON pictures (sampler)",
    "CREATE INDEX pictures_by_seed ON pictures (seed)",
    "CREATE INDEX pictures_by_day ON pictures (day)",
    "CREATE INDEX pictures_by_steps ON pictures (steps)",
    "CREATE INDEX pictures_by_cfg ON pictures (cfg)",
    "CREATE INDEX pictures_by_sides ON pictures (width, height)",
    "CREATE INDEX pictures_by_kind ON pictures (kind)",
    "CREATE INDEX pictures_by_rating ON pictures (rating)",
    "CREATE INDEX pictures_by_job ON pictures (job, position)",
    """
    CREATE TABLE picture_texts (
        id INTEGER PRIMARY KEY, infotext TEXT NOT NULL, recorded TEXT, note TEXT NOT NULL DEFAULT ''
    )
    """,
    """
    CREATE TABLE picture_words (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL, prompt TEXT NOT NULL, negative TEXT NOT NULL, data TEXT NOT NULL, remarks TEXT NOT NULL
    )
    """,
    """
    CREATE VIRTUAL TABLE picture_search USING fts5 (
        name, prompt, negative, data, remarks,
        content='picture_words', content_rowid='id', tokenize="unicode61 remove_diacritics 2", prefix='1 2 3'
    )
    """,
    """
    CREATE TRIGGER picture_words_added AFTER INSERT ON picture_words BEGIN
        INSERT INTO picture_search (rowid, name, prompt, negative, data, remarks)
            VALUES (new.id, new.name, new.prompt, new.negative, new.data, new.remarks);
    END
    """,
    """
    CREATE TRIGGER picture_words_gone AFTER DELETE ON picture_words BEGIN
        INSERT INTO picture_search (picture_search, rowid, name, prompt, negative, data, remarks)
            VALUES ('delete', old.id, old.name, old.prompt, old.negative, old.data, old.remarks);
    END
    """,
    """
    CREATE TABLE traits (
        name TEXT NOT NULL, value TEXT NOT NULL COLLATE NOCASE, picture INTEGER NOT NULL,
        PRIMARY KEY (name, value, picture)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX traits_by_picture ON traits (picture, name)",
    """
    CREATE TABLE albums (
        id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE COLLATE NOCASE, note TEXT NOT NULL DEFAULT ''
    )
    """,
    """
    CREATE TABLE album_pictures (
        album INTEGER NOT NULL, picture INTEGER NOT NULL, PRIMARY KEY (album, picture)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX album_pictures_by_picture ON album_pictures (picture)",
    """
    CREATE TABLE parents (
        child INTEGER NOT NULL, parent INTEGER NOT NULL, how TEXT NOT NULL, PRIMARY KEY (child, parent, how)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX parents_by_parent ON parents (parent)",
    """
    CREATE TRIGGER picture_gone AFTER DELETE ON pictures BEGIN
        DELETE FROM picture_texts WHERE id = old.id;
        DELETE FROM picture_words WHERE id = old.id;
        DELETE FROM traits WHERE picture = old.id;
        DELETE FROM album_pictures WHERE picture = old.id;
        DELETE FROM parents WHERE child = old.id OR parent = old.id;
    END
    """,
)


def first_library_tables(db: sqlite3.Connection) -> None:
    """The tables of the first version."""
    for statement in FIRST_LIBRARY_SCHEMA:
        db.execute(statement)


# the index of an order holds all that is read, and beginnings of four letters are as quick to find as shorter ones
QUICK_LISTS = (
    "DROP INDEX pictures_by_job",
    "CREATE INDEX pictures_by_job ON pictures (job, position, id, at, state)",
    "CREATE INDEX pictures_by_name ON pictures (state, name COLLATE NOCASE)",
    "CREATE INDEX pictures_by_size ON pictures (state, size)",
    "CREATE INDEX pictures_by_marks ON pictures (state, favourite, rating, at)",
    "CREATE INDEX pictures_by_model_and_time ON pictures (state, model COLLATE NOCASE, model, at DESC, id DESC)",
    "DROP TABLE picture_search",
    """
    CREATE VIRTUAL TABLE picture_search USING fts5 (
        name, prompt, negative, data, remarks,
        content='picture_words', content_rowid='id', tokenize="unicode61 remove_diacritics 2", prefix='1 2 3 4'
    )
    """,
    "INSERT INTO picture_search (picture_search) VALUES ('rebuild')",
)


def quick_lists(db: sqlite3.Connection) -> None:
    """Index every order of the list, and the first four letters of words."""
    for statement in QUICK_LISTS:
        db.execute(statement)


# what pictures show, by the image encoder that said it; another content of a file shows something else
PICTURE_EMBEDDINGS = (
    """
    CREATE TABLE picture_embeddings (
        picture INTEGER NOT NULL, encoder TEXT NOT NULL, vector BLOB NOT NULL, PRIMARY KEY (picture, encoder)
    ) WITHOUT ROWID
    """,
    """
    CREATE TRIGGER embedded_picture_gone AFTER DELETE ON pictures BEGIN
        DELETE FROM picture_embeddings WHERE picture = old.id;
    END
    """,
    """
    CREATE TRIGGER embedded_picture_changed AFTER UPDATE OF digest ON pictures WHEN old.digest != new.digest BEGIN
        DELETE FROM picture_embeddings WHERE picture = old.id;
    END
    """,
)


def picture_embeddings_table(db: sqlite3.Connection) -> None:
    """Make room for embeddings by image encoders."""
    for statement in PICTURE_EMBEDDINGS:
        db.execute(statement)


LIBRARY_MIGRATIONS: tuple[Migration, ...] = (first_library_tables, quick_lists, picture_embeddings_table)
