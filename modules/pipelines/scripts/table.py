"""The table of scripts: the functions that carry each one out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol

from modules.params.img2img import Img2Img
from modules.pipelines.plan import ImagePlan
from modules.pipelines.scripts import (
    alternative,
    loopback,
    outpainting_mk2,
    poor_mans_outpainting,
    prompts_from_file,
    sd_upscale,
    xyz_plot,
)
from modules.pipelines.scripts.script_cells import Cells
from modules.pipelines.scripts.script_run import A, ScriptRun
from modules.settings.options import Settings


def as_it_is(params: Img2Img, arguments: Any) -> Img2Img:
    return params


@dataclass(frozen=True)
class ImageScript(Generic[A]):
    """A script that makes each image by several passes of img2img."""

    plans: Callable[[ScriptRun[A]], Sequence[ImagePlan[Img2Img, Any]]]
    request: Callable[[Img2Img, A], Img2Img] = as_it_is      # changes the request first
    batch_grid: bool = True               # its pictures have a grid where batches have
    grid_rows: int | None = None          # rows of that grid; None: as the settings have them
    grid_unsaved: bool = False            # there is a grid also where pictures are not saved
    in_parts: bool = True                 # its passes are parts that somebody else may paint
    together: bool = False                # as many parts as the batch size says are painted together


IMAGE_SCRIPTS: Mapping[str, ImageScript[Any]] = {
    "SD upscale": ImageScript(sd_upscale.plans, batch_grid=False, together=True),
    "Loopback": ImageScript(loopback.plans, grid_rows=1, grid_unsaved=True),
    "Outpainting mk2": ImageScript(outpainting_mk2.plans, grid_unsaved=True),
    "Poor man's outpainting": ImageScript(poor_mans_outpainting.plans, batch_grid=False),
    "img2img alternative test": ImageScript(alternative.plans, alternative.overridden, in_parts=False),
}


class RequestScript(Protocol):
    """A script that makes several requests out of one."""

    def __call__(self, params: Any, arguments: Any, settings: Settings, saved: bool, /) -> Cells:
        """Return the requests with their settings, and the grids of their pictures.

        saved: True if the pictures are saved to the outputs
        """


REQUEST_SCRIPTS: Mapping[str, RequestScript] = {
    "Prompts from file or textbox": prompts_from_file.line_cells,
    "X/Y/Z plot": xyz_plot.plot_cells,
}
