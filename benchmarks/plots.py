from __future__ import annotations

import json
import tempfile
import time
import tracemalloc
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.jobs import one_by_one
from benchmarks.measure import alternating, report
from benchmarks.model import CHECKPOINT, SIDE, random_model, ready_device
from modules.engine.engine import Engine, ImageTask
from modules.engine.messages import JobSpec
from modules.models.device import Device, Placement
from modules.params.known_names import KnownNames
from modules.params.plots import XyzPlot
from modules.params.scripts import in_order, resolve_script
from modules.params.txt2img import Txt2Img
from modules.pipelines import txt2img
from modules.pipelines.plan import Files, ImagePlan
from modules.pipelines.scripts.xyz_plot import plot_cells
from modules.prompts.tokenizer import load_tokenizer
from modules.requests.resolve import resolve_request
from modules.settings.options import Settings
from modules.worker.job_kinds import JobPlan, plan_job
from modules.worker.runner import PLOT_ON_CPU
from tests.golden_data import GOLDEN, assemble_models, golden_library
from tests.playing import results

MIXED = {
    "x_type": "CFG Scale", "x_values": "3-8", "y_type": "Sampler",
    "y_values": "Euler,Euler a,DPM++ 2M,DDIM,Heun,LMS",
}
DEAR = {
    "x_type": "Sampler", "x_values": "Euler,DDIM",
    "y_type": "Checkpoint name", "y_values": "tiny-sd1,tiny-sd1-b,tiny-sd1-c",
    "z_type": "VAE", "z_values": "None,tiny-alt.vae.safetensors",
}
LARGE = {
    "x_type": "Steps", "x_values": "1-100", "y_type": "CFG Scale", "y_values": "1-20 [20]", "z_type": "Prompt S/R",
    "z_values": "fox,cat,dog,owl,hen",
}


def run() -> None:
    """36 cells of samplers and CFG scales one by one ÷ as a plot; models loaded; 10,000 cells planned."""
    torch.set_num_threads(1)
    planning()
    model_changes()
    shared_calls()


def shared_calls() -> None:
    """A 6 × 6 plot against its pictures made alone, with as many side by side as a plot has."""
    device, request = ready_device(random_model()), plot_request(MIXED, width=SIDE, height=SIDE, steps=4)
    cells = plot_cells(request, XyzPlot(*request.script_args), Settings(), True)
    plans = [txt2img.plan_single_pass(params, settings, Files(CHECKPOINT)) for params, settings in cells.requests]
    alone, plotted = one_by_one(device, plans), as_a_plot(device, plans)
    difference = max(int(np.abs(a.astype(int) - b.astype(int)).max()) for a, b in zip(alone, plotted, strict=True))
    sides = {"one by one": lambda: one_by_one(device, plans), "a plot": lambda: as_a_plot(device, plans)}
    report(alternating(sides, rounds=1), "one by one", "a plot", "≥ 1.3")
    print(f"  largest difference of a pixel: {difference} of 255, goal ≤ 1")


def as_a_plot(device: object, plans: list[ImagePlan]) -> list[np.ndarray]:
    pictures = [ImageTask(plan.task(), "plot", place, "me", place) for place, plan in enumerate(plans)]
    engine = Engine(device.answer, lambda _: None, batch_weights=device.batch_weights)      # type: ignore[attr-defined]
    return [result.pixels for result in results(engine, pictures, PLOT_ON_CPU)]


def model_changes() -> None:
    """Models loaded for a plot of samplers, checkpoints and VAEs, with room for one, ÷ checkpoints in it."""
    loaded: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        library = golden_library(assemble_models(Path(folder)))
        tokenizer = load_tokenizer(GOLDEN / "models/tiny-clip")
        device = Device(library, tokenizer, Placement.choose(cpu=True), lambda loading, _: loaded.append(loading))
        device.kept = 1
        plan = plan_job(plot_spec(DEAR, width=64, height=64, steps=1), library, Path(folder))
        engine = Engine(device.answer, lambda _: None, batch_weights=device.batch_weights)
        pictures = [ImageTask(plan.task(n), "plot", n, "me", place) for place, n in enumerate(plan.grids.order)]
        results(engine, pictures, PLOT_ON_CPU)
    made, needed = sum(map(bool, loaded)), len(DEAR["y_values"].split(","))
    print(f"  models loaded ÷ needed = {made / needed:.3f}   ({made} ÷ {needed}), goal 1.0")


def planning() -> None:
    """A plot of 10,000 cells from request to plans, and what these hold."""
    with tempfile.TemporaryDirectory() as folder:
        library = golden_library(assemble_models(Path(folder)))
        plan_of(library, folder)
        began = time.process_time()
        plan = plan_of(library, folder)
        seconds = time.process_time() - began
        tracemalloc.start()
        plan_of(library, folder)
        kilobytes = tracemalloc.get_traced_memory()[1] / 1024 / len(plan.numbers)
        tracemalloc.stop()
    print(f"  {len(plan.numbers):,} cells planned in {seconds:.3f} CPU s, goal ≤ 1; {kilobytes:.1f} kB a cell")


def plan_of(library: object, folder: str) -> JobPlan:
    return plan_job(plot_spec(LARGE), library, Path(folder))      # type: ignore[arg-type]


def plot_request(axes: dict[str, str], **fields: int) -> Txt2Img:
    given: dict[str, Any] = {"script_name": "X/Y/Z plot", "script_args": in_order(XyzPlot(**axes)), **fields}      # type: ignore[arg-type]
    asked = Txt2Img(prompt="a red fox", seed=1, **given)
    return resolve_request(resolve_script(asked, "txt2img", KnownNames({}, Settings)))


def plot_spec(axes: dict[str, str], **fields: int) -> JobSpec:
    params = json.loads(json.dumps(asdict(plot_request(axes, **fields))))
    return JobSpec("plot", "me", "txt2img", params, asdict(Settings(sd_model_checkpoint="tiny-sd1")))
