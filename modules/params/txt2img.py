"""What a user may ask of txt2img."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from modules.base.fields import MAX_PROMPT, Checkbox, Choice, Choices, Number, Param, Slider, Text

MAX_SEED = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class Txt2Img:
    """Names and defaults as in A1111's API, order as in the form and the infotext; `form=` is the form's default."""

    prompt: Annotated[str, Param("Prompt", Text(3, MAX_PROMPT), "What to draw. (word:1.2) weighs, [a:b:0.5] changes its mind half way.")] = ""
    negative_prompt: Annotated[str, Param("Negative prompt", Text(3, MAX_PROMPT), "What to keep out of the picture.")] = ""
    styles: Annotated[tuple[str, ...], Param("Styles", Choices("styles"), "Prompt texts from styles.csv, added to both prompts.")] = ()
    steps: Annotated[int, Param("Sampling steps", Slider(1, 150), "How often the picture is refined; more is slower.", "Steps", always=True, form=20)] = 50
    sampler_name: Annotated[str, Param("Sampling method", Choice("samplers"), "How each step is taken.", "Sampler", always=True, form="DPM++ 2M")] = "Euler"
    scheduler: Annotated[str, Param("Schedule type", Choice("schedules"), "How noise falls from step to step.", "Schedule type", always=True)] = "Automatic"
    cfg_scale: Annotated[float, Param("CFG scale", Slider(1, 30, 0.5), "How closely the picture follows the prompt.", "CFG scale", always=True)] = 7.0
    seed: Annotated[int, Param("Seed", Number(-1, MAX_SEED), "The same seed and settings give the same picture; -1 is a new one each time.", "Seed", always=True)] = -1
    width: Annotated[int, Param("Width", Slider(64, 2048, 8), "Picture width in pixels.", "Size-1", always=True)] = 512
    height: Annotated[int, Param("Height", Slider(64, 2048, 8), "Picture height in pixels.", "Size-2", always=True)] = 512
    subseed: Annotated[int, Param("Variation seed", Number(-1, MAX_SEED), "The seed to lean towards.", "Variation seed")] = -1
    subseed_strength: Annotated[float, Param("Variation strength", Slider(0, 1, 0.01), "How far to lean towards the variation seed.", "Variation seed strength")] = 0.0
    seed_resize_from_w: Annotated[int, Param("Resize seed from width", Slider(-1, 2048, 8), "Keep the composition this seed has at that width; 0 is off.", "Seed resize from-1", form=0)] = -1
    seed_resize_from_h: Annotated[int, Param("Resize seed from height", Slider(-1, 2048, 8), "Keep the composition this seed has at that height; 0 is off.", "Seed resize from-2", form=0)] = -1
    n_iter: Annotated[int, Param("Batch count", Slider(1, 100), "How many batches, one after another.")] = 1
    batch_size: Annotated[int, Param("Batch size", Slider(1, 8), "How many pictures are made together.")] = 1
    tiling: Annotated[bool, Param("Tiling", Checkbox(), "The picture continues at its opposite edges, so that it can be laid side by side.", "Tiling")] = False
    refiner_checkpoint: Annotated[str, Param("Refiner", Choice("refiners"), "A second checkpoint that finishes the picture.", "Refiner")] = ""
    refiner_switch_at: Annotated[float, Param("Switch at", Slider(0.01, 1, 0.01), "After which share of the sampling the refiner takes over.", "Refiner switch at")] = 0.8

    @property
    def pictures(self) -> int:
        return self.n_iter * self.batch_size
