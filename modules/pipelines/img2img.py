"""img2img and inpainting, as one flow of questions for each image."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from hashlib import md5
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from modules.base.fields import at_default, declared_params
from modules.imaging.resize import LATENT_RESIZE
from modules.imaging.soft import Judgement, changed_mask
from modules.models.upscaling.upscaler import PILLOW
from modules.params.extras import NO_UPSCALER
from modules.params.img2img import FILLS, LATENT_NOISE, LATENT_NOTHING, NOT_MASKED, ONLY_MASKED, ORIGINAL, Img2Img
from modules.params.infotext import Pair
from modules.pipelines.canvas import Canvas, Finished, Load, canvas_for, finished
from modules.pipelines.conditioning import first_stage
from modules.pipelines.control import returned_maps
from modules.pipelines.control_maps import StartPicture
from modules.pipelines.plan import Files, ImagePlan, Pass, base_pass, each_image
from modules.pipelines.result import ExtraParams, Result, SideImage
from modules.pipelines.sampling import Strength, resumed, trained_levels, with_strength
from modules.pipelines.txt2img import decode_image, drawn_latent, sampled
from modules.pipelines.upscaling import Enlarger
from modules.sampling.cond_extras import SHOWN_IMAGE, CondExtras, ShownImage
from modules.sampling.guidance import GuidanceLayer, Stage
from modules.sampling.masking import Inpainting, KeepAfter, KeepBefore, Softness
from modules.sampling.noise import ImageNoise, source
from modules.sampling.pix2pix import pix2pix_guidance
from modules.sampling.questions import EncodeImage, ModelFacts, Signal, Task, WaitFor, Weights
from modules.sampling.schedules import ModelSigmas
from modules.settings.options import Settings

Canvases = Callable[[str], Task[Canvas]]
MakeCanvas = Callable[[Img2Img, Settings, Load, Enlarger, str], Task[Canvas]]


@dataclass(frozen=True)
class Img2ImgSource:
    """The input of an img2img image."""

    image: str                 # the input picture's name
    canvases: Canvases         # canvases by name; shared by all images of the request
    fill_seed: int             # seed of the noise that fills the masked part


def plans(
    params: Img2Img, settings: Settings, files: Files, load: Load, make_canvas: MakeCanvas = canvas_for
) -> list[ImagePlan[Img2Img, Img2ImgSource]]:
    """Return one plan for each image.

    make_canvas: makes the canvas of a picture's name, as `canvas_for`
    Several input pictures make one batch; a larger batch count repeats them with new seeds.
    """
    images = params.init_images
    if len(images) > 1:
        params = replace(params, batch_size=len(images))
    only = img2img_pass(params, settings, files)
    enlarger = Enlarger.of(settings.upscaler_for_img2img, settings, only.weights)
    canvases = shared(partial(make_canvas, params, settings, load, enlarger), enlarger.weights)
    found = each_image(
        ImagePlan(params, settings, files, (only,), generate, Img2ImgSource(images[0], canvases, params.seed))
    )
    places = [index % params.batch_size for index in range(len(found))]
    return [
        starting_from(plan, images[place % len(images)], found[place].params.seed)
        for plan, place in zip(found, places, strict=True)
    ]


def starting_from(
    plan: ImagePlan[Img2Img, Img2ImgSource], image: str, fill_seed: int
) -> ImagePlan[Img2Img, Img2ImgSource]:
    source = Img2ImgSource(image, plan.source.canvases, fill_seed)
    return replace(plan, params=replace(plan.params, init_images=(image,)), source=source)


def img2img_pass(params: Img2Img, settings: Settings, files: Files, first_step: int = 0) -> Pass[Img2Img]:
    """Return the pass that starts from a picture, noised as far as the denoising strength says."""
    base, own = base_pass(params, settings, files), params.initial_noise_multiplier
    merging = settings.token_merging_ratio_img2img or settings.token_merging_ratio
    return replace(
        with_strength(base, Strength.of(params.denoising_strength, params.steps, settings.img2img_fix_steps)),
        weights=replace(base.weights, token_merging=merging),
        first_step=first_step,
        noise_multiplier=settings.initial_noise_multiplier if own is None else own,
    )


def shared(make: Canvases, weights: Weights) -> Canvases:
    """Cache canvases by name while a task holds them; other tasks wait for the one that builds a canvas.

    weights: those of the waiting tasks' questions
    """
    canvases: WeakValueDictionary[str, Canvas] = WeakValueDictionary()
    making: dict[str, Signal] = {}

    def get(name: str) -> Task[Canvas]:
        while name in making:
            yield WaitFor(weights, making[name])
        canvas = canvases.get(name)
        if canvas is None:
            made = making[name] = Signal()
            try:
                canvas = canvases[name] = yield from make(name)
            finally:
                del making[name]
                made.given = True
        return canvas

    return get


def generate(plan: ImagePlan[Img2Img, Img2ImgSource]) -> Task[Result]:
    [only], source = plan.passes, plan.source
    return (yield from paint(only, source.canvases(source.image), source.fill_seed, plan))


@dataclass(frozen=True, eq=False)
class Painting:
    """A painting about to be sampled: its canvas, the latent with its hole, and the model's stage."""

    facts: ModelFacts
    canvas: Canvas
    hole: Inpainting
    stage: Stage
    extra: ExtraParams


def paint(
    pass_: Pass[Img2Img], making: Task[Canvas], fill_seed: int, plan: ImagePlan[Img2Img, Any] | None = None
) -> Task[Result]:
    """Encode the canvas's picture, noise it, sample it, and put the result in its place.

    plan: the picture's, whose ControlNet maps are returned with it
    """
    begun = yield from begin_painting(pass_, making, fill_seed)
    latent, complete = yield from sample_canvas(pass_, begun.facts, begun.hole, begun.stage)
    start = control_start(pass_, begun.canvas)
    painting = yield from decode_image(pass_, latent, begun.extra, start)
    done = finished(begun.canvas, painting, softly_changed(pass_, begun.hole, latent), pass_.settings)
    result = collect_images(pass_, done, complete, begun.extra)
    return replace(result, maps=(yield from returned_maps(plan, start))) if plan else result


def control_start(pass_: Pass[Img2Img], canvas: Canvas) -> StartPicture:
    """Return the picture for ControlNet units that have none of their own."""
    return StartPicture(canvas.sent or canvas.image, canvas.drawn, canvas.box, pass_.params.resize_mode)


def begin_painting(pass_: Pass[Img2Img], making: Task[Canvas], fill_seed: int) -> Task[Painting]:
    """Encode the canvas's picture, and read the prompts."""
    facts = yield pass_.facts
    canvas, extra = (yield from making), ExtraParams()
    extra |= dict(img2img_infotext(pass_, canvas, facts))
    remember_start(canvas, extra)
    if pass_.params.mask and not canvas.mask:
        extra.notes.append("The mask is empty, so there is no masked part to paint: the whole picture was painted.")
    latent = yield from encode_pixels(pass_, pass_.weights, facts, to_unit_tensor(canvas.image))
    hole = hole_of(pass_, canvas, facts.latent.to_network(latent), fill_seed)
    layers = mask_layers(pass_, hole, trained_levels(pass_, facts))
    stage = yield from shown_stage(pass_, canvas, facts, extra, layers)
    return Painting(facts, canvas, hole, stage, extra)


def collect_images(pass_: Pass[Img2Img], done: Finished, complete: bool, extra: ExtraParams) -> Result:
    """Return the result with the pictures that the settings want returned or saved beside it.

    These are the picture before colour correction, the mask, and the painting cut out by the mask.
    """
    s, returned = pass_.settings, []
    if done.uncorrected:
        extra.side_images.append(SideImage("-before-color-correction", done.uncorrected))
    if done.mask and (s.return_mask or s.save_mask):
        mask = done.mask.convert("RGB")
        returned += [mask] * s.return_mask
        extra.side_images += [SideImage("-mask", mask, after=True)] * s.save_mask
    if done.mask and (s.return_mask_composite or s.save_mask_composite):
        composite = done.composite(done.mask)
        returned += [composite] * s.return_mask_composite
        extra.side_images += [SideImage("-mask-composite", composite, after=True)] * s.save_mask_composite
    return Result(np.asarray(done.picture), complete, extra, tuple(returned))


def sample_canvas(pass_: Pass[Img2Img], facts: ModelFacts, hole: Inpainting, stage: Stage) -> Task[tuple[Tensor, bool]]:
    """Return the painting's latent, and whether it is complete."""
    if not pass_.schedule_steps:
        return hole.picture, True
    flow = resumed(pass_, facts, hole.picture, stage)
    latent, complete = yield from drawn_latent(pass_, sampled(flow, stage))
    return hole.closed(latent), complete


def mask_layers(pass_: Pass[Img2Img], hole: Inpainting, levels: ModelSigmas) -> tuple[GuidanceLayer, ...]:
    """Return the guidance layer that keeps the unmasked part, if there is a mask."""
    if hole.mask is None:
        return ()
    return (KeepBefore(hole.mix, levels) if pass_.sampler.timesteps else KeepAfter(hole.mix),)


def shown_stage(
    pass_: Pass[Img2Img], canvas: Canvas, facts: ModelFacts, extra: ExtraParams, layers: tuple[GuidanceLayer, ...] = ()
) -> Task[Stage]:
    """Return the checkpoint's stage; a model of InstructPix2Pix is guided by the picture as well."""
    start = control_start(pass_, canvas)
    stage = yield from first_stage(pass_, extra, partial(canvas_image, pass_, canvas), layers, start)
    edits = facts.image_channels == facts.latent_channels
    return replace(stage, guidance=pix2pix_guidance(stage.guidance, pass_.params.image_cfg_scale)) if edits else stage


# The conditioning image ---------------------------------------------------------------------------


def to_unit_tensor(image: Image.Image) -> Tensor:
    """Convert an RGB image to (3, H, W) in [−1, 1]."""
    return torch.from_numpy(np.asarray(image, dtype=np.float32) / 255).permute(2, 0, 1) * 2 - 1


def encode_pixels(pass_: Pass[Img2Img], weights: Weights, facts: ModelFacts, pixels: Tensor) -> Task[Tensor]:
    """Encode pixels to a latent (C, h, w) on the VAE's scale; resize mode "latent" resizes this latent."""
    latent = yield EncodeImage(weights, pixels, tiny=pass_.settings.sd_vae_encode_method == "TAESD")
    size = pass_.params.height // facts.latent.cell, pass_.params.width // facts.latent.cell
    return interpolate(latent[None], size, mode="bilinear")[0] if pass_.params.resize_mode == LATENT_RESIZE else latent


def canvas_image(pass_: Pass[Img2Img], canvas: Canvas, weights: Weights, facts: ModelFacts) -> Task[CondExtras]:
    """Return the image that the model is shown beside the latent.

    It is the picture for InstructPix2Pix, the mask and the picture without its masked part for an inpainting model.
    """
    if not facts.image_channels:
        return {}
    pixels = to_unit_tensor(canvas.image)
    if facts.image_channels == facts.latent_channels:
        return {SHOWN_IMAGE: ShownImage((yield from encode_pixels(pass_, weights, facts, pixels)))}
    mask = levels_of(canvas.mask, pass_.params.rounded) if canvas.mask else torch.ones(pixels.shape[1:])
    latent = yield from encode_pixels(
        pass_, weights, facts, pixels * (1 - mask * pass_.settings.inpainting_mask_weight)
    )
    small = interpolate(mask[None, None], latent.shape[1:])[0]
    return {SHOWN_IMAGE: ShownImage(torch.cat([small.to(latent), facts.latent.to_network(latent)]))}


def levels_of(mask: Image.Image, rounded: bool) -> Tensor:
    """Convert a mask to (H, W) in [0, 1]; rounded, to only 0 and 1."""
    levels = torch.from_numpy(np.asarray(mask, dtype=np.float32) / 255)
    return levels.round() if rounded else levels


def hole_of(pass_: Pass[Img2Img], canvas: Canvas, latent: Tensor, fill_seed: int) -> Inpainting:
    """Return the latent, its mask and its softness; the masked part is filled as the request wants it."""
    if canvas.mask is None:
        return Inpainting(latent)
    p = pass_.params
    mask = levels_of(canvas.mask.resize((latent.shape[2], latent.shape[1])), p.rounded).to(latent)
    if p.inpainting_fill == LATENT_NOISE:
        channels, height, width = latent.shape
        stream = source(pass_.settings.randn_source, latent.device.type)
        noise = ImageNoise(fill_seed, (channels, height, width), open_stream=stream)
        latent = latent * (1 - mask) + noise.first().to(latent) * mask
    elif p.inpainting_fill == LATENT_NOTHING:
        latent = latent * (1 - mask)
    softness = (
        Softness(p.mask_blend_power, p.mask_blend_scale, p.inpaint_detail_preservation) if p.soft_inpainting else None
    )
    return Inpainting(latent, mask, softness)


def softly_changed(pass_: Pass[Img2Img], hole: Inpainting, latent: Tensor) -> np.ndarray | None:
    """Return the mask, (h, w) uint8, of the part that soft inpainting finds changed enough to show."""
    if hole.mask is None or not hole.softness:
        return None
    p = pass_.params
    difference = (latent - hole.picture).norm(dim=0).float().cpu().numpy()
    strongly = (hole.mask ** (hole.softness.scale / 2)).float().cpu().numpy()
    judgement = Judgement(p.composite_mask_influence, p.composite_difference_threshold, p.composite_difference_contrast)
    return changed_mask(difference, strongly, judgement)


# Generation data ------------------------------------------------------------------------------------


def img2img_infotext(pass_: Pass[Img2Img], canvas: Canvas, facts: ModelFacts) -> Iterator[Pair]:
    """Yield the generation data of img2img."""
    p, s = pass_.params, pass_.settings
    yield "Denoising strength", p.denoising_strength
    if facts.image_channels == facts.latent_channels:
        yield "Image CFG scale", p.image_cfg_scale
    elif facts.image_channels:
        yield "Conditional mask weight", s.inpainting_mask_weight
    yield from enlarging(s)
    if s.sd_vae_encode_method != "Full":
        yield "VAE Encoder", s.sd_vae_encode_method
    if pass_.noise_multiplier != 1:
        yield "Noise multiplier", pass_.noise_multiplier
    if s.img2img_extra_noise:
        yield "Extra noise", s.img2img_extra_noise
    if p.mask:
        yield from masking(p, canvas)


def remember_start(canvas: Canvas, extra: ExtraParams) -> None:
    """Remember the input picture, if it is to be saved, under its hash, which the generation data contain."""
    if canvas.start:
        name = md5(canvas.start.tobytes(), usedforsecurity=False).hexdigest()
        extra["Init image hash"], extra.starts[name] = name, canvas.start


def enlarging(s: Settings) -> Iterator[Pair]:
    if s.upscaler_for_img2img == NO_UPSCALER:
        return
    yield "Upscaler for img2img", s.upscaler_for_img2img
    if s.upscaler_for_img2img not in PILLOW:
        yield from (
            (declared_params(Settings)[name].infotext, getattr(s, name)) for name in TILING if not at_default(s, name)
        )


def masking(p: Img2Img, canvas: Canvas) -> Iterator[Pair]:
    if p.inpainting_mask_invert:
        yield "Mask mode", NOT_MASKED
    across, down = p.blur
    if across or down:
        yield "Mask blur", across if across == down else None
    if canvas.box:
        yield "Inpaint area", ONLY_MASKED
        yield "Masked area padding", p.inpaint_full_res_padding
    if canvas.mask and p.inpainting_fill != ORIGINAL:
        yield "Masked content", FILLS[p.inpainting_fill]
    if p.soft_inpainting:
        yield "Soft inpainting enabled", True
        yield from ((key, shortest(getattr(p, name))) for name, key in SOFT_KEYS.items())


def shortest(value: float) -> float:
    """Return whole numbers as integers, as A1111's page sends them."""
    return int(value) if value == int(value) else value


TILING = ("ESRGAN_tile", "ESRGAN_tile_overlap")
SOFT_KEYS = {
    "mask_blend_power": "Soft inpainting schedule bias",
    "mask_blend_scale": "Soft inpainting preservation strength",
    "inpaint_detail_preservation": "Soft inpainting transition contrast boost",
    "composite_mask_influence": "Soft inpainting mask influence",
    "composite_difference_threshold": "Soft inpainting difference threshold",
    "composite_difference_contrast": "Soft inpainting difference contrast",
}
