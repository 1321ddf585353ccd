from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import torch
from PIL import Image

from benchmarks.jobs import planned, together
from benchmarks.measure import alternating, report
from benchmarks.model import CHECKPOINT, SIDE, random_model, ready_device
from modules.models.checkpoint.loader import LoadedModel
from modules.params.img2img import Img2Img
from modules.pipelines import hires, img2img
from modules.pipelines.plan import Files, ImagePlan
from modules.requests.resolve import resolve_img2img, resolve_request
from modules.settings.options import Settings

STEPS, STRENGTH = 20, 0.5


def run() -> None:
    """img2img and hires fix ÷ the bare UNet, VAE and text-encoder calls they take."""
    torch.set_num_threads(1)
    model = random_model()
    device = ready_device(model)
    ready = next(iter(device._ready.values()))

    def easel(plan: ImagePlan) -> None:
        ready.text._known.clear()
        together(device, [plan])

    for name, sides in {
        "img2img": {"easel": lambda: easel(from_picture()), "bare calls": lambda: again(model)},
        "hires fix": {"easel": lambda: easel(larger()), "bare calls": lambda: twice(model)},
    }.items():
        print(f"  {name}")
        report(alternating(sides), "easel", "bare calls", "≤ 1.05")


def from_picture() -> ImagePlan:
    prompts = {"prompt": "a red fox in the snow", "negative_prompt": "blurry"}
    params = Img2Img(
        **prompts, seed=1, steps=STEPS, width=SIDE, height=SIDE, denoising_strength=STRENGTH, init_images=("noise",)
    )
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8))
    params = resolve_img2img(params, Settings())
    return img2img.plans(params, Settings(), Files(CHECKPOINT), lambda _: image)[0]


def larger() -> ImagePlan:
    wishes = {"enable_hr": True, "hr_scale": 2.0, "hr_upscaler": "Lanczos", "denoising_strength": STRENGTH}
    params = resolve_request(replace(planned(steps=STEPS).params, **wishes))
    return hires.plan_hires(params, Settings(), Files(CHECKPOINT, hires=Files(CHECKPOINT)))


@torch.inference_mode()
def again(model: LoadedModel) -> None:
    """The calls of img2img: A1111 takes a step more than the strength's share."""
    read(model)
    encoded(model, SIDE)
    drawn(model, SIDE, int(STEPS * STRENGTH) + 1)


@torch.inference_mode()
def twice(model: LoadedModel) -> None:
    """The calls of hires fix: the second pass takes as many steps as the first."""
    read(model)
    drawn(model, SIDE, STEPS)
    encoded(model, 2 * SIDE)
    drawn(model, 2 * SIDE, STEPS)


def read(model: LoadedModel, texts: Iterable[int] = range(2)) -> None:
    for _ in texts:
        model.texts[0].module(torch.full((1, 77), 49407), output_hidden_states=True)


def encoded(model: LoadedModel, side: int) -> None:
    model.vae.encode(torch.randn(1, 3, side, side), return_dict=False)


def drawn(model: LoadedModel, side: int, steps: int) -> None:
    x, cond, t = torch.randn(2, 4, side // 8, side // 8), torch.randn(2, 77, 256), torch.full((2,), 500.0)
    for _ in range(steps):
        model.unet(x, t, encoder_hidden_states=cond, return_dict=False)
    model.vae.decode(x[:1], return_dict=False)
