"""The detailer: after a picture is made, what a detector finds in it is painted anew, one find after another.

Names, defaults and generation data are those of the ADetailer extension.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar

from annotated_types import Ge, Le, MaxLen

from modules.base.fields import Checkbox, Choice, Param, Slider, Text
from modules.base.limits import MAX_PROMPT

MOST_TABS = 10
MOST_FINDS_KEPT = 100          # boxes by hand
MOST_FIND_PROMPTS = 100        # of a tab, parted by [SEP]
NO_DETECTOR = "None"
BY_AREA, BY_CONFIDENCE = FILTER_METHODS = ("Area", "Confidence")
SEPARATE, MERGED, MERGED_AND_INVERTED = MERGE_MODES = ("None", "Merge", "Merge and Invert")
SAME_SAMPLER, SAME_SCHEDULER = "Use same sampler", "Use same scheduler"
SAME_CHECKPOINT, SAME_VAE = "Use same checkpoint", "Use same VAE"
NO_CONTROL, JOBS_CONTROL = "None", "Passthrough"      # instead of a ControlNet's name
WIDEST_FIND_BLUR = 256        # pixels
LARGEST_FIND_SIDE = 8192      # pixels at which a find is painted, as of hires fix
NEXT_FIND = "[SEP]"      # parts the prompts of finds
JOBS_PROMPT, SKIPPED_FIND = "[PROMPT]", "[SKIP]"

PictureShare = Annotated[float, Ge(0), Le(1)]      # of the picture's width or height


@dataclass(frozen=True, kw_only=True)
class DetailerTab:
    """One pass over a picture: what is looked for, and how each find is painted."""

    ad_model: Annotated[str, Param("Detector", Choice("detectors"), "What looks for faces, hands or persons.", "ADetailer model")] = NO_DETECTOR
    ad_model_classes: Annotated[str, Param("Classes", Text(1), "Labels that count, with commas between; empty is all that the detector knows.", "ADetailer model classes")] = ""
    ad_tab_enable: Annotated[bool, Param("Enable this tab", Checkbox(), "The tab takes part.", "ADetailer tab enable")] = True
    ad_prompt: Annotated[str, Param("Detailer prompt", Text(2, MAX_PROMPT), "What each find shows; empty is the picture's prompt. [SEP] parts the prompts of the finds, [PROMPT] stands for the picture's, [SKIP] leaves a find out.", "ADetailer prompt")] = ""
    ad_negative_prompt: Annotated[str, Param("Detailer negative prompt", Text(2, MAX_PROMPT), "What to keep out of the finds; empty is the picture's.", "ADetailer negative prompt")] = ""
    ad_confidence: Annotated[float, Param("Detection confidence", Slider(0, 1, 0.01), "How sure the detector must be.", "ADetailer confidence")] = 0.3
    ad_mask_filter_method: Annotated[str, Param("Finds are chosen by", Choice(FILTER_METHODS), "Which finds go before others if only some are painted.", "ADetailer method to decide top k masks")] = BY_AREA
    ad_mask_k: Annotated[int, Param("Only so many finds", Slider(0, 10, 1, (0, 1000)), "How many finds are painted; 0 is all.", "ADetailer mask only top k")] = 0
    ad_mask_min_ratio: Annotated[float, Param("Least area", Slider(0, 1, 0.001), "The least share of the picture that a find may have.", "ADetailer mask min ratio")] = 0.0
    ad_mask_max_ratio: Annotated[float, Param("Largest area", Slider(0, 1, 0.001), "The largest share of the picture that a find may have.", "ADetailer mask max ratio")] = 1.0
    ad_dilate_erode: Annotated[int, Param("Mask erosion (-) / dilation (+)", Slider(-128, 128, 4, (-1000, 1000)), "By how many pixels masks grow or shrink.", "ADetailer dilate erode")] = 4
    ad_x_offset: Annotated[int, Param("Mask x offset", Slider(-200, 200, 1, (-16384, 16384)), "By how many pixels masks move to the right.", "ADetailer x offset")] = 0
    ad_y_offset: Annotated[int, Param("Mask y offset", Slider(-200, 200, 1, (-16384, 16384)), "By how many pixels masks move up.", "ADetailer y offset")] = 0
    ad_mask_merge_invert: Annotated[str, Param("Masks are", Choice(MERGE_MODES), "Painted one by one, all at once, or everything but them.", "ADetailer mask merge invert")] = SEPARATE
    ad_mask_blur: Annotated[int, Param("Mask blur", Slider(0, 64, 1, (0, WIDEST_FIND_BLUR)), "How softly the painted part ends, in pixels.", "ADetailer mask blur")] = 4
    ad_denoising_strength: Annotated[float, Param("Denoising strength", Slider(0, 1, 0.01), "How far a find may be from what was there.", "ADetailer denoising strength")] = 0.4
    ad_inpaint_only_masked: Annotated[bool, Param("Inpaint only masked", Checkbox(), "Each find is painted at the full size, and put back small.", "ADetailer inpaint only masked")] = True
    ad_inpaint_only_masked_padding: Annotated[int, Param("Only masked padding, pixels", Slider(0, 256, 4), "How much around a find is seen with it.", "ADetailer inpaint padding")] = 32
    ad_use_inpaint_width_height: Annotated[bool, Param("Use separate width/height", Checkbox(), "Finds are painted at a size of their own.", "ADetailer use inpaint width height")] = False
    ad_inpaint_width: Annotated[int, Param("Inpaint width", Slider(64, 2048, 8, (64, LARGEST_FIND_SIDE)), "Width at which a find is painted.", "ADetailer inpaint width")] = 512
    ad_inpaint_height: Annotated[int, Param("Inpaint height", Slider(64, 2048, 8, (64, LARGEST_FIND_SIDE)), "Height at which a find is painted.", "ADetailer inpaint height")] = 512
    ad_use_steps: Annotated[bool, Param("Use separate steps", Checkbox(), "Finds have steps of their own.", "ADetailer use separate steps")] = False
    ad_steps: Annotated[int, Param("Detailer steps", Slider(1, 150), "Sampling steps of each find.", "ADetailer steps")] = 28
    ad_use_cfg_scale: Annotated[bool, Param("Use separate CFG scale", Checkbox(), "Finds have a CFG scale of their own.", "ADetailer use separate CFG scale")] = False
    ad_cfg_scale: Annotated[float, Param("Detailer CFG scale", Slider(1, 30, 0.5, (0, 30)), "How closely a find follows its prompt.", "ADetailer CFG scale")] = 7.0
    ad_use_checkpoint: Annotated[bool, Param("Use separate checkpoint", Checkbox(), "Finds are painted by another model.", "ADetailer use separate checkpoint")] = False
    ad_checkpoint: Annotated[str, Param("Detailer checkpoint", Choice("hr_checkpoints"), "The model that paints the finds.", "ADetailer checkpoint")] = SAME_CHECKPOINT
    ad_use_vae: Annotated[bool, Param("Use separate VAE", Checkbox(), "Finds are decoded by another VAE.", "ADetailer use separate VAE")] = False
    ad_vae: Annotated[str, Param("Detailer VAE", Choice("vaes"), "The VAE of the finds.", "ADetailer VAE")] = SAME_VAE
    ad_use_sampler: Annotated[bool, Param("Use separate sampler", Checkbox(), "Finds have a sampler of their own.", "ADetailer use separate sampler")] = False
    ad_sampler: Annotated[str, Param("Detailer sampling method", Choice("samplers"), "How each step of a find is taken.", "ADetailer sampler")] = "DPM++ 2M Karras"
    ad_scheduler: Annotated[str, Param("Detailer schedule type", Choice("schedules"), "How noise falls while a find is painted.", "ADetailer scheduler")] = SAME_SCHEDULER
    ad_use_noise_multiplier: Annotated[bool, Param("Use separate noise multiplier", Checkbox(), "Finds have a noise multiplier of their own.", "ADetailer use separate noise multiplier")] = False
    ad_noise_multiplier: Annotated[float, Param("Detailer noise multiplier", Slider(0.5, 1.5, 0.01), "Weaker noise smooths a find, stronger adds detail.", "ADetailer noise multiplier")] = 1.0
    ad_use_clip_skip: Annotated[bool, Param("Use separate CLIP skip", Checkbox(), "Finds have a clip skip of their own.", "ADetailer use separate CLIP skip")] = False
    ad_clip_skip: Annotated[int, Param("Detailer CLIP skip", Slider(1, 12), "How many of the last layers of the text encoder are left out.", "ADetailer CLIP skip")] = 1
    ad_restore_face: Annotated[bool, Param("Restore faces after it", Checkbox(), "Each painted find goes through the face restorer of the settings.", "ADetailer restore face")] = False
    ad_controlnet_model: Annotated[str, Param("Detailer ControlNet", Choice("control_models"), "A ControlNet for the finds; Passthrough takes the picture's units.", "ADetailer ControlNet model")] = NO_CONTROL
    ad_controlnet_module: Annotated[str, Param("Its preprocessor", Choice("preprocessors"), "None follows from the ControlNet's name.", "ADetailer ControlNet module")] = "None"
    ad_controlnet_weight: Annotated[float, Param("Its weight", Slider(0, 1, 0.01), "How strongly the map counts.", "ADetailer ControlNet weight")] = 1.0
    ad_controlnet_guidance_start: Annotated[float, Param("Its start", Slider(0, 1, 0.01), "After which share of the steps it begins to count.", "ADetailer ControlNet guidance start")] = 0.0
    ad_controlnet_guidance_end: Annotated[float, Param("Its end", Slider(0, 1, 0.01), "After which share of the steps it counts no more.", "ADetailer ControlNet guidance end")] = 1.0

    # Easel's own: finds by hand, left, top, right and bottom of each, instead of the detector's
    ad_boxes: Annotated[tuple[tuple[PictureShare, PictureShare, PictureShare, PictureShare], ...], MaxLen(MOST_FINDS_KEPT)] = ()

    @property
    def takes_part(self) -> bool:
        return self.ad_tab_enable and (self.ad_model != NO_DETECTOR or bool(self.ad_boxes))

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels that count; () is all of them."""
        return tuple(filter(None, (label.strip() for label in self.ad_model_classes.split(","))))


def active_tabs(tabs: Sequence[DetailerTab]) -> tuple[DetailerTab, ...]:
    return tuple(tab for tab in tabs if tab.takes_part)


def prompts_of_finds(text: str, picture: str) -> tuple[str, ...]:
    """Return the prompts of the first, the second find …; the last one's is that of all others, too.

    picture: the picture's prompt, which stands where a prompt is empty or says [PROMPT]; `SKIPPED_FIND` stays

    >>> prompts_of_finds("[PROMPT], smiling [SEP] [SKIP][SEP]", "a boy")
    ('a boy, smiling', '[SKIP]', 'a boy')
    """
    parts = (part.strip() for part in text.split(NEXT_FIND))
    return tuple(part.replace(JOBS_PROMPT, picture) if part else picture for part in parts)


T = TypeVar("T")


def of_find(prompts: Sequence[T], number: int) -> T:
    """Return what the find of that number has: the last of them is all others', too."""
    return prompts[min(number, len(prompts) - 1)]
