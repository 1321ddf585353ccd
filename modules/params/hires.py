"""Hires fix: the second pass's request, and the sizes of both passes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from modules.base.errors import Invalid
from modules.params.infotext import first_pass_size
from modules.params.txt2img import Txt2Img

HIRES_MULTIPLE = 8                # pixels; sides are rounded to multiples of it before a model is known
LARGEST_SIDE = 8192          # pixels of a side

# Words for no choice in A1111's form and generation data.
USE_SAME = ("Use same checkpoint", "Use same sampler", "Use same scheduler")

# Modes that enlarge the latent itself: torch's interpolation, and whether it is antialiased.
LATENT_MODES: Mapping[str, tuple[str, bool]] = {
    "Latent": ("bilinear", False),
    "Latent (antialiased)": ("bilinear", True),
    "Latent (bicubic)": ("bicubic", False),
    "Latent (bicubic antialiased)": ("bicubic", True),
    "Latent (nearest)": ("nearest", False),
    "Latent (nearest-exact)": ("nearest-exact", False),
}
LATENT_UPSCALER = "Latent"       # the one meant if no upscaler is named


@dataclass(frozen=True, slots=True)
class Target:
    """The size, in pixels, that the first pass's picture is enlarged to, and the part that is cut off afterwards."""

    width: int
    height: int
    cut_x: int = 0      # latent cells; half of them at each side
    cut_y: int = 0

    @property
    def kept(self) -> tuple[int, int]:
        """The final width and height in pixels, of whole cells."""
        width, height = self.cells
        return (width - self.cut_x) * HIRES_MULTIPLE, (height - self.cut_y) * HIRES_MULTIPLE

    @property
    def cells(self) -> tuple[int, int]:
        """Width and height of the latent before it is cut."""
        return self.width // HIRES_MULTIPLE, self.height // HIRES_MULTIPLE


def hires_target(params: Txt2Img) -> Target:
    """Return the target: by scale; or by a width, a height, or both, which cuts the longer side."""
    width, height, x, y = params.width, params.height, params.hr_resize_x, params.hr_resize_y
    if not x and not y:
        return Target(int(width * params.hr_scale), int(height * params.hr_scale))
    by_width, by_height = Target(x, x * height // width), Target(y * width // height, y)
    if not x or not y:
        return by_width if x else by_height
    wide = by_width if width / height < x / y else by_height
    return replace(wide, cut_x=(wide.width - x) // HIRES_MULTIPLE, cut_y=(wide.height - y) // HIRES_MULTIPLE)


def check_hires(params: Txt2Img) -> Txt2Img:
    """Return the request if its second pass has a possible size. Raises Invalid."""
    found = hires_target(params)
    if min(found.kept) < HIRES_MULTIPLE or max(found.width, found.height) > LARGEST_SIDE:
        field = "hr_resize_x" if params.hr_resize_x or params.hr_resize_y else "hr_scale"
        raise Invalid(
            f"Hires fix cannot enlarge {params.width}×{params.height} to {found.width}×{found.height}.",
            f"Sides are {HIRES_MULTIPLE} to {LARGEST_SIDE} pixels.", field=field,
        )
    return params


def second_pass(params: Txt2Img) -> Txt2Img:
    """Return the second pass's request: its own values, else the first pass's. Its size is the final one."""
    width, height = hires_target(params).kept
    return replace(
        params,
        enable_hr=False,
        width=width,
        height=height,
        prompt=params.hr_prompt or params.prompt,
        negative_prompt=params.hr_negative_prompt or params.negative_prompt,
        steps=params.hr_second_pass_steps or params.steps,
        sampler_name=params.hr_sampler_name or params.sampler_name,
        scheduler=params.hr_scheduler or params.scheduler,
        cfg_scale=params.hr_cfg or params.cfg_scale,
    )


def sized_by_result(params: Txt2Img) -> Txt2Img:
    """Return a request whose width and height were the result's, as in A1111's first versions.

    The first pass then has about 512 × 512 pixels.
    """
    width, height = first_pass_size(params.width, params.height)
    return replace(params, width=width, height=height, hr_resize_x=params.width, hr_resize_y=params.height)
