"""The parameters of txt2img, and those of any image."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from annotated_types import MaxLen

from modules.base.fields import Checkbox, Choice, Choices, Number, Param, Radio, Slider, Text
from modules.base.limits import MAX_PROMPT, Json, JsonObject, Name
from modules.params.control import MOST_UNITS, ControlUnit
from modules.params.detailer import MOST_TABS, DetailerTab
from modules.params.regions import (
    ATTENTION_MODE,
    MOST_REGIONS,
    REGION_BASE_KEY,
    REGION_MODE_KEY,
    REGION_MODES,
    Region,
)

# the seeds of a 64-bit generator, a negative one as its two's complement
MIN_SEED, MAX_SEED = -(2**63), 2**64 - 1


@dataclass(frozen=True, kw_only=True)
class Generation:
    """The parameters of any image.

    Names and defaults as in A1111's API, order as in the form and the infotext; `form=` is the form's default.
    """

    prompt: Annotated[str, Param("Prompt", Text(3, MAX_PROMPT), "What to draw. (word:1.2) weighs, [a:b:0.5] changes its mind half way.")] = ""
    negative_prompt: Annotated[str, Param("Negative prompt", Text(3, MAX_PROMPT), "What to keep out of the picture.")] = ""
    styles: Annotated[tuple[Name, ...], Param("Styles", Choices("styles"), "Prompt texts from styles.csv, added to both prompts.")] = ()
    steps: Annotated[int, Param("Sampling steps", Slider(1, 150), "How often the picture is refined; more is slower.", "Steps", always=True, form=20)] = 50
    sampler_name: Annotated[str, Param("Sampling method", Choice("samplers"), "How each step is taken.", "Sampler", always=True, form="DPM++ 2M")] = "Euler"
    scheduler: Annotated[str, Param("Schedule type", Choice("schedules"), "How noise falls from step to step.", "Schedule type", always=True)] = "Automatic"
    cfg_scale: Annotated[float, Param("CFG scale", Slider(1, 30, 0.5), "How closely the picture follows the prompt.", "CFG scale", always=True)] = 7.0
    seed: Annotated[int, Param("Seed", Number(MIN_SEED, MAX_SEED), "The same seed and settings give the same picture; -1 is a new one each time.", "Seed", always=True)] = -1
    width: Annotated[int, Param("Width", Slider(64, 2048, 8), "Picture width in pixels.", "Size-1", always=True)] = 512
    height: Annotated[int, Param("Height", Slider(64, 2048, 8), "Picture height in pixels.", "Size-2", always=True)] = 512
    subseed: Annotated[int, Param("Variation seed", Number(MIN_SEED, MAX_SEED), "The seed to lean towards.", "Variation seed")] = -1
    subseed_strength: Annotated[float, Param("Variation strength", Slider(0, 1, 0.01), "How far to lean towards the variation seed.", "Variation seed strength")] = 0.0
    seed_resize_from_w: Annotated[int, Param("Resize seed from width", Slider(-1, 2048, 8), "Keep the composition this seed has at that width; 0 is off.", "Seed resize from-1", form=0)] = -1
    seed_resize_from_h: Annotated[int, Param("Resize seed from height", Slider(-1, 2048, 8), "Keep the composition this seed has at that height; 0 is off.", "Seed resize from-2", form=0)] = -1
    n_iter: Annotated[int, Param("Batch count", Slider(1, 100), "How many batches, one after another.")] = 1
    batch_size: Annotated[int, Param("Batch size", Slider(1, 8), "How many pictures are made together.")] = 1
    tiling: Annotated[bool, Param("Tiling", Checkbox(), "The picture continues at its opposite edges, so that it can be laid side by side.", "Tiling", shapes=True)] = False
    refiner_checkpoint: Annotated[str, Param("Refiner", Choice("refiners"), "A second checkpoint that finishes the picture.", "Refiner")] = ""
    refiner_switch_at: Annotated[float, Param("Switch at", Slider(0.01, 1, 0.01), "After which share of the sampling the refiner takes over.", "Refiner switch at")] = 0.8
    script_name: Name = ""                                             # one of `params.scripts`
    script_args: Annotated[tuple[Json, ...], MaxLen(100)] = ()         # its arguments, in A1111's order
    extensions: JsonObject = field(default_factory=dict)               # arguments of extensions: name → argument → value
    control: Annotated[tuple[ControlUnit, ...], MaxLen(MOST_UNITS)] = ()      # ControlNet's units
    detailer: Annotated[tuple[DetailerTab, ...], MaxLen(MOST_TABS)] = ()      # what is found and painted anew afterwards
    regions: Annotated[tuple[Region, ...], MaxLen(MOST_REGIONS)] = ()      # parts with prompts of their own
    region_mode: Annotated[str, Param("Region mode", Radio(REGION_MODES), "Attention mixes texts within one estimate; Latent estimates each region by itself, with exact edges.", REGION_MODE_KEY)] = ATTENTION_MODE
    region_base: Annotated[float, Param("Base ratio", Slider(0, 1, 0.01), "How much the picture's own prompt counts where regions are.", REGION_BASE_KEY)] = 0.2

    @property
    def pictures(self) -> int:
        return self.n_iter * self.batch_size


@dataclass(frozen=True, kw_only=True)
class Txt2Img(Generation):
    """The parameters of a picture from words alone, and of hires fix: a second pass at a larger size.

    Fields that the second pass leaves open are the first pass's.
    """

    enable_hr: Annotated[bool, Param("Hires. fix", Checkbox(), "Draw small, enlarge, and draw the details again.")] = False
    denoising_strength: Annotated[float, Param("Denoising strength", Slider(0, 1, 0.01), "How much the second pass may change: 0 keeps all, 1 forgets it.", "Denoising strength", form=0.7)] = 0.75
    hr_scale: Annotated[float, Param("Upscale by", Slider(1, 4, 0.05), "How much larger the second pass is.", "Hires upscale")] = 2.0
    hr_upscaler: Annotated[str, Param("Upscaler", Choice("hr_upscalers"), "What enlarges the first pass: its latent, or the picture by any upscaler.", "Hires upscaler", form="Latent")] = ""
    hr_second_pass_steps: Annotated[int, Param("Hires steps", Slider(0, 150), "Steps of the second pass; 0 is as many as the first.", "Hires steps")] = 0
    hr_resize_x: Annotated[int, Param("Resize width to", Slider(0, 2048, 8), "Instead of a scale; 0 follows from the height.", "Hires resize-1")] = 0
    hr_resize_y: Annotated[int, Param("Resize height to", Slider(0, 2048, 8), "Instead of a scale; 0 follows from the width.", "Hires resize-2")] = 0
    hr_checkpoint_name: Annotated[str, Param("Hires checkpoint", Choice("hr_checkpoints"), "The model of the second pass.", "Hires checkpoint")] = ""
    hr_sampler_name: Annotated[str, Param("Hires sampling method", Choice("hr_samplers"), "How each step of the second pass is taken.", "Hires sampler")] = ""
    hr_scheduler: Annotated[str, Param("Hires schedule type", Choice("hr_schedules"), "How noise falls in the second pass.", "Hires schedule type")] = ""
    hr_cfg: Annotated[float, Param("Hires CFG scale", Slider(0, 30, 0.5), "How closely the second pass follows the prompt; 0 is as the first.", "Hires CFG Scale")] = 0.0
    hr_prompt: Annotated[str, Param("Hires prompt", Text(3, MAX_PROMPT), "What the second pass draws; empty is the same.", "Hires prompt")] = ""
    hr_negative_prompt: Annotated[str, Param("Hires negative prompt", Text(3, MAX_PROMPT), "What to keep out of the second pass; empty is the same.", "Hires negative prompt")] = ""


def counted_on(seed: int, by: int) -> int:
    """Return the seed so many further; after the largest comes 0, since −1 would mean a random seed."""
    later = seed + by
    return later if later < -1 else later % (MAX_SEED + 1)
