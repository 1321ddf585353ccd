from __future__ import annotations

import json
import random
import struct
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice, product
from pathlib import Path
from tempfile import TemporaryDirectory

from modules.commands.assemble import read_embedding
from modules.library.cards import Cards
from modules.library.catalog import Catalog
from modules.library.index import IndexQuery, LibraryIndex
from modules.library.model_kinds import LORA
from modules.store.hashes import HashCache

FILES, FOLDERS, TAGS = 10_000, 50, 40
ASKED = 20          # times each search and page is asked for
WIDTH = 768         # of SD1's context
SYLLABLES = "ka ri to me su na lo vi de ha po ne".split()
# as many as people's tags have, and as unevenly used
WORDS = tuple("".join(parts) for parts in product(SYLLABLES, repeat=3))
USED = tuple(1 / rank for rank in range(1, len(WORDS) + 1))
SEARCHES = (
    WORDS[0],
    WORDS[30],
    f"{WORDS[5]} {WORDS[200]}",
    f"{WORDS[1]} {WORDS[2]}",
    "ha",
    "0042",
    "nothing like this",
)


def run() -> None:
    """10,000 LoRA files behind the model pickers: looking at them all, looking again, a page of 200, a search.

    CPU time.
    """
    with TemporaryDirectory() as folder:
        home, database = Path(folder, "Lora"), Path(folder, "easel.sqlite")
        write_files(home)
        catalog = Catalog((home,), HashCache(database), LORA)
        cards = Cards({"lora": catalog}, LibraryIndex(database), read_embedding)
        print(f"  cold scan          {seconds(cards.scan):8.2f} s    goal ≤ 10")
        print(f"  unchanged rescan   {seconds(cards.scan):8.2f} s    goal ≤ 1")
        print(f"  … of which listing {seconds(catalog.refresh):8.2f} s")
        print(f"  page of 200, p95   {p95(answers(cards.index, pages())):8.1f} ms   goal ≤ 5")
        print(f"  search, p95        {p95(answers(cards.index, searches())):8.1f} ms   goal ≤ 25")


def write_files(home: Path) -> None:
    """Tiny files whose headers are like those of kohya-ss: a trainer's name, 40 tags, one tensor."""
    words = iter(random.Random(0).choices(WORDS, USED, k=FILES * (TAGS + 3)))
    for folder in range(FOLDERS):
        (home / f"folder-{folder}").mkdir(parents=True)
    for number in range(FILES):
        name = f"{next(words)}-{next(words)}-{number:05}.safetensors"
        tags = {"10_set": {tag: count for count, tag in enumerate(islice(words, TAGS), start=1)}}
        metadata = {
            "ss_output_name": next(words),
            "ss_base_model_version": "sd_v1",
            "ss_tag_frequency": json.dumps(tags),
        }
        (home / f"folder-{number % FOLDERS}" / name).write_bytes(tiny(metadata))


def tiny(metadata: dict[str, str]) -> bytes:
    tensor = {"dtype": "F16", "shape": [1, WIDTH], "data_offsets": [0, 2 * WIDTH]}
    header = json.dumps({"__metadata__": metadata, "lora_unet_mid_block_attn2_to_k.lora_down.weight": tensor}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(2 * WIDTH)


def pages() -> Iterator[IndexQuery]:
    for sort in ("name", "date", "size", "path"):
        for offset in (0, FILES // 2, FILES - 200):
            yield IndexQuery(kind="lora", sort=sort, offset=offset)


def searches() -> Iterator[IndexQuery]:
    for search in SEARCHES:
        yield IndexQuery(kind="lora", search=search)


def answers(index: LibraryIndex, queries: Iterator[IndexQuery]) -> list[float]:
    """Milliseconds of each."""
    return [1000 * seconds(partial(index.page, query)) for query in [*queries] * ASKED]


def seconds(call: Callable[[], object]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


def p95(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]
