"""Disks that are full, closed or gone."""

from __future__ import annotations

import base64
import contextlib
import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

from PIL import Image

from benchmarks.attacks.row import Row, Start, must
from benchmarks.attacks.target import PATIENCE, TINY, Target, digest, refusal

SMALL = 'mkdir -p "$DATA/{0}" && mount -t tmpfs -o size={1} none "$DATA/{0}"'


def fill(folder: Path, leave: int = 0) -> Path:
    """Fill a folder's disk but for so many bytes."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    if leave:
        os.truncate(filler, max(0, filler.stat().st_size - leave))
    return filler


def full_outputs(target: Target) -> str:
    """A batch fills a disk of 4 MB; the job keeps what it could save, and the next one works once there is room."""
    outputs = target.folder("outputs")
    filler = fill(outputs, 60_000)
    job = target.ended("alice", target.ask("alice", n_iter=20))
    must(job["state"] == "failed" and job["error"]["error"] == "disk_full", f"{job['state']} {job['error']}")
    saved = [picture for picture in job["pictures"] if picture["saved"]]
    for path in outputs.rglob("*.png"):
        Image.open(path).load()
    files = len(list(outputs.rglob("*.png")))
    must(files == len(saved) and not list(outputs.rglob("*.tmp")), f"{files} files, {len(saved)} recorded")
    filler.unlink()
    again = target.ended("alice", target.ask("alice"))
    must(again["state"] == "done", f"with room again it ended as {again['state']} {again['error']}")
    return f"disk_full after {len(saved)} whole pictures, then done"


def delivered_from_full_disk(target: Target) -> str:
    """The picture reaches who asked, on a disk that is full, through A1111's route."""
    filler = fill(target.folder("outputs"))
    reply = target.draw("alice", save_images=True)
    filler.unlink()
    must(target.pixels(reply) == target.reference, "it is another picture")
    return f"{reply.status_code}, the picture whole"


def full_database(target: Target) -> str:
    """New jobs get 507 on a full disk, nothing is lost, and settings keep their old file."""
    kept = target.ended("alice", target.ask("alice"))
    data = target.folder("")
    old = (data / "config.json").read_bytes() if (data / "config.json").exists() else b""
    filler = fill(data)
    reply = target.clients["alice"].post("/easel/v1/jobs", json={"kind": "txt2img", "fields": dict(TINY)})
    settings = target.clients["admin"].post("/sdapi/v1/options", json={"samples_format": "webp"})
    now = (data / "config.json").read_bytes() if (data / "config.json").exists() else b""
    filler.unlink()
    must(reply.status_code == 507, f"a job got {refusal(reply)}")
    must(settings.status_code in (200, 507) and (settings.status_code == 200 or now == old), refusal(settings))
    must(target.job("alice", kept["id"])["state"] == "done", "a job is lost")
    target.ended("alice", target.ask("alice"))
    target.clients["admin"].post("/sdapi/v1/options", json={"samples_format": "png"})
    return f"{refusal(reply)}, settings {settings.status_code}, then done"


def closed_outputs(target: Target) -> str:
    """A read-only disk is named with its setting; the picture reaches who asked."""
    reply = target.draw("alice", save_images=True)
    must(target.pixels(reply) == target.reference, "it is another picture")
    job = target.ended("alice", target.ask("alice"))
    error = job["error"] or {}
    must(job["state"] == "failed" and error.get("error") == "unwritable", f"{job['state']} {error}")
    must("folder" in f"{error}".lower(), f"it names no setting: {error}")
    must(digest(target.picture("alice", job["id"])) == target.reference, "the picture is lost")
    return f"{error}"[:200]


def closed_inputs(target: Target) -> str:
    """A full cache refuses pictures that are sent, and nothing else."""
    written = io.BytesIO()
    Image.effect_noise((500, 500), 90).save(written, "PNG")
    body = {**TINY, "init_images": [base64.b64encode(written.getvalue()).decode()]}
    cache = target.folder("cache")
    filler = fill(cache)
    sent, drawn = target.clients["alice"].post("/sdapi/v1/img2img", json=body), target.draw("alice")
    filler.unlink()
    must(sent.status_code == 507 and drawn.status_code == 200, f"sent {refusal(sent)}, drawn {drawn.status_code}")
    after = target.clients["alice"].post("/sdapi/v1/img2img", json=body)
    must(after.status_code == 200, f"with room again {refusal(after)}")
    return f"{refusal(sent)}; others go on; with room again {after.status_code}"


def missing_folders(target: Target) -> str:
    """`outputs`, the cache and the folder of temporary files are deleted under it."""
    target.ended("alice", target.ask("alice"))
    for name in ("outputs", "cache"):
        shutil.rmtree(target.folder(name))
    job = target.ended("alice", target.ask("alice"))
    must(job["state"] == "done", f"{job['state']} {job['error']}")
    must(digest(target.picture("alice", job["id"])) == target.reference, "the picture is lost")
    return "made again"


def unusable_start(target: Target) -> str:
    """A server whose data folder is closed says so, and ends with another code than 0."""
    command = ["unshare", "-m", "sh", "-c", 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"']
    data = target.data.parent / "closed"
    data.mkdir(exist_ok=True)
    python, flags = str(Path(sys.executable)), ("--skip-install", "--nowebui", "--port", "0", "--data-dir", str(data))
    ended = subprocess.run(
        [*command, str(data), python, "webui.py", *flags], capture_output=True, text=True, timeout=PATIENCE,
        cwd=Path(__file__).parents[2], env={**os.environ, "CI": "true"},
    )
    told = ended.stderr.strip().splitlines()
    must(ended.returncode not in (0, -6, -11) and told, f"code {ended.returncode}, it says {told[-1:]}")
    must("Traceback" not in ended.stderr, ended.stderr[-400:])
    return f"code {ended.returncode}: {told[-1][:120]}"


OUTPUTS = Start(mounts=SMALL.format("outputs", "4m"))
CLOSED = Start(mounts='mkdir -p "$DATA/outputs" && mount -t tmpfs -o size=1m,ro none "$DATA/outputs"')
DATABASE = Start(
    mounts='cp -a "$DATA" "$DATA.copy" && mount -t tmpfs -o size=48m none "$DATA" && cp -a "$DATA.copy/." "$DATA"'
)
CACHE = Start(mounts=SMALL.format("cache", "4m"))

ROWS = (
    Row("RES-01", "a batch fills the disk of the outputs", full_outputs, OUTPUTS),
    Row("RES-02", "the disk of the outputs is full", delivered_from_full_disk, OUTPUTS),
    Row("RES-02b", "the disk of the database and the settings is full", full_database, DATABASE),
    Row("RES-03", "the outputs are read-only", closed_outputs, CLOSED),
    Row("RES-04", "the data folder is read-only at the start", unusable_start),
    Row("RES-11", "the cache is full", closed_inputs, CACHE),
    Row("RES-12", "the outputs and the cache are deleted", missing_folders),
)
