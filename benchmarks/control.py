from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from diffusers import ControlNetModel
from PIL import Image

from benchmarks.jobs import one_by_one, planned, together
from benchmarks.measure import alternating, report
from benchmarks.model import CHECKPOINT, SIDE, WEIGHTS, random_model, ready_device
from modules.library.catalog import ModelFile
from modules.models.checkpoint.loaded_model import LoadedModel
from modules.models.control.control_file import ControlNetwork
from modules.params.control import ControlUnit
from modules.pipelines.control_maps import MapMaker
from modules.pipelines.plan import Files, ImagePlan, PlannedUnit

STEPS, PICTURES = 20, 8
NETWORK = ModelFile(Path("random-control.safetensors"), "random-control.safetensors", "1" * 64)
UNIT = ControlUnit(image="hint", model="random-control")


def run() -> None:
    """A controlled picture ÷ the bare UNet, ControlNet, VAE and text-encoder calls it takes; eight pictures, every
    other one controlled, one after another ÷ together, and what company does to a picture.
    """
    torch.set_num_threads(1)
    model = random_model()
    network = random_network(model)
    device = ready_device(model)
    device.control_networks._loaded[NETWORK.sha256, WEIGHTS.checkpoint] = ControlNetwork(network, NETWORK.name)
    ready = next(iter(device._ready.values()))

    def easel() -> None:
        ready.text._known.clear()
        together(device, [controlled(0)])

    sides = {"easel": easel, "bare calls": lambda: bare_control(model, network)}
    report(alternating(sides), "easel", "bare calls", "≤ 1.03")
    plans = [controlled(place) if place % 2 else planned(seed=place, steps=STEPS) for place in range(PICTURES)]
    alone, joint = one_by_one(device, plans), together(device, plans)
    difference = max(int(np.abs(a.astype(int) - b.astype(int)).max()) for a, b in zip(alone, joint, strict=True))
    sides = {"one after another": lambda: one_by_one(device, plans), "together": lambda: together(device, plans)}
    report(alternating(sides, rounds=3), "one after another", "together", "≥ 1.25")
    print(f"  largest difference of a pixel: {difference} of 255, goal ≤ 1")


def random_network(model: LoadedModel) -> ControlNetModel:
    """A ControlNet of the model's size, whose last layers are no zeros."""
    network = ControlNetModel.from_unet(model.unet).eval().requires_grad_(False)
    for name, weight in network.named_parameters():
        if name.startswith(("controlnet_down_blocks", "controlnet_mid_block", "controlnet_cond_embedding.conv_out")):
            weight.copy_(torch.randn_like(weight) * 0.02)
    return network


def controlled(seed: int) -> ImagePlan:
    unit = PlannedUnit(UNIT, NETWORK, MapMaker(lambda name: Image.new("RGB", (SIDE, SIDE), "white")), (SIDE, SIDE))
    return planned(Files(CHECKPOINT, control=(unit,)), seed=seed, steps=STEPS)


@torch.inference_mode()
def bare_control(model: LoadedModel, network: ControlNetModel) -> None:
    """The calls of a controlled picture, with nothing around them."""
    x, cond, t = torch.randn(2, 4, SIDE // 8, SIDE // 8), torch.randn(2, 77, 256), torch.full((2,), 500.0)
    hint, tokens = torch.rand(2, 3, SIDE, SIDE), torch.full((1, 77), 49407)
    for _ in range(2):
        model.texts[0].module(tokens, output_hidden_states=True)
    for _ in range(STEPS):
        down, middle = network(x, t, encoder_hidden_states=cond, controlnet_cond=hint, return_dict=False)
        model.unet(
            x, t, encoder_hidden_states=cond, down_block_additional_residuals=down,
            mid_block_additional_residual=middle, return_dict=False,
        )
    model.vae.decode(x[:1], return_dict=False)
