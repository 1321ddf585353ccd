"""What a user may ask of Extras: finished pictures made larger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Interval

from modules.base.errors import Invalid
from modules.base.fields import Checkbox, Choice, Number, Param, Slider

BY, TO = range(2)               # resize_mode
NONE = "None"                   # the upscaler that leaves a picture as it is
MULTIPLE = 8                    # pixels; sides of what is enlarged by a factor, as in A1111
LONGEST, MOST_PIXELS = 32768, 16384**2

Size = tuple[int, int]          # width, height in pixels


@dataclass(frozen=True, kw_only=True)
class Extras:
    """Names and defaults as in A1111's API, order as in the form; `form=` is the form's default.

    Fields without a `Param` are the API's alone, or have controls of their own kind.
    """

    images: tuple[str, ...] = ()            # names of `imaging.inputs`
    infotexts: tuple[str, ...] = ()         # the generation data that each came with

    resize_mode: Annotated[int, Interval(ge=BY, le=TO)] = BY
    show_extras_results: bool = True        # A1111's: of a folder of pictures, show them or only write them
    upscaling_resize: Annotated[float, Param("Resize", Slider(0.05, 16, 0.05), "How many times as large.", form=4.0)] = 2.0
    upscaling_resize_w: Annotated[int, Param("Width", Number(1, LONGEST), "In pixels, where a size is asked for.")] = 512
    upscaling_resize_h: Annotated[int, Param("Height", Number(1, LONGEST), "In pixels, where a size is asked for.")] = 512
    upscaling_crop: Annotated[bool, Param("Crop to fit", Checkbox(), "Cut off what is over of the longer side; otherwise the picture is larger than the size.")] = True
    upscaler_1: Annotated[str, Param("Upscaler 1", Choice("upscalers"), "What enlarges; None leaves the picture as it is.")] = NONE
    upscaler_2: Annotated[str, Param("Upscaler 2", Choice("upscalers"), "Its picture is laid over the first one's.")] = NONE
    extras_upscaler_2_visibility: Annotated[float, Param("Upscaler 2 visibility", Slider(0, 1, 0.001), "How much of it is seen.")] = 0.0
    gfpgan_visibility: Annotated[float, Param("GFPGAN visibility", Slider(0, 1, 0.001), "How much is seen of faces that GFPGAN restored.")] = 0.0
    codeformer_visibility: Annotated[float, Param("CodeFormer visibility", Slider(0, 1, 0.001), "How much is seen of faces that CodeFormer restored.")] = 0.0
    codeformer_weight: Annotated[float, Param("CodeFormer weight", Slider(0, 1, 0.001), "0 restores most, 1 keeps most of the face.")] = 0.0
    upscale_first: Annotated[bool, Param("Upscale before restoring faces", Checkbox(), "Find faces in the larger picture.")] = False

    @property
    def upscalers(self) -> tuple[str, ...]:
        """Those whose work is seen: none, one or two."""
        if self.upscaler_1 == NONE:
            return ()
        second = self.upscaler_2 != NONE and self.extras_upscaler_2_visibility > 0
        return (self.upscaler_1, self.upscaler_2) if second else (self.upscaler_1,)

    def scale(self, size: Size) -> float:
        """How many times as large a picture of that size becomes; where a size is asked for, large enough to leave nothing of it free."""
        if self.resize_mode == BY:
            return self.upscaling_resize
        return max(self.upscaling_resize_w / size[0], self.upscaling_resize_h / size[1])


def checked(params: Extras, size: Size) -> Extras:
    """The request, if what becomes of a picture of that size can be held in memory. Raises Invalid naming the field, or ModelMissing."""
    scale = params.scale(size)
    width, height = (int(side * scale) for side in size)
    fields = ("upscaling_resize",) * 2 if params.resize_mode == BY else ("upscaling_resize_w", "upscaling_resize_h")
    if params.upscalers and (width * height > MOST_PIXELS or max(width, height) > LONGEST):
        raise Invalid(
            f"{size[0]}×{size[1]} would become {width}×{height} pixels.",
            f"Up to {LONGEST} a side and {MOST_PIXELS // 1_000_000} million in all are made.", field=fields[height > width],
        )
    return params
