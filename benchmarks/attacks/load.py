"""Many jobs, many changes, many rounds: of one person, or of several at once."""

from __future__ import annotations

import io
import itertools
import random
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from statistics import linear_regression
from typing import Any

import httpx
import numpy as np
from PIL import Image

from benchmarks.attacks.row import Row, Start, must
from benchmarks.attacks.target import ENDED, TINY, Target, digest, wait_for
from benchmarks.people import images_of
from modules.app.jobs import Jobs, ResolvedRequest
from modules.base.accounts import Account, Role
from modules.engine.messages import Ended, JobSpec, Started, WorkerReady
from modules.params.txt2img import Txt2Img
from modules.settings.options import Settings
from modules.store.jobs import JobStore

MANY_JOBS = 2_000           # of the slope of memory
JOBS_OF_FEW_FILES = 500
HANDED = 10_000
ROUNDS = 50
MIXED_UP = 16               # values of a colour; company in a call changes the last bits
SWITCHES = 100
STOP_SECONDS = 1.0          # beyond two steps
NETWORKS = ("lora_linear", "lora_unet_only")


class Quick:
    """A worker that makes nothing: jobs end as soon as somebody takes them out of its hands."""

    def __init__(self) -> None:
        self.specs: list[JobSpec] = []

    def start(self) -> None: ...

    def submit(self, spec: JobSpec) -> None:
        self.specs.append(spec)

    def interrupt(self, job: str) -> None: ...

    def skip(self, job: str) -> None: ...

    def keep_loaded(self, checkpoint: str) -> None: ...

    def try_again(self) -> None: ...

    def stop(self) -> None: ...


def handed_over_once(target: Target) -> str:
    """10,000 jobs asked for by two at once, each handed over exactly once."""
    with tempfile.TemporaryDirectory() as folder:
        jobs, worker = Jobs(JobStore(Path(folder) / "easel.sqlite")), Quick()
        jobs.attach(worker)
        jobs.hear(WorkerReady("", {}, 4, 2))
        barrier, asked = threading.Barrier(2), []

        def ask(owner: str) -> None:
            barrier.wait()
            for _ in range(HANDED // 2):
                params = {**vars_of(Txt2Img(width=64, height=64, steps=1))}
                request = ResolvedRequest("txt2img", params, Settings())
                asked.append(jobs.submit(request, Account(owner, Role.ADMINISTRATOR)))

        askers = [threading.Thread(target=ask, args=[owner]) for owner in ("alice", "bob")]
        for asker in askers:
            asker.start()
        ended = 0
        while ended < HANDED and (len(worker.specs) > ended or any(asker.is_alive() for asker in askers)):
            for spec in worker.specs[ended:]:
                jobs.hear(Started(spec.id))
                jobs.hear(Ended(spec.id, "done"))
                ended += 1
            time.sleep(0.001)
        handed = Counter(spec.id for spec in worker.specs)
        must(len({*asked}) == HANDED and {*handed} == {*asked} and max(handed.values()) == 1, "some twice or never")
        must(not jobs.unfinished.live, f"{len(jobs.unfinished.live)} are left")
    return f"{HANDED} jobs, each once"


def vars_of(params: Txt2Img) -> dict[str, object]:
    return {name: getattr(params, name) for name in params.__dataclass_fields__}


def left_and_returned(target: Target) -> str:
    """The stream is dropped in mid-job and opened again after 5 seconds, and after the end."""
    for wait in (5.0, 20.0):
        job = target.ask("alice", steps=100, n_iter=3)
        stream = f"/easel/v1/jobs/{job}/events"
        with target.clients["alice"].stream("GET", stream) as reply:
            next(reply.iter_lines())
        time.sleep(wait)
        with target.clients["alice"].stream("GET", stream) as reply:
            last = [line for line in reply.iter_lines() if line.startswith("data: ")][-1]
        must('"state": "done"' in last, f"after {wait:.0f} s: {last[:200]}")
        found = target.job("alice", job)
        made = [each["seed"] for each in images_of(found)]
        must(made == [7, 8, 9], f"its pictures have the seeds {made}")
    return "done, each picture once"


def stopped_in_time(target: Target) -> str:
    """An interruption in sampling, hires fix, the upscaler, a script, and while a model is loaded."""
    hires = {"enable_hr": True, "hr_scale": 2, "hr_second_pass_steps": 40, "denoising_strength": 0.9}
    cases: dict[str, tuple[dict[str, object], int]] = {
        "sampling": ({"steps": 150, "width": 256, "height": 256}, 5),
        "hires fix": ({**hires, "steps": 4, "width": 128, "height": 128}, 6),
        "upscaler": ({**hires, "steps": 2, "hr_upscaler": "Lanczos", "hr_scale": 4}, 1),
        "many pictures": ({"n_iter": 50, "steps": 10}, 30),
        "loading": ({"steps": 10}, 0),
    }
    told = []
    for name, (fields, step) in cases.items():
        settings = {"sd_model_checkpoint": "second"} if name == "loading" else {}
        job = target.ask("alice", settings, **fields)
        wait_for(partial(progressed, target, job, step), 60)
        began = time.monotonic()
        target.clients["alice"].post(f"/easel/v1/jobs/{job}/interrupt")
        ended = target.ended("alice", job)
        seconds = time.monotonic() - began
        must(ended["state"] == "interrupted" or ended["state"] == "done", f"{name}: {ended['state']} {ended['error']}")
        must(seconds < 4, f"{name}: {seconds:.1f} s")
        told.append(f"{name} {seconds:.1f} s")
    return ", ".join(told)


def progressed(target: Target, job: str, steps: int) -> bool:
    found = target.job("alice", job)
    return found["state"] in ENDED or found["made"] * 10 + found["step"] >= steps


def many_jobs(target: Target) -> str:
    """Jobs one after another: memory does not grow with their number, and the history has its end."""
    sizes: list[float] = []
    for count in range(MANY_JOBS):
        must(target.draw("alice", steps=1).status_code == 200, "a picture failed")
        if count % 20 == 0:
            sizes.append(target.memory())
    warm = sizes[len(sizes) // 3 :]
    slope = linear_regression(range(len(warm)), warm).slope * 50      # 20 jobs a look → 1,000 jobs
    must(slope < 5, f"{slope:+.1f} MB in 1,000 jobs")
    return f"{MANY_JOBS} jobs, {slope:+.2f} MB in 1,000 once warm"


def changing_networks(target: Target) -> str:
    """Two LoRAs by turns, and the picture without them after each: nothing of a patch is left behind."""
    made: dict[str, str] = {}
    for network in itertools.islice(itertools.cycle(NETWORKS), SWITCHES):
        found = target.pixels(target.draw("alice", prompt=f"a red circle <lora:{network}:1>"))
        must(made.setdefault(network, found) == found, f"{network} makes another picture than before")
        must(target.pixels(target.draw("bob")) == target.reference, f"after {network} the plain picture is another")
    must(len({*made.values(), target.reference}) == 3, "the networks change nothing")
    return f"{SWITCHES} changes, the plain picture the same after each"


def colours_of_two(target: Target) -> str:
    """Rounds in which alice leaves her stream in mid-job while bob waits: nobody gets the other's picture."""
    alone = {name: pixels_of(made_by(target, name, {"seed": seed})) for name, seed in (("alice", 1), ("bob", 2))}
    must(far(*alone.values()) > MIXED_UP, "both pictures are alike")
    most = 0
    for _ in range(ROUNDS):
        jobs = {name: target.ask(name, seed=seed) for name, seed in (("alice", 1), ("bob", 2))}
        with suppress(StopIteration), target.clients["alice"].stream(
            "GET", f"/easel/v1/jobs/{jobs['alice']}/events"
        ) as reply:
            next(reply.iter_lines())
        for name, job in jobs.items():
            must(target.ended(name, job)["state"] == "done", f"{job} of {name} failed")
            most = max(most, far(pixels_of(target.picture(name, job)), alone[name]))
            must(most < MIXED_UP, f"{name} got another picture")
            other = "bob" if name == "alice" else "alice"
            must(target.clients[other].get(f"/easel/v1/jobs/{job}").status_code == 404, f"{other} sees {name}'s job")
    return f"{ROUNDS} rounds, no mix-up; at most {most} of 255 from the picture alone, since they share calls"


def pixels_of(picture: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"), dtype=int)


def far(one: np.ndarray, other: np.ndarray) -> int:
    """The largest difference of two pictures of one size, in values of a colour."""
    return int(np.abs(one - other).max())


def models_of_two(target: Target) -> str:
    """alice and bob use two checkpoints in turns, fifty jobs each, and other settings."""
    habits: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "alice": ({"sd_model_checkpoint": "tiny-sd1"}, {}),
        "bob": ({"sd_model_checkpoint": "second", "CLIP_stop_at_last_layers": 2}, {"steps": 3}),
    }
    wanted = {name: digest(made_by(target, name, fields, settings)) for name, (settings, fields) in habits.items()}
    must(wanted["alice"] != wanted["bob"], "both models make one picture")
    for _ in range(ROUNDS):
        jobs = {name: target.ask(name, settings, **fields) for name, (settings, fields) in habits.items()}
        for name, job in jobs.items():
            must(target.ended(name, job)["state"] == "done", f"{job} failed")
            must(digest(target.picture(name, job)) == wanted[name], f"{name}'s picture is another one")
    return f"{2 * ROUNDS} jobs of two models, each picture as alone"


def made_by(target: Target, name: str, fields: Mapping[str, Any], settings: Mapping[str, Any] | None = None) -> bytes:
    """The picture of a job that nobody else's is beside."""
    job = target.ask(name, settings, **fields)
    must(target.ended(name, job)["state"] == "done", f"{target.job(name, job)['error']}")
    return target.picture(name, job)


def leftovers(target: Target) -> str:
    """bob overrides settings without restoring them; alice's picture stays what it was."""
    for override in ({"CLIP_stop_at_last_layers": 3}, {"sd_vae": "None"}, {"eta_noise_seed_delta": 31337},
                     {"sd_model_checkpoint": "second"}):
        body = {"override_settings": override, "override_settings_restore_afterwards": False}
        must(target.draw("bob", **body).status_code == 200, f"{override} failed")
        must(target.pixels(target.draw("alice")) == target.reference, f"{override} of bob's changed alice's picture")
        target.clients["bob"].post("/sdapi/v1/options", json=override)
        must(target.pixels(target.draw("alice")) == target.reference, f"bob's default {override} changed alice's")
    return "alice's picture the same after each"


def a_thousand_jobs(target: Target) -> str:
    """bob asks for a thousand jobs, then alice for one."""
    refused, taken = 0, []
    for _ in range(1000):
        reply = target.clients["bob"].post("/easel/v1/jobs", json={"kind": "txt2img", "fields": {**TINY, "steps": 30}})
        if reply.status_code == 200:
            taken.append(reply.json()["job"])
        elif reply.status_code == 429 and "retry-after" in reply.headers:
            refused += 1
        else:
            must(False, f"{reply.status_code} {reply.text:.100}")
    done_before = len([job for job in taken if target.job("bob", job)["state"] == "done"])
    target.ended("alice", target.ask("alice"))
    done = len([job for job in taken if target.job("bob", job)["state"] == "done"])
    for job in taken:
        target.clients["bob"].post(f"/easel/v1/queue/{job}/cancel")
    must(refused and len(taken) >= 100, f"{len(taken)} taken, {refused} refused")
    must(done - done_before <= 4, f"{done - done_before} of bob's jobs were done before alice's one")
    return f"{len(taken)} taken, {refused} got 429; alice's was done after {done - done_before} of bob's"


def few_files(target: Target) -> str:
    """Hundreds of jobs with 256 open files at most, and as many idle connections as fit."""
    idle = []
    with suppress(OSError, httpx.HTTPError):
        for _ in range(200):
            client = httpx.Client(base_url=target.address, timeout=10)
            idle.append(client)
            client.get("/internal/ping")
    for count in range(JOBS_OF_FEW_FILES):
        must(target.draw("alice", steps=1).status_code == 200, f"job {count} failed")
    for client in idle:
        client.close()
    return f"{JOBS_OF_FEW_FILES} jobs beside {len(idle)} connections"


def with_second(data: Path) -> None:
    """A second checkpoint, whose picture is another one."""
    from safetensors.torch import load_file, save_file

    folder = data / "models/Stable-diffusion"
    tensors = load_file(folder / "tiny-sd1.safetensors")
    name = "model.diffusion_model.out.2.weight"
    tensors[name] = tensors[name] * 0.9
    save_file(tensors, folder / "second.safetensors")
    for other in folder.glob("tiny-sd1.yaml"):
        shutil.copy(other, folder / "second.yaml")


def rows_of(*rows: Row) -> Sequence[Row]:
    random.seed(7)
    return rows


TWO_MODELS = Start(prepare=with_second)
ROWS = rows_of(
    Row("CON-02", "10,000 jobs of two who ask at once", handed_over_once, long=True),
    Row("CON-04", "a stream that is dropped and opened again", left_and_returned),
    Row("CON-06", "interruptions", stopped_in_time, TWO_MODELS, alone=True),
    Row("CON-10", "thousands of jobs", many_jobs, long=True),
    Row("CON-11", "two LoRAs by turns, a hundred times", changing_networks, Start(networks=True), long=True),
    Row("ISO-08", "alice leaves in mid-job, bob waits, fifty times", colours_of_two),
    Row("ISO-10", "two models of two people by turns", models_of_two, TWO_MODELS, long=True),
    Row("ISO-11", "settings that are overridden and not restored", leftovers, TWO_MODELS),
    Row("ISO-13", "a thousand jobs of one, then one of another", a_thousand_jobs),
    Row("RES-10", "256 open files", few_files, Start(prefix=("prlimit", "--nofile=256:256"))),
)
