"""img2img and inpainting: one picture out of another, as one flow of questions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from hashlib import md5
from weakref import WeakValueDictionary

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from modules.base.fields import declared
from modules.imaging.resize import LATENT
from modules.imaging.soft import Judgement, changed
from modules.models.upscaling.upscaler import NONE, PILLOW
from modules.params.img2img import FILLS, NOISE, NOT_MASKED, NOTHING, ONLY_MASKED, ORIGINAL, Img2Img
from modules.pipelines.canvas import Canvas, Finished, Load, canvas_for, finished
from modules.pipelines.conditioning import first_stage
from modules.pipelines.plan import Files, Plan, plans
from modules.pipelines.result import ExtraParams, Result, SideImage
from modules.pipelines.sampling import Strength, resumed
from modules.pipelines.txt2img import decoded, sampled
from modules.pipelines.upscaling import Enlarger
from modules.requests.resolve import CELL
from modules.sampling.editing import editing
from modules.sampling.flows import Flow
from modules.sampling.guidance import Stage
from modules.sampling.masking import Hole, Softness, kept_after, kept_before
from modules.sampling.noise import ImageNoise, source
from modules.sampling.questions import EncodeImage, Facts, ModelFacts, Task, Weights
from modules.settings.options import Settings, at_default

Pair = tuple[str, object]
Canvases = Callable[[str], Task[Canvas]]


@dataclass(frozen=True)
class Img2ImgPlan(Plan):
    params: Img2Img                       # with the one picture this one starts from
    canvases: Canvases         # of a picture's name; one for all that start from it
    filling: int                          # the seed whose noise fills what is masked

    @property
    def strength(self) -> Strength:
        return Strength.of(self.params.denoising_strength, self.params.steps, self.settings.img2img_fix_steps)

    @property
    def moves(self) -> int:
        return self.strength.back + 1

    @property
    def token_merging(self) -> float:
        return self.settings.token_merging_ratio_img2img or self.settings.token_merging_ratio

    @property
    def noise_multiplier(self) -> float:
        own = self.params.initial_noise_multiplier
        return self.settings.initial_noise_multiplier if own is None else own


def img2img_plans(params: Img2Img, settings: Settings, files: Files, load: Load) -> list[Img2ImgPlan]:
    """One plan a picture. Several pictures to start from are a batch, and each batch starts from them anew, noise and all."""
    images = params.init_images
    if len(images) > 1:
        params = replace(params, batch_size=len(images))
    enlarger = Enlarger.of(settings.upscaler_for_img2img, settings, Plan(params, settings, files).weights)
    found = plans(Img2ImgPlan(params, settings, files, shared(partial(canvas_for, params, settings, load, enlarger), enlarger.weights), params.seed))
    places = [index % params.batch_size for index in range(len(found))]
    return [
        replace(plan, params=replace(plan.params, init_images=(images[place % len(images)],)), filling=found[place].params.seed)
        for plan, place in zip(found, places, strict=True)
    ]


def shared(make: Canvases, weights: Weights) -> Canvases:
    """Made once for all who have it at the same time, and gone with the last of them. weights: theirs"""
    canvases: WeakValueDictionary[str, Canvas] = WeakValueDictionary()
    making: set[str] = set()      # by one of them who stands before the others

    def get(name: str) -> Task[Canvas]:
        while name in making:
            yield Facts(weights)
        canvas = canvases.get(name)
        if canvas is None:
            making.add(name)
            try:
                canvas = canvases[name] = yield from make(name)
            finally:
                making.discard(name)
        return canvas

    return get


def picture(plan: Img2ImgPlan) -> Task[Result]:
    """Bring the picture to its latent, noise it, sample from there, put the result in its place."""
    facts = yield plan.facts
    canvas, extra = (yield from plan.canvases(plan.params.init_images[0])), ExtraParams()
    extra |= dict(described(plan, canvas, facts))
    remember_start(canvas, extra)
    if plan.params.mask and not canvas.mask:
        extra.notes.append("The mask is empty, so there is no masked part to paint: the whole picture was painted.")
    latent = yield from encoded(plan, plan.weights, pixels_of(canvas.image))
    hole = hole_of(plan, canvas, latent * facts.scaling_factor)
    stage = yield from shown_stage(plan, canvas, facts, extra)
    latent, whole = yield from painted(plan, facts, hole, stage)
    painting = yield from decoded(plan, latent, extra)
    return shown(plan, finished(canvas, painting, softly_changed(plan, hole, latent), plan.settings), whole, extra)


def shown(plan: Img2ImgPlan, done: Finished, whole: bool, extra: ExtraParams) -> Result:
    """With itself before colour correction, its mask and what was painted in it, returned and saved where the settings want that."""
    s, returned = plan.settings, []
    if done.uncorrected:
        extra.side_images.append(SideImage("-before-color-correction", done.uncorrected))
    if done.mask and (s.return_mask or s.save_mask):
        mask = done.mask.convert("RGB")
        returned += [mask] * s.return_mask
        extra.side_images += [SideImage("-mask", mask, after=True)] * s.save_mask
    if done.mask and (s.return_mask_composite or s.save_mask_composite):
        composite = done.composite()
        returned += [composite] * s.return_mask_composite
        extra.side_images += [SideImage("-mask-composite", composite, after=True)] * s.save_mask_composite
    return Result(np.asarray(done.picture), whole, extra, tuple(returned))


def painted(plan: Img2ImgPlan, facts: ModelFacts, hole: Hole, stage: Stage) -> Task[tuple[Tensor, bool]]:
    """The latent of the painting, and whether it is whole."""
    steps, back = plan.strength.steps, plan.strength.back
    if not steps:
        return hole.picture, True
    whole_way = replace(plan, params=replace(plan.params, steps=steps))
    flow = resumed(whole_way, facts, hole.picture, back, (plan.noise_multiplier, plan.settings.img2img_extra_noise))
    latent, whole = yield from sampled(masked(plan, flow, hole, stage), stage)
    return hole.closed(latent), whole


def masked(plan: Img2ImgPlan, flow: Flow, hole: Hole, stage: Stage) -> Flow:
    if hole.mask is None:
        return flow
    return kept_before(flow, hole.mix, stage.levels.timestep) if plan.sampler.timesteps else kept_after(flow, hole.mix)


def shown_stage(plan: Img2ImgPlan, canvas: Canvas, facts: ModelFacts, extra: ExtraParams) -> Task[Stage]:
    """The checkpoint's stretch of sampling; a model that edits by instruction is guided by the picture as well."""
    stage = yield from first_stage(plan, extra, partial(beside, plan, canvas))
    edits = facts.image_channels == facts.latent_channels
    return replace(stage, guidance=editing(stage.guidance, plan.params.image_cfg_scale)) if edits else stage


# The picture as the model sees it -------------------------------------------------------------------


def pixels_of(image: Image.Image) -> Tensor:
    """(3, H, W) in [−1, 1]."""
    return torch.from_numpy(np.asarray(image, dtype=np.float32) / 255).permute(2, 0, 1) * 2 - 1


def encoded(plan: Img2ImgPlan, weights: Weights, pixels: Tensor) -> Task[Tensor]:
    """The latent (C, h, w) on the VAE's scale; in resize mode "latent", this is what is resized."""
    latent = yield EncodeImage(weights, pixels, tiny=plan.settings.sd_vae_encode_method == "TAESD")
    size = plan.params.height // CELL, plan.params.width // CELL
    return interpolate(latent[None], size, mode="bilinear")[0] if plan.params.resize_mode == LATENT else latent


def beside(plan: Img2ImgPlan, canvas: Canvas, weights: Weights, facts: ModelFacts) -> Task[Tensor | None]:
    """What the model is shown beside the latent: the picture, or the mask and the picture without what is masked."""
    if not facts.image_channels:
        return None
    pixels = pixels_of(canvas.image)
    if facts.image_channels == facts.latent_channels:
        return (yield from encoded(plan, weights, pixels))
    mask = levels_of(canvas.mask, plan.params.rounded) if canvas.mask else torch.ones(pixels.shape[1:])
    latent = yield from encoded(plan, weights, pixels * (1 - mask * plan.settings.inpainting_mask_weight))
    small = interpolate(mask[None, None], latent.shape[1:])[0]
    return torch.cat([small.to(latent), latent * facts.scaling_factor])


def levels_of(mask: Image.Image, rounded: bool) -> Tensor:
    """(H, W) in [0, 1]; rounded, only 0 and 1."""
    levels = torch.from_numpy(np.asarray(mask, dtype=np.float32) / 255)
    return levels.round() if rounded else levels


def hole_of(plan: Img2ImgPlan, canvas: Canvas, latent: Tensor) -> Hole:
    """What is painted and what kept, the masked part filled as the request wants it."""
    if canvas.mask is None:
        return Hole(latent)
    p = plan.params
    mask = levels_of(canvas.mask.resize((latent.shape[2], latent.shape[1])), p.rounded).to(latent)
    if p.inpainting_fill == NOISE:
        noise = ImageNoise(plan.filling, tuple(latent.shape), open_stream=source(plan.settings.randn_source, latent.device.type))
        latent = latent * (1 - mask) + noise.first().to(latent) * mask
    elif p.inpainting_fill == NOTHING:
        latent = latent * (1 - mask)
    softness = Softness(p.mask_blend_power, p.mask_blend_scale, p.inpaint_detail_preservation) if p.soft_inpainting else None
    return Hole(latent, mask, softness)


def softly_changed(plan: Img2ImgPlan, hole: Hole, latent: Tensor) -> np.ndarray | None:
    """(h, w) uint8, where soft inpainting finds the painting different enough to be seen."""
    if hole.mask is None or not hole.softness:
        return None
    p = plan.params
    difference = (latent - hole.picture).norm(dim=0).float().cpu().numpy()
    strongly = (hole.mask ** (hole.softness.scale / 2)).float().cpu().numpy()
    return changed(difference, strongly, Judgement(p.composite_mask_influence, p.composite_difference_threshold, p.composite_difference_contrast))


# Generation data ------------------------------------------------------------------------------------


def described(plan: Img2ImgPlan, canvas: Canvas, facts: ModelFacts) -> Iterator[Pair]:
    """What img2img adds to the generation data."""
    p, s = plan.params, plan.settings
    yield "Denoising strength", p.denoising_strength
    if facts.image_channels == facts.latent_channels:
        yield "Image CFG scale", p.image_cfg_scale
    elif facts.image_channels:
        yield "Conditional mask weight", s.inpainting_mask_weight
    yield from enlarging(s)
    if s.sd_vae_encode_method != "Full":
        yield "VAE Encoder", s.sd_vae_encode_method
    if plan.noise_multiplier != 1:
        yield "Noise multiplier", plan.noise_multiplier
    if s.img2img_extra_noise:
        yield "Extra noise", s.img2img_extra_noise
    if p.mask:
        yield from masking(p, canvas)


def remember_start(canvas: Canvas, extra: ExtraParams) -> None:
    """The picture to start from, if it is to be saved, under a name that the generation data tell."""
    if canvas.start:
        name = md5(canvas.start.tobytes(), usedforsecurity=False).hexdigest()
        extra["Init image hash"], extra.starts[name] = name, canvas.start


def enlarging(s: Settings) -> Iterator[Pair]:
    if s.upscaler_for_img2img == NONE:
        return
    yield "Upscaler for img2img", s.upscaler_for_img2img
    if s.upscaler_for_img2img not in PILLOW:
        yield from ((declared(Settings)[name].infotext, getattr(s, name)) for name in TILING if not at_default(s, name))


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
    """Whole figures without a point, as A1111's page sends them."""
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
