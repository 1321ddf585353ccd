from __future__ import annotations

import os
import random
import zlib
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.index import USED, WORDS, p95, seconds
from modules.gallery.gallery import Gallery
from modules.gallery.search import LIST_SECTIONS, ORDERS, Wanted
from modules.gallery.thumbnails import Thumbnails
from modules.metadata.png import png_chunk

PICTURES, FOLDERS, PROMPT_WORDS = 100_000, 400, 30
LISTED = 200           # pictures of a page
TIMES = 10             # each search and page is asked for
THUMBNAILS_MADE = 300
LARGE = 512            # pixels of a side, of the pictures whose thumbnails are made
NEWEST = 1_795_000_000      # 2026
SEARCHES = (
    WORDS[0], WORDS[30], f"{WORDS[5]} {WORDS[200]}", f"{WORDS[1]} {WORDS[2]}", "ha", "0042", "nothing like this",
    "model:model-3", "model:model-3 steps:>20", "lora:style-7", "seed:4242", f"-neg:{WORDS[4]} {WORDS[3]}",
    "size:64x", "date:2026-06", "is:grid", "-is:grid rating:4..", f"{WORDS[7]} sampler:euler cfg:4..7",
)


def run(pictures: str = str(PICTURES)) -> None:
    """The picture library of 100,000 small files: first index, looking again, pages of 200, searches, memory.

    CPU time, but for memory.
    """
    count = int(pictures)
    with TemporaryDirectory() as folder:
        outputs = Path(folder, "outputs")
        write_pictures(outputs, count)
        gallery = Gallery(Path(folder, "library.sqlite"), outputs, Thumbnails(Path(folder, "thumbnails")))
        before = resident_bytes()
        first = seconds(gallery.scan)
        print(f"  first index        {count / first:8.0f} pictures/s")
        print(f"  unchanged rescan   {seconds(gallery.scan):8.2f} s    goal ≤ 2")
        print(f"  page of 200, p95   {p95(answers(gallery, pages(count))):8.1f} ms   goal ≤ 5")
        print(f"  search, p95        {p95(typed(gallery)):8.1f} ms   goal ≤ 25; each letter, as somebody types")
        print(f"  … all of it anew   {p95(anew(gallery)):8.1f} ms   the first one after each change of the library")
        print(f"  facets of all      {1000 * seconds(partial(gallery.search.facets, Wanted())):8.1f} ms")
        print(f"  … of a search      {1000 * seconds(partial(gallery.search.facets, Wanted(text=WORDS[0]))):8.1f} ms")
        print(f"  headings, worst    {max(headings(gallery)):8.1f} ms   by day, model or job, after a change")
        print(f"  first page, worst  {max(first_pages(gallery)):8.1f} ms   in any order, after a change")
        print(f"  memory for it      {(resident_bytes() - before) / 2**20:8.0f} MB")
        print(f"  index on disk      {disk_bytes(Path(folder)) / count:8.0f} bytes a picture")
    with TemporaryDirectory() as folder:
        print(f"  thumbnails of {LARGE}² {thumbnails_a_second(Path(folder)):7.0f} a second")


def write_pictures(outputs: Path, count: int, side: int = 64) -> None:
    """PNGs of one colour with generation data as people have them, over days and folders."""
    chance = random.Random(0)
    words = iter(chance.choices(WORDS, USED, k=count * 2 * PROMPT_WORDS))
    for number in range(count):
        folder = outputs / ("txt2img-grids" if number % 50 == 0 else "txt2img-images") / f"day-{number % FOLDERS:03}"
        if number < 2 * FOLDERS or not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
        prompt, negative = (" ".join(islice(words, PROMPT_WORDS)) for _ in range(2))
        lora = f" <lora:style-{number % 20}:0.8>" if number % 3 == 0 else ""
        said = (
            f"{prompt}{lora}\nNegative prompt: {negative}\nSteps: {10 + number % 30}, Sampler: Euler a, CFG scale:"
            f" {3 + number % 9}, Seed: {number}, Size: {side}x{side}, Model hash: 0123456789,"
            f" Model: model-{number % 12}, Version: v1.10.1"
        )
        path = folder / f"{number:05}-{number}.png"
        path.write_bytes(tiny_picture(side, number, said))
        at = NEWEST - (count - number) * 300
        os.utime(path, (at, at))


def tiny_picture(side: int, number: int, said: str) -> bytes:
    """A PNG of one colour, by hand: an encoder would take longer than all that is measured."""
    size = side.to_bytes(4, "big")
    row = b"\0" + number.to_bytes(3, "big") * side
    return b"\x89PNG\r\n\x1a\n" + b"".join((
        png_chunk(b"IHDR", size + size + b"\x08\x02\0\0\0"), png_chunk(b"tEXt", b"parameters\0" + said.encode()),
        png_chunk(b"IDAT", zlib.compress(row * side, 1)), png_chunk(b"IEND", b""),
    ))


def pages(count: int) -> Iterator[tuple[Wanted, int]]:
    for sort in ("newest", "oldest", "name", "rating", "size"):
        for offset in (0, count // 2, count - LISTED, 200, 400, count // 3):
            yield Wanted(sort=sort), offset


def answers(gallery: Gallery, asked: Iterator[tuple[Wanted, int]]) -> list[float]:
    """Milliseconds of each page."""
    return [
        1000 * seconds(partial(gallery.search.page, wanted, offset, LISTED)) for wanted, offset in [*asked] * TIMES
    ]


def typed(gallery: Gallery) -> list[float]:
    """Milliseconds after each letter of the searches; the library stays as it is meanwhile."""
    gallery.index.revision += 1
    gallery.search.page(Wanted(), 0, LISTED)      # what is seen before somebody types
    letters = [Wanted(text=text[:end]) for text in SEARCHES for end in range(1, len(text) + 1)]
    return [1000 * seconds(partial(gallery.search.page, each, 0, LISTED)) for each in letters]


def anew(gallery: Gallery) -> list[float]:
    """Milliseconds of whole searches, each after a change of the library."""
    found = []
    for text in SEARCHES * TIMES:
        gallery.index.revision += 1
        found.append(1000 * seconds(partial(gallery.search.page, Wanted(text=text), 0, LISTED)))
    return found


def headings(gallery: Gallery) -> list[float]:
    """Milliseconds of the headings of each order that has some, after a change of the library."""
    found = []
    for sort in LIST_SECTIONS:
        gallery.index.revision += 1
        gallery.search.page(Wanted(sort=sort), 0, LISTED)
        found.append(1000 * seconds(partial(gallery.search.sections, Wanted(sort=sort))))
    return found


def first_pages(gallery: Gallery) -> list[float]:
    """Milliseconds of the first page in each order, after a change of the library."""
    found = []
    for sort in ORDERS:
        gallery.index.revision += 1
        found.append(1000 * seconds(partial(gallery.search.page, Wanted(sort=sort), 0, LISTED)))
    return found


def thumbnails_a_second(folder: Path) -> float:
    outputs = folder / "outputs"
    write_pictures(outputs, THUMBNAILS_MADE, LARGE)
    gallery = Gallery(folder / "library.sqlite", outputs, Thumbnails(folder / "thumbnails"))
    gallery.scan()
    rows = gallery.search.page(Wanted(), 0, THUMBNAILS_MADE).rows

    def make() -> None:
        for row in rows:
            gallery.thumbnail(row)

    return len(rows) / seconds(make)


def resident_bytes() -> int:
    import psutil

    return int(psutil.Process().memory_info().rss)


def disk_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("library.sqlite*"))
