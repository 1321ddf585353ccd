"""Checkpoints that change again and again, and memory that runs out at every point of a job."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.attacks.row import Row, Start, must
from benchmarks.attacks.target import MB, Target
from benchmarks.servers import ROOT

SHIPPED = ROOT / "models/Stable-diffusion/easel-stickers-128.safetensors"
CHECKPOINT_SWITCHES = 100
FIRST_SWITCHES = 15        # until every pool of memory has its size
HIRES = {"enable_hr": True, "hr_scale": 2, "denoising_strength": 0.7, "hr_second_pass_steps": 4}
OOM_POINTS = ("load", "text", "step:3", "hires", "vae")


def changing_checkpoints(target: Target) -> str:
    """Three checkpoints by turns: memory stays within one model of what it was."""
    sizes: list[float] = []
    for count in range(CHECKPOINT_SWITCHES):
        override = {"sd_model_checkpoint": f"sticker-{count % 3}"}
        reply = target.draw("alice", steps=1, override_settings=override)
        must(reply.status_code == 200, f"change {count}: {reply.status_code} {reply.text:.200}")
        sizes.append(target.memory())
    model = SHIPPED.stat().st_size / MB
    more = max(sizes[FIRST_SWITCHES:]) - sizes[FIRST_SWITCHES]
    must(more <= model, f"{more:+.0f} MB after change {FIRST_SWITCHES}; a model has {model:.0f}")
    return f"{CHECKPOINT_SWITCHES} changes, {more:+.1f} MB at most after {FIRST_SWITCHES}; a model has {model:.0f}"


def with_three_checkpoints(data: Path) -> None:
    """Three checkpoints of one size, whose weights differ."""
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    with safe_open(SHIPPED, "pt") as file:
        metadata = file.metadata()
    tensors, name = load_file(SHIPPED), "model.diffusion_model.out.2.weight"
    for number in range(3):
        path = data / f"models/Stable-diffusion/sticker-{number}.safetensors"
        save_file({**tensors, name: tensors[name] * (1 - number / 20)}, path, metadata)


def out_of_memory(target: Target) -> str:
    """Memory runs out while a model is loaded, a prompt read, a step taken, in hires fix, and in the decoder."""
    told, port, start = [], int(urlsplit(target.address).port or 0), target.start
    for point in OOM_POINTS:
        target.end()
        target.start = replace(start, flags=("--test-hooks",), environment=(("EASEL_FAULT", f"oom@{point}"),))
        target.begin(port)
        settings = {"sd_model_checkpoint": "sticker-1"} if point == "load" else {}
        job = target.ended("alice", target.ask("alice", settings, **(HIRES if point == "hires" else {})))
        error = job["error"] or {}
        must(job["state"] == "failed" and error.get("error") == "oom", f"{point}: {job['state']} {error}")
        must(error.get("hint"), f"{point}: no advice")
        must(target.pixels(target.draw("bob")) == target.reference, f"{point}: the next picture is another one")
        told.append(point)
    return f"{', '.join(told)}: `oom` with advice, the next picture as before"


THREE = Start(prepare=with_three_checkpoints)
ROWS = (
    Row("CON-09", "three checkpoints by turns, a hundred times", changing_checkpoints, THREE, long=True),
    Row("RES-05", "memory runs out at each point of a job", out_of_memory, THREE, keeps=False, calm=True),
)
