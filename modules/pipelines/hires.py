"""Hires fix: the first pass's image is enlarged, noised again and sampled again."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from modules.params.hires import LATENT_MODES, LATENT_UPSCALER, Target, hires_target, second_pass
from modules.params.txt2img import Txt2Img
from modules.pipelines.conditioning import first_stage, grey_image
from modules.pipelines.control import returned_maps
from modules.pipelines.plan import Files, ImagePlan, Pass, base_pass, evaluations_of, unet_tiles, units_of_pass
from modules.pipelines.result import ExtraParams, Result, SideImage
from modules.pipelines.sampling import Strength, resumed, with_strength
from modules.pipelines.txt2img import decode_image, decode_question, drawn_latent, from_noise, sampled
from modules.pipelines.upscaling import Enlarger
from modules.prompts.grammar import Clock
from modules.sampling.guidance import Timeline
from modules.sampling.questions import EncodeImage, Interrupted, Task
from modules.settings.options import Settings

# below this strength the enlarged picture is kept: the noise schedule would become too long
LEAST_STRENGTH = 0.001


def plan_hires(params: Txt2Img, settings: Settings, files: Files) -> ImagePlan[Txt2Img, None]:
    """Return the plan of the first image, with two passes."""
    first = base_pass(params, settings, files)
    return ImagePlan(params, settings, files, (first, hires_pass(first)), generate, None)


def hires_pass(first: Pass[Txt2Img]) -> Pass[Txt2Img]:
    """Return the second pass, with its own files if there are such.

    Prompt editing counts on from the first pass.
    """
    params, settings, files = second_pass(first.params), first.settings, first.files.hires or first.files
    clock = Clock(first.clock.base_steps, evaluations_of(params), settings.use_old_scheduling)
    second, size = base_pass(params, settings, files, clock), hires_target(first.params)
    same = files.checkpoint == first.files.checkpoint and settings.hires_fix_use_firstpass_conds
    return replace(
        with_strength(second, Strength.of(params.denoising_strength, params.steps, all_of_them=True)),
        weights=replace(
            second.weights,
            token_merging=settings.token_merging_ratio_hr or settings.token_merging_ratio,
            hypertile=unet_tiles(settings) if settings.hypertile_enable_unet_secondpass else first.weights.hypertile,
        ),
        frame=(size.width, size.height),
        first_step=first.steps,
        encoder=Timeline.always(first.weights) if same else None,
        control=units_of_pass(files, second=True),
        second=True,
    )


def generate(plan: ImagePlan[Txt2Img, None]) -> Task[Result]:
    """Run both passes.

    Interrupted in the first, the picture stays small; interrupted in the second, the newest estimate is the result.
    """
    (first, second), extra = plan.passes, ExtraParams()
    last = first
    latent, complete = yield from from_noise(first, extra)
    if complete:
        last, latent, complete = yield from continued(first, second, latent, extra)
    pixels = yield from decode_image(last, latent, extra)
    return Result(pixels, complete, extra, maps=(yield from returned_maps(plan)))


def continued(first: Pass, second: Pass, small: Tensor, extra: ExtraParams) -> Task[tuple[Pass, Tensor, bool]]:
    """Return the last pass that was reached, its latent, and whether it is complete."""
    try:
        larger = yield from upscale_latent(first, second, small, extra)
        if second.params.denoising_strength < LEAST_STRENGTH:
            return second, larger, True
        stage = yield from first_stage(second, extra, partial(grey_image, second))
        facts = yield second.facts
    except Interrupted:
        return first, small, False
    making = sampled(resumed(second, facts, larger, stage), stage, begun=larger)
    return second, *(yield from drawn_latent(second, making))


# Enlarging -------------------------------------------------------------------------------------------


def upscale_latent(first: Pass, second: Pass, small: Tensor, extra: ExtraParams) -> Task[Tensor]:
    """Return the first pass's latent (C, h, w) as the second's, both on the UNet's scale."""
    size, name = hires_target(first.params), second.params.hr_upscaler or LATENT_UPSCALER
    if name in LATENT_MODES:
        if first.settings.save_images_before_highres_fix:
            yield from first_picture(first, small, extra)
        return crop_latent(stretched(small, name, size), size)
    return crop_latent((yield from through_pixels(first, second, small, extra)), size)


def stretched(latent: Tensor, name: str, size: Target) -> Tensor:
    """Resize a latent, (C, h, w) → (C, h', w'), with the interpolation of that name."""
    mode, antialias = LATENT_MODES[name]
    return interpolate(latent[None], size.cells[::-1], mode=mode, antialias=antialias)[0]


def through_pixels(first: Pass, second: Pass, small: Tensor, extra: ExtraParams) -> Task[Tensor]:
    """Enlarge the first pass's picture by an upscaler and encode it for the second pass's model."""
    p, s, size = second.params, second.settings, hires_target(first.params)
    image = yield from first_picture(first, small, extra)
    image = yield from Enlarger.of(p.hr_upscaler, s, second.weights).to(image, (size.width, size.height))
    if s.sd_vae_encode_method != "Full":
        extra["VAE Encoder"] = s.sd_vae_encode_method
    facts = yield second.facts
    latent = yield EncodeImage(
        second.weights, array_to_tensor(np.asarray(image)), tiny=s.sd_vae_encode_method == "TAESD"
    )
    return facts.latent.to_network(latent)


def first_picture(first: Pass, small: Tensor, extra: ExtraParams) -> Task[Image.Image]:
    """Decode the first pass's picture; it is saved if the settings want that."""
    image = Image.fromarray((yield decode_question(first, small)))
    if first.settings.save_images_before_highres_fix:
        extra.side_images.append(SideImage("-before-highres-fix", image))
    return image


def array_to_tensor(pixels: np.ndarray) -> Tensor:
    """Convert (H, W, 3) uint8 to (3, H, W) in [−1, 1]."""
    return torch.from_numpy(pixels.astype(np.float32) / 255).permute(2, 0, 1) * 2 - 1


def crop_latent(latent: Tensor, size: Target) -> Tensor:
    """Return the middle of a (C, h, w) latent; an odd surplus is cut at the end."""
    top, left = size.cut_y // 2, size.cut_x // 2
    return latent[:, top:latent.shape[1] - (size.cut_y - top), left:latent.shape[2] - (size.cut_x - left)]
