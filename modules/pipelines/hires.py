"""Hires fix: what the first pass made is enlarged, noised again, and drawn on."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from modules.params.hires import CELL, LATENT, LATENT_MODES, Target, target
from modules.pipelines.conditioning import beside, first_stage
from modules.pipelines.plan import Plan, SecondPass
from modules.pipelines.result import ExtraParams, Result, SideImage
from modules.pipelines.sampling import Strength, resumed
from modules.pipelines.txt2img import decoded, decoding, imagined, sampled
from modules.pipelines.upscaling import Enlarger
from modules.sampling.questions import EncodeImage, Interrupted, Task

LEAST_STRENGTH = 0.001      # what denoises less keeps the enlarged picture: its schedule would be longer than it is worth


def picture(plan: Plan) -> Task[Result]:
    """Both passes. Interrupted in the first, its picture stays small; in the second, what there is by then is shown."""
    extra = ExtraParams()
    latent, whole = yield from imagined(plan, extra)
    if whole:
        plan, latent, whole = yield from continued(plan.hires, latent, extra)
    return Result((yield from decoded(plan, latent, extra)), whole, extra)


def continued(plan: SecondPass, small: Tensor, extra: ExtraParams) -> Task[tuple[Plan, Tensor, bool]]:
    """Whose picture it is by now, its latent, and whether it is whole."""
    try:
        larger = yield from enlarged(plan, small, extra)
        if plan.params.denoising_strength < LEAST_STRENGTH:
            return plan, larger, True
        stage = yield from first_stage(plan, extra, partial(beside, plan))
        facts = yield plan.facts
    except Interrupted:
        return plan.first, small, False
    strength = Strength.of(plan.params.denoising_strength, plan.params.steps, all_of_them=True)
    whole_way = replace(plan, params=replace(plan.params, steps=strength.steps))
    flow = resumed(whole_way, facts, larger, strength.back, (1.0, plan.settings.img2img_extra_noise))
    return plan, *(yield from sampled(flow, stage, begun=larger))


# Enlarging -------------------------------------------------------------------------------------------


def enlarged(plan: SecondPass, small: Tensor, extra: ExtraParams) -> Task[Tensor]:
    """(C, h, w) latent of the first pass → that of the second, both on the UNet's scale."""
    size, name = target(plan.first.params), plan.params.hr_upscaler or LATENT
    if name in LATENT_MODES:
        if plan.settings.save_images_before_highres_fix:
            yield from first_picture(plan, small, extra)
        return cut(stretched(small, name, size), size)
    return cut((yield from through_pixels(plan, small, size, extra)), size)


def stretched(latent: Tensor, name: str, size: Target) -> Tensor:
    """(C, h, w) → (C, h', w'), interpolated as the mode of that name does."""
    mode, antialias = LATENT_MODES[name]
    return interpolate(latent[None], (size.height // CELL, size.width // CELL), mode=mode, antialias=antialias)[0]


def through_pixels(plan: SecondPass, small: Tensor, size: Target, extra: ExtraParams) -> Task[Tensor]:
    """The first pass's picture, enlarged by an upscaler, as a latent of the second pass's model."""
    p, s = plan.params, plan.settings
    image = yield from first_picture(plan, small, extra)
    image = yield from Enlarger.of(p.hr_upscaler, s, plan.weights).to(image, (size.width, size.height))
    if s.sd_vae_encode_method != "Full":
        extra["VAE Encoder"] = s.sd_vae_encode_method
    facts = yield plan.facts
    latent = yield EncodeImage(plan.weights, centred(np.asarray(image)), tiny=s.sd_vae_encode_method == "TAESD")
    return latent * facts.scaling_factor


def first_picture(plan: SecondPass, small: Tensor, extra: ExtraParams) -> Task[Image.Image]:
    """The picture before all this, to be saved if the settings want it."""
    image = Image.fromarray((yield decoding(plan.first, small)))
    if plan.settings.save_images_before_highres_fix:
        extra.side_images.append(SideImage("-before-highres-fix", image))
    return image


def centred(pixels: np.ndarray) -> Tensor:
    """(H, W, 3) uint8 → (3, H, W) in [−1, 1]."""
    return torch.from_numpy(pixels.astype(np.float32) / 255).permute(2, 0, 1) * 2 - 1


def cut(latent: Tensor, size: Target) -> Tensor:
    """The middle of a (C, h, w) latent; of an odd number of cells too many, the last side gives one more."""
    top, left = size.cut_y // 2, size.cut_x // 2
    return latent[:, top:latent.shape[1] - (size.cut_y - top), left:latent.shape[2] - (size.cut_x - left)]
