from __future__ import annotations

import torch

from benchmarks.jobs import planned, together
from benchmarks.measure import alternating, report
from benchmarks.model import SIDE, random_model, ready_device

STEPS = 20


def run() -> None:
    """One 20-step job through tasks, engine and device ÷ the bare UNet, VAE and text-encoder calls it takes."""
    torch.set_num_threads(1)
    model = random_model()
    device = ready_device(model)
    ready = next(iter(device._ready.values()))
    x, cond, t = torch.randn(2, 4, SIDE // 8, SIDE // 8), torch.randn(2, 77, 256), torch.full((2,), 500.0)
    tokens = torch.full((1, 77), 49407)

    @torch.inference_mode()
    def bare() -> None:
        for _ in range(2):
            model.texts[0].module(tokens, output_hidden_states=True)
        for _ in range(STEPS):
            model.unet(x, t, encoder_hidden_states=cond, return_dict=False)
        model.vae.decode(x[:1], return_dict=False)

    def easel() -> None:
        ready.text._known.clear()
        together(device, [planned(steps=STEPS)])

    report(alternating({"easel": easel, "bare calls": bare}), "easel", "bare calls", "≤ 1.02")
