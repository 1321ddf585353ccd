"""Plans of single images, without a job around them."""

from __future__ import annotations

from modules.params.img2img import Img2Img
from modules.params.txt2img import Txt2Img
from modules.pipelines import img2img
from modules.pipelines.hires import plan_hires
from modules.pipelines.img2img import img2img_pass
from modules.pipelines.plan import Files, ImagePlan
from modules.pipelines.txt2img import plan_single_pass
from modules.settings.options import Settings


def image_plan(params: Txt2Img | Img2Img, settings: Settings, files: Files) -> ImagePlan:
    """The request's first image, by hires fix if there are files for a second pass."""
    if isinstance(params, Img2Img):
        return ImagePlan(params, settings, files, (img2img_pass(params, settings, files),), img2img.generate, None)
    return (plan_hires if files.hires else plan_single_pass)(params, settings, files)
