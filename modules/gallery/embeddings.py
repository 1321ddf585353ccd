"""What pictures show, as vectors of an image encoder: alike is whoever points the same way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from modules.gallery.index import PictureIndex
from modules.gallery.schema import HERE

COMPARED_AT_ONCE = 4_000      # vectors; those of a large library do not go into memory together
Vectors = npt.NDArray[np.float16]


class PictureEmbeddings:
    """The embeddings of a library by one encoder. Any thread, and any process, may use it."""

    def __init__(self, index: PictureIndex, encoder: str) -> None:
        self.index, self.encoder = index, encoder

    def unknown(self, first: int = 0) -> list[int]:
        """Return the pictures that have none: `first` if it is one of them, then the newest."""
        rows = self.index.read(
            "SELECT id FROM pictures WHERE state = ? AND broken = '' AND NOT EXISTS (SELECT 1 FROM picture_embeddings"
            " WHERE picture = id AND encoder = ?) ORDER BY id != ?, at DESC", (HERE, self.encoder, first),
        )
        return [number for (number,) in rows]

    def put(self, vectors: Mapping[int, npt.NDArray[np.float32]]) -> None:
        """Keep vectors of length 1; no list changes by that."""
        rows = [(each, self.encoder, vector.astype(np.float16).tobytes()) for each, vector in vectors.items()]
        with self.index.database.open() as db:
            db.executemany("INSERT OR REPLACE INTO picture_embeddings VALUES (?, ?, ?)", rows)

    def of(self, picture: int) -> Vectors | None:
        """Return a picture's vector, (width,); None if it is not known."""
        found = self.index.read(
            "SELECT vector FROM picture_embeddings WHERE picture = ? AND encoder = ?", (picture, self.encoder)
        )
        return np.frombuffer(found[0][0], np.float16) if found else None

    def nearest(self, picture: int, limit: int) -> list[int]:
        """Return the pictures that show most nearly the same, without itself; none if it is not known."""
        wanted = self.of(picture)
        if wanted is None:
            return []
        found: list[tuple[float, int]] = []
        for ids, vectors in self._parts(len(wanted)):
            likeness = vectors.astype(np.float32) @ wanted.astype(np.float32)
            best = np.argsort(-likeness)[: limit + 1]
            found += zip((-likeness[best]).tolist(), ids[best].tolist(), strict=True)
        return [number for _, number in sorted(found) if number != picture][:limit]

    def _parts(self, width: int) -> Iterator[tuple[npt.NDArray[np.int64], Vectors]]:
        """Yield pictures that are here and their vectors, (n, width)."""
        last = 0
        while rows := self.index.read(
            "SELECT picture, vector FROM picture_embeddings JOIN pictures ON id = picture WHERE picture > ?"
            " AND encoder = ? AND state = ? AND length(vector) = ? ORDER BY picture LIMIT ?",
            (last, self.encoder, HERE, 2 * width, COMPARED_AT_ONCE),
        ):
            last = rows[-1][0]
            vectors = np.frombuffer(b"".join(vector for _, vector in rows), np.float16).reshape(len(rows), width)
            yield np.array([number for number, _ in rows], np.int64), vectors
