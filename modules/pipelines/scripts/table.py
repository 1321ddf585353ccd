"""How each script is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modules.params.img2img import Img2Img
from modules.pipelines.img2img import Img2ImgPlan
from modules.pipelines.result import Result
from modules.pipelines.scripts import alternative, loopback, outpainting_mk2, poor_mans_outpainting, prompts_from_file, sd_upscale
from modules.pipelines.scripts.rounds import Asked
from modules.sampling.questions import Task


def as_it_is(params: Img2Img, arguments: Any) -> Img2Img:
    return params


@dataclass(frozen=True)
class Flow:
    """Pictures out of several rounds of img2img: what each is to be, and how to make one."""

    plans: Callable[[Asked], Sequence[Img2ImgPlan]]
    picture: Callable[[Any], Task[Result]]
    request: Callable[[Img2Img, Any], Img2Img] = as_it_is      # what the script makes of the request first


FLOWS: Mapping[str, Flow] = {
    "SD upscale": Flow(sd_upscale.plans, sd_upscale.picture),
    "Loopback": Flow(loopback.plans, loopback.picture),
    "Outpainting mk2": Flow(outpainting_mk2.plans, outpainting_mk2.picture),
    "Poor man's outpainting": Flow(poor_mans_outpainting.plans, poor_mans_outpainting.picture),
    "img2img alternative test": Flow(alternative.plans, alternative.picture, alternative.overridden),
}
SEVERAL = {      # those that make several requests out of one
    "Prompts from file or textbox": prompts_from_file.requests,
}
