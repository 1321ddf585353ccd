"""The parameters of img2img and inpainting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from annotated_types import Interval, MaxLen

from modules.base.fields import Checkbox, Number, Param, Slider
from modules.base.limits import MAX_SENT, EncodedPicture
from modules.params.txt2img import Generation

RESIZE_MODES = ("Just resize", "Crop and resize", "Resize and fill", "Just resize (latent upscale)")
FILLS = ("fill", "original", "latent noise", "latent nothing")      # masked content, in generation data's words
FILL, ORIGINAL, LATENT_NOISE, LATENT_NOTHING = range(4)
NOT_MASKED = "Inpaint not masked"
ONLY_MASKED = "Only masked"
WIDEST_BLUR = 64      # pixels

# Choices that are numbers in a request and words in generation data: field → infotext key, and each word's value.
NAMED_VALUES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "resize_mode": ("Resize mode", {name: place for place, name in enumerate(RESIZE_MODES)}),
    "inpainting_mask_invert": ("Mask mode", {"Inpaint masked": 0, NOT_MASKED: 1}),
    "inpainting_fill": ("Masked content", {name: place for place, name in enumerate(FILLS)}),
    "inpaint_full_res": ("Inpaint area", {"Whole picture": False, ONLY_MASKED: True}),
}


@dataclass(frozen=True, kw_only=True)
class Img2Img(Generation):
    """The parameters of a picture made from another, or of a part of it painted anew.

    Fields without a `Param` are the API's alone, or have controls of their own kind.
    """

    init_images: Annotated[tuple[EncodedPicture, ...], MaxLen(MAX_SENT)] = ()      # names of `imaging.inputs`, as `mask`
    mask: EncodedPicture = ""                     # "": the whole picture is painted

    denoising_strength: Annotated[float, Param("Denoising strength", Slider(0, 1, 0.01), "How far the result may be from the picture: 0 keeps it, 1 forgets it.", "Denoising strength", always=True)] = 0.75
    resize_mode: Annotated[int, Interval(ge=0, le=3)] = 0
    initial_noise_multiplier: Annotated[float | None, Param("Noise multiplier", Number(0, 1.5), "Weaker noise smooths the picture, stronger adds detail; empty is the setting's.", "Noise multiplier")] = None
    image_cfg_scale: Annotated[float, Param("Image CFG scale", Slider(0, 3, 0.05), "How closely a model that edits by instruction keeps to the picture.", "Image CFG scale", form=1.5)] = 1.0

    mask_blur: Annotated[int | None, Param("Mask blur", Slider(0, WIDEST_BLUR), "How softly the painted part ends, in pixels.", "Mask blur", form=4)] = None
    mask_blur_x: Annotated[int, Interval(ge=0, le=WIDEST_BLUR)] = 4      # if mask_blur is not given
    mask_blur_y: Annotated[int, Interval(ge=0, le=WIDEST_BLUR)] = 4
    mask_round: bool = True                                              # greys of the mask become black or white
    inpainting_mask_invert: Annotated[int, Interval(ge=0, le=1)] = 0
    inpainting_fill: Annotated[int, Interval(ge=0, le=3)] = FILL
    inpaint_full_res: bool = True                                        # paint only the masked part, at the full size
    inpaint_full_res_padding: Annotated[int, Param("Only masked padding, pixels", Slider(0, 256, 4), "How much around the masked part is seen with it.", "Masked area padding", form=32)] = 0

    detailer_only: bool = False                   # the pictures are not painted as a whole, only their finds are
    detailer_finds: bool = False                  # the finds are framed and told, not painted

    soft_inpainting: Annotated[bool, Param("Soft inpainting", Checkbox(), "Grey parts of the mask are painted in part, and blend with the picture.", "Soft inpainting enabled")] = False
    mask_blend_power: Annotated[float, Param("Schedule bias", Slider(0, 8, 0.1), "Above 1 the picture is kept more in the last steps, below 1 in the first.", "Soft inpainting schedule bias")] = 1.0
    mask_blend_scale: Annotated[float, Param("Preservation strength", Slider(0, 8, 0.05), "How strongly grey parts of the mask keep the picture.", "Soft inpainting preservation strength")] = 0.5
    inpaint_detail_preservation: Annotated[float, Param("Transition contrast boost", Slider(1, 32, 0.5), "Keeps contrast where picture and painting mix.", "Soft inpainting transition contrast boost")] = 4.0
    composite_mask_influence: Annotated[float, Param("Mask influence", Slider(0, 1, 0.05), "How much the mask decides where the original comes back.", "Soft inpainting mask influence")] = 0.0
    composite_difference_threshold: Annotated[float, Param("Difference threshold", Slider(0, 8, 0.25), "How different a part must be for the painting to stay.", "Soft inpainting difference threshold")] = 0.5
    composite_difference_contrast: Annotated[float, Param("Difference contrast", Slider(0, 8, 0.25), "How sharply the original ends.", "Soft inpainting difference contrast")] = 2.0

    @property
    def blur(self) -> tuple[int, int]:
        """The mask's blur, across and down."""
        return (self.mask_blur_x, self.mask_blur_y) if self.mask_blur is None else (self.mask_blur, self.mask_blur)

    @property
    def rounded(self) -> bool:
        """True if a latent cell is either painted or not; soft inpainting uses the shades between."""
        return self.mask_round and not self.soft_inpainting
