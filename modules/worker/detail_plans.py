"""The detailer in the plans of pictures: its detectors found, and the passes by which finds are painted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from PIL import Image, ImageOps

from modules.base.fields import with_values
from modules.imaging.masks import read_mask
from modules.imaging.resize import JUST_RESIZE, LATENT_RESIZE, resize_image
from modules.library.detectors import detector_notes, find_detector
from modules.library.library import Library
from modules.params.control import NO_CONTROL_MODEL, ControlUnit
from modules.params.detailer import (
    JOBS_CONTROL,
    SAME_CHECKPOINT,
    SAME_SAMPLER,
    SAME_SCHEDULER,
    SAME_VAE,
    DetailerTab,
    active_tabs,
    of_find,
    prompts_of_finds,
)
from modules.params.img2img import ORIGINAL, Img2Img
from modules.params.preprocessors import NO_PREPROCESSOR
from modules.params.txt2img import Generation
from modules.pipelines.canvas import Load
from modules.pipelines.detailing import (
    PAINTED_MASK,
    PAINTED_PICTURE,
    Detailing,
    PlannedTab,
    is_skipped,
    picture_as_sent,
)
from modules.pipelines.img2img import img2img_pass
from modules.pipelines.networks import with_standing_networks
from modules.pipelines.plan import ImagePlan, Pass
from modules.settings.options import Settings
from modules.worker.control_plans import with_control
from modules.worker.picture_files import files_for

# preprocessors of ControlNets for finds: the word in a model's name → the preprocessor
CONTROL_WORDS = (("inpaint", "inpaint_only"), ("tile", "tile_resample"))


def with_detailer(plans: Sequence[ImagePlan[Any, Any]], library: Library, load: Load) -> list[ImagePlan[Any, Any]]:
    """Return the plans of one request, each followed by the detailer if the request has one.

    Raises UnknownName or ModelError.
    """
    if not plans or not active_tabs(plans[0].params.detailer):
        return list(plans)
    # by the pictures' prompts, which may differ
    planned: dict[tuple[str, str], Detailing] = {}
    for plan in plans:
        p = plan.params
        if (p.prompt, p.negative_prompt) not in planned:
            planned[p.prompt, p.negative_prompt] = planned_detailing(plan, library, load)
    return [detailed_plan(plan, planned[plan.params.prompt, plan.params.negative_prompt], load) for plan in plans]


def planned_detailing(plan: ImagePlan[Any, Any], library: Library, load: Load) -> Detailing:
    tabs = [planned_tab(tab, plan.params, plan.settings, library, load) for tab in active_tabs(plan.params.detailer)]
    masked = isinstance(plan.params, Img2Img) and plan.params.mask
    return Detailing(tabs, partial(drawn_mask, plan.params, load) if masked else None)


def detailed_plan(plan: ImagePlan[Any, Any], detailing: Detailing, load: Load) -> ImagePlan[Any, Any]:
    plan = with_notes(plan, detector_notes([planned.tab.ad_model for planned in detailing.tabs]))
    if isinstance(plan.params, Img2Img) and plan.params.detailer_only:
        plan = replace(plan, generate=partial(picture_as_sent, load))
    return replace(plan, after=detailing)


def drawn_mask(params: Img2Img, load: Load) -> Image.Image:
    """Return the mask that finds must meet, as it lies over the picture that was made."""
    mask = read_mask(load(params.mask), params.mask_round)
    mask = ImageOps.invert(mask) if params.inpainting_mask_invert else mask
    if params.detailer_only or params.inpaint_full_res:      # the picture keeps the size that it was sent in
        return mask
    mode = JUST_RESIZE if params.resize_mode == LATENT_RESIZE else params.resize_mode
    return resize_image(mask, mode, (params.width, params.height)).convert("L")


def with_notes(plan: ImagePlan[Any, Any], notes: Sequence[str]) -> ImagePlan[Any, Any]:
    """Return the plan with remarks for the job's owner, which its first pass's files tell."""
    if not notes:
        return plan
    first = plan.passes[0]
    told = replace(first, files=replace(first.files, notes=(*first.files.notes, *notes)))
    return replace(plan, passes=(told, *plan.passes[1:]))


def planned_tab(
    tab: DetailerTab, params: Generation, settings: Settings, library: Library, load: Load
) -> PlannedTab:
    """Return a tab with the pass of each of its prompts. Raises UnknownName or ModelError for a file."""
    detector = "" if tab.ad_boxes else find_detector(library, tab.ad_model).path.name
    prompts = prompts_of_finds(tab.ad_prompt, params.prompt)
    negatives = prompts_of_finds(tab.ad_negative_prompt, params.negative_prompt)
    own = settings_of_finds(tab, settings)
    passes = [
        pass_of_prompt(tab, params, own, (of_find(prompts, number), of_find(negatives, number)), library, load)
        for number in range(max(len(prompts), len(negatives)))
    ]
    return PlannedTab(tab, detector, passes)


def pass_of_prompt(
    tab: DetailerTab, params: Generation, settings: Settings, prompts: tuple[str, str], library: Library, load: Load
) -> Pass[Img2Img] | None:
    if is_skipped(prompts[0]):
        return None
    request = with_standing_networks(request_of_find(tab, params, *prompts), settings)
    files = with_control(files_for(library, request, settings), request, library, load)
    return img2img_pass(request, settings, files)


def request_of_find(tab: DetailerTab, params: Generation, prompt: str, negative: str) -> Img2Img:
    """Return the img2img request that paints a find."""
    own = tab.ad_use_inpaint_width_height
    return Img2Img(
        prompt=prompt, negative_prompt=negative,
        steps=tab.ad_steps if tab.ad_use_steps else params.steps,
        **sampler_of_finds(tab, params),
        cfg_scale=tab.ad_cfg_scale if tab.ad_use_cfg_scale else params.cfg_scale,
        width=tab.ad_inpaint_width if own else params.width, height=tab.ad_inpaint_height if own else params.height,
        subseed_strength=params.subseed_strength, tiling=params.tiling,
        control=units_of_finds(tab, params),
        init_images=(PAINTED_PICTURE,), mask=PAINTED_MASK, denoising_strength=tab.ad_denoising_strength,
        initial_noise_multiplier=tab.ad_noise_multiplier if tab.ad_use_noise_multiplier else None,
        mask_blur=tab.ad_mask_blur, inpainting_fill=ORIGINAL, inpaint_full_res=tab.ad_inpaint_only_masked,
        inpaint_full_res_padding=tab.ad_inpaint_only_masked_padding,
    )


def sampler_of_finds(tab: DetailerTab, params: Generation) -> dict[str, Any]:
    """Return sampler and schedule; those of the request are official names already."""
    if not tab.ad_use_sampler:
        return {"sampler_name": params.sampler_name, "scheduler": params.scheduler}
    return {
        "sampler_name": params.sampler_name if tab.ad_sampler == SAME_SAMPLER else tab.ad_sampler,
        "scheduler": params.scheduler if tab.ad_scheduler == SAME_SCHEDULER else tab.ad_scheduler,
    }


def settings_of_finds(tab: DetailerTab, settings: Settings) -> Settings:
    """Return the settings with the tab's own model, VAE and clip skip; face restoration is the tab's alone."""
    own: dict[str, Any] = {"face_restoration": tab.ad_restore_face}
    if tab.ad_use_checkpoint and tab.ad_checkpoint not in ("", NO_CONTROL_MODEL, SAME_CHECKPOINT):
        own["sd_model_checkpoint"] = tab.ad_checkpoint
    if tab.ad_use_vae and tab.ad_vae not in ("", SAME_VAE):
        own["sd_vae"] = tab.ad_vae
    if tab.ad_use_clip_skip:
        own["CLIP_stop_at_last_layers"] = tab.ad_clip_skip
    return with_values(settings, **own)


def units_of_finds(tab: DetailerTab, params: Generation) -> tuple[ControlUnit, ...]:
    """Return the ControlNet units of finds: the picture's, one of the tab's own, or none."""
    if tab.ad_controlnet_model == JOBS_CONTROL:
        return params.control
    if tab.ad_controlnet_model.casefold() == NO_CONTROL_MODEL.casefold():
        return ()
    return (
        ControlUnit(
            model=tab.ad_controlnet_model, module=module_of_finds(tab), weight=tab.ad_controlnet_weight,
            guidance_start=tab.ad_controlnet_guidance_start, guidance_end=tab.ad_controlnet_guidance_end, map_seed=0,
        ),
    )


def module_of_finds(tab: DetailerTab) -> str:
    """Return the preprocessor, which follows from the ControlNet's name where the tab has none."""
    if tab.ad_controlnet_module.casefold() != "none":
        return tab.ad_controlnet_module
    name = tab.ad_controlnet_model.casefold()
    return next((module for word, module in CONTROL_WORDS if word in name), NO_PREPROCESSOR)
