"""Many pictures as one file: a zip that is made while it is sent, and a page of thumbnails."""

from __future__ import annotations

import html
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path, PurePosixPath

from zipstream import ZIP_STORED, ZipStream

from modules.base.border import outcome
from modules.base.errors import sentence
from modules.gallery.filing import free_names
from modules.gallery.gallery import Gallery
from modules.gallery.index import PictureRow
from modules.imaging.filename import harmless_part
from modules.imaging.folders import content_of
from modules.metadata.formats import with_file_metadata
from modules.metadata.pieces import FileMetadata
from modules.params.infotext import split_infotext

PROBLEMS_NAME = "not in here.txt"
WITHOUT_METADATA = frozenset({"bmp"})      # formats that hold no data at all
LONGEST_CAPTION = 300      # characters of a prompt below a thumbnail


def zip_of(files: Iterable[tuple[PurePosixPath, Callable[[], bytes]]]) -> Iterator[bytes]:
    """Yield a zip of pictures; one is in memory at a time, and none is compressed, since pictures are.

    files: the place of each in the zip, which is made valid on every system, and a function that returns its content;
    what cannot be had is listed in a file at the end
    """
    stream = ZipStream(compress_type=ZIP_STORED)
    problems: list[str] = []
    taken: set[str] = set()
    for wanted, read in files:
        place = PurePosixPath(*(harmless_part(part) or "_" for part in wanted.parts))
        names = (path.as_posix() for path in free_names(Path(place.parent), place.name))
        name = next(each for each in names if each not in taken)
        taken.add(name)
        content = outcome(read)
        if isinstance(content, Exception):
            problems.append(f"{name}: {sentence(content)}")
            continue
        stream.add(content, name)
        yield from stream.all_files()
    if problems:
        stream.add("\n".join([*problems, ""]).encode("utf-8", "replace"), PROBLEMS_NAME)
    yield from stream.finalize()


def zip_of_pictures(gallery: Gallery, rows: Sequence[PictureRow], with_data: bool) -> Iterator[bytes]:
    """Yield a zip of the library's pictures in their folders, with or without all metadata."""
    return zip_of(
        (PurePosixPath(row.folder, row.name), partial(zipped_content, gallery, row, with_data)) for row in rows
    )


def zipped_content(gallery: Gallery, row: PictureRow, with_data: bool) -> bytes:
    """Return a picture's file, with or without all its metadata. Raises WebUIError."""
    content = content_of(gallery.path_of(row))
    if with_data or row.name.rpartition(".")[2].lower() in WITHOUT_METADATA:
        return content
    return with_file_metadata(content, FileMetadata())


def contact_sheet(gallery: Gallery, rows: Sequence[PictureRow]) -> Iterator[str]:
    """Yield an HTML page of thumbnails with names and prompts, which needs no other file."""
    yield SHEET_HEAD
    for row in rows:
        thumbnail = outcome(gallery.thumbnail, row)
        shown = "" if isinstance(thumbnail, Exception) else (
            f'<img src="data:image/jpeg;base64,{b64encode(thumbnail).decode()}" alt="">'
        )
        said = split_infotext(gallery.index.texts(row.id)[0])
        more = " · ".join(filter(None, (
            f"{row.width} × {row.height}", row.model, "" if row.seed is None else f"seed {row.seed}"
        )))
        yield (
            f"<figure>{shown}<figcaption><b>{html.escape(row.name)}</b><br>"
            f"{html.escape(said.prompt[:LONGEST_CAPTION])}<br><small>{html.escape(more)}</small></figcaption></figure>\n"
        )
    yield "</main>\n"


SHEET_HEAD = """<!doctype html>
<meta charset="utf-8">
<title>Contact sheet</title>
<style>
body { font: 14px/1.4 system-ui, sans-serif; margin: 2em; color: #222; background: #fff; }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(200px, 1fr)); gap: 1.5em; }
figure { margin: 0; break-inside: avoid; }
img { max-width: 100%; display: block; margin-bottom: .4em; }
figcaption { overflow-wrap: anywhere; }
small { color: #666; }
</style>
<main>
"""
