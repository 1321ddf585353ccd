from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from modules.api.jobs import job_json
from modules.app.app import App
from modules.commands.assemble import assemble
from modules.engine.engine import Engine, ImageTask
from modules.engine.messages import JobSpec
from modules.library.library import find_models
from modules.params.batch import Batch, BatchItem
from modules.params.img2img import Img2Img
from modules.params.txt2img import Txt2Img
from modules.requests.resolve import resolve_img2img
from modules.sampling.questions import Task
from modules.settings.flags import parse_flags
from modules.settings.options import Settings
from modules.store.jobs import JobRecord
from modules.worker.job_kinds import plan_job

SIDE_BY_SIDE = 8      # as on a GPU
INFOTEXT = "a red fox\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 1, Size: 512x512"


def run() -> None:
    """What many waiting pictures cost: a step of the engine, a look at a job, the planning of a batch, in CPU time."""
    few, many = (step_cost(waiting) for waiting in (10, 50_000))
    print(
        f"  a step with 10 pictures waiting {few * 1e3:.3f} ms, with 50,000 {many * 1e3:.3f} ms: × {many / few:.2f}, "
        "goal ≤ 0.1 ms"
    )
    with tempfile.TemporaryDirectory() as folder:
        app = assemble(parse_flags(["--data-dir", folder], {}))
        few, many = (look_cost(app, pictures) for pictures in (100, 10_000))
        print(
            f"  a look at a job of 100 pictures {few * 1e3:.2f} ms, of 10,000 {many * 1e3:.2f} ms: × {many / few:.2f}, "
            "goal ≤ 2 ms"
        )
        few, many = (planning_cost(Path(folder), pictures) / pictures for pictures in (100, 10_000))
        print(
            f"  planning a batch of 100: {few * 1e3:.3f} ms a picture, of 10,000 {many * 1e3:.3f} ms: × "
            f"{many / few:.2f}"
        )


def seconds(do: Callable[[], Any], rounds: int) -> float:
    """CPU seconds of one, the median."""
    found = []
    for _ in range(rounds):
        began = time.process_time()
        do()
        found.append(time.process_time() - began)
    return median(found)


@dataclass(frozen=True)
class Ask:
    x: int = 0
    weights: str = "the only ones"
    rows: int = 2
    quick: bool = False

    @property
    def key(self) -> str:
        return "ask"


def asking() -> Task[None]:
    while True:
        yield Ask()


def step_cost(waiting: int) -> float:
    engine = Engine(lambda questions: [0] * len(questions), lambda picture: None)
    engine.submit([ImageTask(asking(), "job", i, "me", i) for i in range(waiting)], SIDE_BY_SIDE)
    engine.listen()
    return seconds(engine.step, 200)


def look_cost(app: App, pictures: int) -> float:
    """What the page asks several times a second."""
    job = f"job-{pictures}"
    batch = asdict(Batch(tuple(BatchItem(f"/pictures/{i}.png", f"{i}.png") for i in range(pictures))))
    app.jobs.store.add(
        JobRecord(
            job, "me", "img2img", {**asdict(Txt2Img(prompt="a red fox")), "batch": batch}, asdict(Settings()), True
        )
    )
    with app.jobs.store.database.open() as db:
        rows = [(job, i, f"/outputs/{i}.png", INFOTEXT, '{"seed": 1, "prompt": "a red fox"}') for i in range(pictures)]
        columns = "job, position, path, infotext, facts, saved"
        db.executemany(f"INSERT INTO outputs ({columns}) VALUES (?, ?, ?, ?, ?, 1)", rows)
        db.execute("UPDATE jobs SET made = ? WHERE id = ?", (pictures, job))
    return seconds(lambda: json.dumps(job_json(app, app.jobs.brief(job, "me", 100))), 50)


def planning_cost(folder: Path, pictures: int) -> float:
    settings = Settings()
    params = asdict(resolve_img2img(Img2Img(prompt="a red fox", init_images=("x",), seed=3), settings))
    batch = asdict(Batch(tuple(BatchItem(f"/pictures/{i}.png", f"{i}.png") for i in range(pictures))))
    spec = JobSpec("job", "me", "img2img", json.loads(json.dumps({**params, "batch": batch})), asdict(settings))
    library = find_models(parse_flags(["--data-dir", str(folder)], {}))
    return seconds(lambda: plan_job(spec, library, folder), 1)
