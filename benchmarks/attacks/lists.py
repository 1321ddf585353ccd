"""Lists that have grown long."""

from __future__ import annotations

import time
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from benchmarks.attacks.row import Row, Start, must
from benchmarks.attacks.target import TINY, Target, seconds_of, wait_for
from modules.store.jobs import JobRecord, JobStore
from tests.golden_data import GOLDEN

LONG_LIST = 10_000
FIRST_LIST = 10.0          # seconds for all files of networks to be read
FILES_READ = 600.0         # seconds for all files of pictures and networks to be read beside other work
SOON = 2.0                 # seconds


def long_lists(target: Target) -> str:
    """Every list with ten thousand things in it is answered soon, or a part of it is."""
    slow: list[str] = []
    wait_for(lambda: target.clients["alice"].get("/easel/v1/library").json()["total"] == LONG_LIST, FILES_READ)
    with seconds_of() as first:
        must(target.clients["alice"].get("/sdapi/v1/loras").status_code == 200, "the first list of LoRAs failed")
    must(first() < FIRST_LIST, f"the first list of {LONG_LIST:,} LoRAs took {first():.1f} s")
    paths = (
        "/easel/v1/jobs?limit=200", "/easel/v1/queue?limit=200&states=done", "/easel/v1/queue?start=9000&states=done",
        "/sdapi/v1/loras", "/easel/v1/cards?kind=lora", "/sdapi/v1/embeddings", "/sdapi/v1/sd-models",
        "/easel/v1/state", "/sdapi/v1/prompt-styles", "/easel/v1/styles", "/easel/v1/wildcards",
        "/easel/v1/completions?text=__li", "/easel/v1/plots/axes/txt2img", "/easel/v1/library",
        "/easel/v1/library/facets", "/easel/v1/library/sections",
    )
    wait_for(lambda: target.clients["alice"].get("/sdapi/v1/embeddings").elapsed.total_seconds() < SOON, FILES_READ)
    for path in paths:
        target.clients["alice"].get(path)      # the files are read once
        began = time.monotonic()
        reply = target.clients["alice"].get(path)
        seconds = time.monotonic() - began
        must(reply.status_code == 200, f"{path} got {reply.status_code}")
        must(seconds < SOON, f"{path} took {seconds:.1f} s")
        slow.append(f"{path.rpartition('/')[2]} {seconds:.2f} s, {len(reply.content) >> 10} kB")
    return f"first list of LoRAs {first():.1f} s; " + "; ".join(slow)


def with_long_lists(data: Path) -> None:
    store = JobStore(data / "easel.sqlite")
    store.add(JobRecord("task(0)", "alice", "txt2img", dict(TINY), {}, True, "done"))
    with store.database.open() as db:
        others = [name for _, name, *_ in db.execute("PRAGMA table_info(jobs)") if name not in ("id", "number")]
        db.execute(f"""
            WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < {LONG_LIST})
            INSERT INTO jobs (id, number, {', '.join(others)})
            SELECT 'task(' || n || ')', number + n, {', '.join(others)} FROM jobs, counted
        """)
    folder = data / "models/Lora"
    folder.mkdir(parents=True)
    content = (GOLDEN / "models/Lora/lora_linear.safetensors").read_bytes()
    (folder / "network-0.safetensors").write_bytes(content)
    for number in range(1, LONG_LIST):
        (folder / f"network-{number}.safetensors").hardlink_to(folder / "network-0.safetensors")
    with_many_texts(data)
    with_many_pictures(data / "outputs/alice/txt2img-images")


def with_many_texts(data: Path) -> None:
    rows = (f"style {number},a {{prompt}} of {number},\n" for number in range(LONG_LIST))
    (data / "styles.csv").write_text("name,prompt,negative_prompt\n" + "".join(rows))
    folder = data / "wildcards"
    folder.mkdir()
    for number in range(LONG_LIST):
        (folder / f"list-{number}.txt").write_text("one\ntwo\n")


def with_many_pictures(folder: Path) -> None:
    """Small pictures with generation data of their own."""
    folder.mkdir(parents=True)
    for number in range(LONG_LIST):
        told = PngInfo()
        told.add_text("parameters", f"a thing {number}\nSteps: 4, Sampler: Euler, Seed: {number}, Size: 8x8")
        Image.new("RGB", (8, 8), (number % 256, number // 256, 0)).save(folder / f"{number:05}.png", pnginfo=told)


ROWS = (Row("API-13", "lists of ten thousand", long_lists, Start(prepare=with_long_lists), alone=True),)
