from __future__ import annotations

import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import torch
from torch.nn import functional as F

from benchmarks.measure import alternating, report
from benchmarks.model import SIDE, WEIGHTS, random_model, ready_device
from modules.base.accounts import LOCAL_ACCOUNT
from modules.base.streams import stream
from modules.commands.easel import Easel
from modules.imaging.dataset.samples import load_sample
from modules.models.checkpoint.loaded_model import LoadedModel
from modules.models.learning import trainable
from modules.params.training import Training
from modules.requests.submit import Submission, submit
from modules.requests.training_runs import run_of_job
from modules.training.lessons import Lessons
from modules.training.lora import Lora, LoraShape
from modules.training.run import run_course
from modules.training.student import TEXT_ENCODER, UNET
from modules.worker.training.measuring import Meter, forget_peak, peak_memory, used_memory
from tests.golden_data import GOLDEN
from tests.training.conftest import draw_zorbs
from tests.training.runs import SEED, Follower, carried_out, course_of, data_of, lessons_of

STEPS, BATCH, DRAWN = 8, 4, 12
SHARE = 0.25
LARGE = 1024      # pixels of a picture that the data path reads


def run() -> None:
    """A LoRA's step ÷ its bare forward and backward passes; a run's memory ÷ what three measured steps tell of it; what
    a picture takes beside a run ÷ alone; pictures a second that are read, cropped and captioned.
    """
    torch.set_num_threads(1)
    with TemporaryDirectory() as folder:
        steps_against_bare(draw_zorbs(Path(folder) / "small", SIDE))
        memory_against_estimate(Path(folder) / "small")
        data_path(draw_zorbs(Path(folder) / "large", LARGE))
        drawing_beside(Path(folder))


def steps_against_bare(pictures: Path) -> None:
    model = random_model()
    device = ready_device(model)
    data = data_of(pictures, BATCH, side=SIDE)
    lessons = lessons_of(device, WEIGHTS, data)      # latents are kept from the first round on
    sides = {"easel": lambda: learn(device, lessons), "bare passes": lambda: bare_passes(model)}
    report(alternating(sides), "easel", "bare passes", "≤ 1.05")


def learn(device: object, lessons: Lessons) -> None:
    course = course_of(WEIGHTS, lambda model: Lora(model, LoraShape(8), SEED), STEPS)
    carried_out(device, run_course(course, lessons, Follower()))


def bare_passes(model: LoadedModel) -> None:
    """The passes of as many steps with the same layers trained, and nothing around them, not even an optimiser."""
    networks = trainable(model)
    lora = Lora(networks, LoraShape(8), SEED)
    tensors = list(lora.tensors.values())
    x = torch.randn(BATCH, 4, SIDE // 8, SIDE // 8)
    t, tokens = torch.full((BATCH,), 500), torch.full((BATCH, 77), 49407)
    for _ in range(STEPS):
        with torch.enable_grad(), lora.attached(networks, ()):
            text = networks.networks[TEXT_ENCODER](tokens).last_hidden_state
            loss = F.mse_loss(networks.networks[UNET](x, t, text, return_dict=False)[0], x)
            torch.autograd.grad(loss, tensors, allow_unused=True)


def memory_against_estimate(pictures: Path) -> None:
    device = ready_device(random_model())
    lessons = lessons_of(device, WEIGHTS, data_of(pictures, BATCH, side=SIDE))
    course = course_of(WEIGHTS, lambda model: Lora(model, LoraShape(8), SEED), 4 * STEPS)
    before, peaks = used_memory(), list[int]()
    for watcher in (Meter(), Follower()):
        forget_peak()
        carried_out(device, run_course(course, lessons, watcher))
        peaks.append(peak_memory() - before)
    estimate, peak = peaks
    print(f"  memory: a run {peak / 1e6:.0f} MB ÷ three measured steps {estimate / 1e6:.0f} MB = {peak / estimate:.2f}")


def data_path(pictures: Path) -> None:
    data = data_of(pictures, BATCH, side=512)
    seconds = []
    for step in range(3):
        began = time.process_time()
        for slot, picture in enumerate(data.pictures):
            load_sample(picture, stream(SEED, "picture", step, slot))
            picture.caption_at(stream(SEED, "caption", step, slot), step, 1)
        seconds.append((time.process_time() - began) / len(data.pictures))
    print(f"  data: {1 / median(seconds):.0f} pictures of {LARGE}² read and cropped to 512² a CPU second")


def drawing_beside(folder: Path) -> None:
    """Time pictures by the clock, as whoever waits for them does, in turn alone and beside a run."""
    models = folder / "models" / "Stable-diffusion"
    models.mkdir(parents=True)
    (models / "tiny.safetensors").symlink_to(GOLDEN / "models/Stable-diffusion/tiny-sd1.safetensors")
    pictures = draw_zorbs(folder / "zorb", 64)
    with Easel(models=folder / "models", data=folder / "data") as easel:
        sides: dict[str, list[float]] = {"alone": [], "beside a run": []}
        times_of(easel)      # loads the model
        for round_ in range(3):
            sides["alone"] += times_of(easel)
            sides["beside a run"] += beside(easel, pictures, f"zorb-{round_}")
    for name, seconds in sides.items():
        print(f"  {name:<24} p50 {median(seconds):.3f} s, p95 {late(seconds):.3f} s of {len(seconds)} pictures")
    ratio = late(sides["beside a run"]) / late(sides["alone"])
    print(f"  p95 beside a run of share {SHARE} ÷ alone = {ratio:.2f}, goal ≤ 2")


def beside(easel: Easel, pictures: Path, name: str) -> list[float]:
    request = Training(train_data_dir=str(pictures), output_name=name, max_train_steps=100_000, train_batch_size=1,
                       resolution="64", sample_every_n_steps=0, save_every_n_steps=0, train_share=SHARE)
    job = submit(easel.app, Submission("train", request), LOCAL_ACCOUNT).job
    run = run_of_job(easel.app, job, LOCAL_ACCOUNT)
    while not any("loss" in line for line in run.folder.log()):
        time.sleep(0.05)
    try:
        return times_of(easel)
    finally:
        easel.app.jobs.interrupt(job)
        easel.app.jobs.wait(job)


def times_of(easel: Easel) -> list[float]:
    found = []
    for seed in range(DRAWN):
        began = time.perf_counter()
        easel.txt2img("a fox", steps=20, width=64, height=64, seed=seed)
        found.append(time.perf_counter() - began)
    return found


def late(seconds: list[float]) -> float:
    return sorted(seconds)[int(0.95 * (len(seconds) - 1))]
