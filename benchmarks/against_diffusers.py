from __future__ import annotations

import torch

from benchmarks.jobs import planned, together
from benchmarks.measure import alternating, report
from benchmarks.model import SIDE, VOCABULARY, random_model, ready_device


def run() -> None:
    """The same job by diffusers' own pipeline ÷ by Easel: above 1, Easel is the faster."""
    from diffusers import DPMSolverMultistepScheduler, StableDiffusionPipeline
    from transformers import CLIPTokenizer

    torch.set_num_threads(1)
    model = random_model()
    device = ready_device(model)
    tokenizer = CLIPTokenizer(
        vocab=str(VOCABULARY / "vocab.json"), merges=str(VOCABULARY / "merges.txt"), model_max_length=77
    )
    pipeline = StableDiffusionPipeline(
        vae=model.vae,
        text_encoder=model.texts[0].module,
        tokenizer=tokenizer,
        unet=model.unet,
        safety_checker=None,
        feature_extractor=None,
        scheduler=DPMSolverMultistepScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", use_karras_sigmas=True
        ),
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)

    def theirs() -> None:
        pipeline(
            "a red fox in the snow",
            negative_prompt="blurry",
            num_inference_steps=20,
            width=SIDE,
            height=SIDE,
            guidance_scale=7.0,
        )

    report(
        alternating({"diffusers": theirs, "easel": lambda: together(device, [planned()])}),
        "diffusers",
        "easel",
        "≥ 1.0",
    )
