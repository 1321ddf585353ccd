"""ControlNet units: a picture, the map made of it, and the model that makes others follow the map.

Names, labels and defaults are those of the ControlNet extension's API and form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from annotated_types import Ge, Le, MaxLen

from modules.base.fields import Checkbox, Choice, Param, Radio, Slider
from modules.base.limits import EncodedPicture
from modules.params.image_prompts import NORMAL_WEIGHT, WEIGHT_TYPES
from modules.params.preprocessors import IMAGE_PROMPT, NO_PREPROCESSOR, REFERENCE, Preprocessor, find_preprocessor

MOST_UNITS = 10
NO_CONTROL_MODEL = "None"
BALANCED, PROMPT_MODE, CONTROL_MODE = CONTROL_MODES = (
    "Balanced", "My prompt is more important", "ControlNet is more important",
)
STRETCH_MAP, CROP_MAP, FILL_MAP = MAP_RESIZE_MODES = ("Just Resize", "Crop and Resize", "Resize and Fill")
BOTH_PASSES, FIRST_PASS_ONLY, SECOND_PASS_ONLY = HIRES_OPTIONS = ("Both", "Low res only", "High res only")
UNION_TYPES = (
    "OpenPose", "Depth", "Soft Edge", "Hard Edge", "Normal Map", "Segmentation", "Tile", "Inpaint", "Unknown",
)      # the first eight in the order of a union model's tasks
SOFTENING = 0.825      # factor of an output's strength from each to the one before
SOFT_OUTPUTS = 13      # outputs of SD 1's ControlNet, whose ramp those with fewer share
SOFT_LEVELS = (0.25, 0.62, 0.825, 1.0)      # of a T2I-Adapter
SOFT_SECOND_PASS = ("canny", "mlsd")      # in names of preprocessors whose second pass is always softened

UNIT_PICTURES = ("image", "mask", "effective_region_mask")      # fields of one picture each; `more_images` has several
MOST_UNIT_PICTURES = 99          # of a unit beside its first
MOST_READ_PICTURES = 8         # of those, of an IP-Adapter's unit, which reads all of them for each picture

RESOLUTION_LIMITS, THRESHOLD_LIMITS = (-1, 4096), (-1, 65_536)      # of all preprocessors; -1 is the usual value

LayerWeight = Annotated[float, Ge(-10), Le(10)]


@dataclass(frozen=True, kw_only=True)
class ControlUnit:
    """One unit. Pictures are names of `imaging.inputs`."""

    enabled: Annotated[bool, Param("Enable", Checkbox(), "The unit takes part; a picture that is dropped on it enables it.")] = True
    image: EncodedPicture = ""                       # "": in img2img the picture that the job starts from
    # of an IP-Adapter: what they say is averaged; of others: the job's pictures take them in turn, after `image`
    more_images: Annotated[tuple[EncodedPicture, ...], MaxLen(MOST_UNIT_PICTURES)] = ()
    mask: EncodedPicture = ""                        # for inpainting: what is white is painted
    module: Annotated[str, Param("Preprocessor", Choice("preprocessors"), "Makes the map of the picture; none takes the picture as the map.")] = NO_PREPROCESSOR
    model: Annotated[str, Param("Model", Choice("control_models"), "The ControlNet that makes pictures follow the map.")] = NO_CONTROL_MODEL
    weight: Annotated[float, Param("Control Weight", Slider(0, 2, 0.05), "How strongly the map counts.")] = 1.0
    resize_mode: Annotated[str, Param("Resize Mode", Radio(MAP_RESIZE_MODES), "How a map of another shape is brought to the picture's size.")] = CROP_MAP
    processor_res: Annotated[int, Param("Preprocessor Resolution", Slider(64, 2048, 8, RESOLUTION_LIMITS), "The shorter side of the picture that the preprocessor sees, in pixels.", form=512)] = -1
    threshold_a: Annotated[float, Param("Threshold A", Slider(-1, 255, 0.01, THRESHOLD_LIMITS), "The preprocessor's first value; -1 is its usual one.")] = -1.0
    threshold_b: Annotated[float, Param("Threshold B", Slider(-1, 255, 0.01, THRESHOLD_LIMITS), "The preprocessor's second value; -1 is its usual one.")] = -1.0
    guidance_start: Annotated[float, Param("Starting Control Step", Slider(0, 1, 0.01), "After which share of the steps the map begins to count.")] = 0.0
    guidance_end: Annotated[float, Param("Ending Control Step", Slider(0, 1, 0.01), "After which share of the steps the map counts no more.")] = 1.0
    pixel_perfect: Annotated[bool, Param("Pixel Perfect", Checkbox(), "The preprocessor's resolution follows from the picture's size.")] = False
    control_mode: Annotated[str, Param("Control Mode", Radio(CONTROL_MODES), "Whether the prompt or the map yields where they differ.")] = BALANCED
    hr_option: Annotated[str, Param("Hires-Fix Option", Radio(HIRES_OPTIONS), "The passes of hires fix in which the unit takes part.")] = BOTH_PASSES
    # img2img's Only masked: the unit's own picture is cropped as the start picture is; the extension's form has it off
    inpaint_crop_input_image: Annotated[bool, Param("Crop input image based on A1111 mask", Checkbox(), "With Only masked, the unit's picture is cut where the picture is.", form=False)] = True
    save_detected_map: bool = True                   # the map is returned beside the pictures
    advanced_weighting: Annotated[tuple[LayerWeight, ...], MaxLen(16)] = ()      # of each output, instead of weight and mode
    effective_region_mask: EncodedPicture = ""       # the unit counts where it is white
    weight_type: Annotated[str, Param("Weight Type", Choice(tuple(WEIGHT_TYPES)), "Where an IP-Adapter counts: everywhere, or more in some of the model's layers.")] = NORMAL_WEIGHT
    union_control_type: Annotated[str, Param("Union Control Type", Choice(UNION_TYPES), "What the map is, for a model of several types; Unknown follows from the preprocessor.")] = "Unknown"

    map_seed: int = -1                               # of a map that is drawn; the job's, where it is resolved

    @property
    def preprocessor(self) -> Preprocessor:
        return find_preprocessor(self.module)

    @property
    def needs_model(self) -> bool:
        return not self.is_reference

    @property
    def is_reference(self) -> bool:
        """True if the model looks at the picture itself, without a ControlNet."""
        return self.preprocessor.name in REFERENCE

    @property
    def is_image_prompt(self) -> bool:
        """True if the picture is a prompt for an IP-Adapter."""
        return self.preprocessor.name in IMAGE_PROMPT

    @property
    def own_pictures(self) -> tuple[str, ...]:
        """The pictures that it looks at, in order."""
        return tuple(filter(None, (self.image, *self.more_images)))

    def for_picture(self, number: int) -> ControlUnit:
        """Return the unit as it counts for the job's picture of that number, from 0: with one of its pictures.

        An IP-Adapter reads all of them as one prompt.
        """
        if self.is_image_prompt or not any(self.more_images):
            return self
        pictures = self.own_pictures
        return replace(self, image=pictures[number % len(pictures)], more_images=())

    @property
    def sliders(self) -> tuple[float, float, float]:
        """Resolution and both thresholds as they count."""
        return self.preprocessor.effective(self.processor_res, self.threshold_a, self.threshold_b)

    @property
    def only_prompted(self) -> bool:
        """True if the negative prompt's estimate does not see the map."""
        return self.control_mode == CONTROL_MODE or self.averaged

    @property
    def averaged(self) -> bool:
        """True for a model of shuffled pictures, whose outputs are averaged over the picture; its name tells."""
        return "shuffle" in self.model.casefold()

    def strengths(self, outputs: int, second_pass: bool = False) -> tuple[float, ...]:
        """Return the factor of each output, the middle block's last."""
        if self.advanced_weighting:
            return self.advanced_weighting[:outputs]
        soft = self.control_mode != BALANCED or (
            second_pass and any(each in self.preprocessor.name for each in SOFT_SECOND_PASS)
        )
        if not soft:
            return (self.weight,) * outputs
        return tuple(self.weight * SOFTENING ** (SOFT_OUTPUTS - 1 - place) for place in range(outputs))

    def level_strengths(self) -> tuple[float, ...]:
        """Return the factor of each level of a T2I-Adapter's features, the finest first."""
        if self.advanced_weighting:
            return self.advanced_weighting
        soft = self.control_mode != BALANCED
        return tuple(self.weight * (factor if soft else 1.0) for factor in SOFT_LEVELS)

    def group_strengths(self, places: Sequence[str]) -> tuple[float, ...]:
        """Return an IP-Adapter's factor in each group of layers, which are in the encoder, the middle or the decoder."""
        if self.advanced_weighting:
            return self.advanced_weighting[: len(places)]
        return tuple(self.weight * factor for factor in WEIGHT_TYPES[self.weight_type](places))

    def style_fidelity(self, second_pass: bool, wide: bool) -> float:
        """Return how far the negative prompt does not look at a reference; `wide` is true for SDXL, which is cubed."""
        if self.control_mode == CONTROL_MODE:
            return 1.0
        if self.control_mode == PROMPT_MODE or second_pass:
            return 0.0
        _, fidelity, _ = self.sliders
        return fidelity ** 3 if wide else fidelity

    def takes_part(self, second_pass: bool) -> bool:
        """Return whether it counts in hires fix's first or second pass."""
        return self.hr_option != (FIRST_PASS_ONLY if second_pass else SECOND_PASS_ONLY)


def pictures_of_unit(unit: ControlUnit) -> tuple[str, ...]:
    """Return all pictures that a unit has."""
    return tuple(filter(None, (*(getattr(unit, name) for name in UNIT_PICTURES), *unit.more_images)))


def enabled_units(units: Sequence[ControlUnit]) -> tuple[ControlUnit, ...]:
    return tuple(unit for unit in units if unit.enabled)
