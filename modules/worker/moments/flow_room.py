"""What a listener's flow may ask, as questions of the engine: another picture, an enlargement, an encoding …"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from PIL import Image
from pydantic import ValidationError
from torch import Tensor

from easel import moments
from easel.moments import Picture
from modules.base.errors import Invalid, InvalidImage
from modules.base.fields import checker, defaults, with_values
from modules.library.library import Library
from modules.params.img2img import Img2Img
from modules.params.txt2img import Generation, Txt2Img
from modules.pipelines import img2img, txt2img
from modules.pipelines.conditioning import checkpoint_stage, grey_image
from modules.pipelines.networks import with_standing_networks
from modules.pipelines.plan import ImagePlan
from modules.pipelines.result import ExtraParams, Result
from modules.pipelines.upscaling import Enlarger
from modules.requests.resolve import resolve_request
from modules.sampling.flows import Denoise
from modules.sampling.guidance import predict_for
from modules.sampling.questions import Decode, EncodeImage, Interrupted, Predict, Task
from modules.settings.account_limits import AccountLimits
from modules.worker.moments.plans import plan_value
from modules.worker.picture_files import files_for

DRAWN_START, DRAWN_MASK = "start", "mask"       # names of a drawn picture's own inputs
MOST_ASKED = 1000                   # questions of one listener about one picture


@dataclass(frozen=True)
class FlowRoom:
    """Where a picture's flows ask: its models, its settings, the limits of its account."""

    library: Library
    limits: AccountLimits
    plan: ImagePlan[Any, Any]

    def answer(self, question: Any) -> Task[Any]:
        """Return the task that answers a flow's question. Raises TypeError for what is none."""
        if type(question) not in ANSWERS:
            raise TypeError(f"A flow yields questions of easel.moments, and not {type(question).__name__}.")
        return ANSWERS[type(question)](self, question)


# Another picture --------------------------------------------------------------------------------------


def drawn_picture(room: FlowRoom, asked: moments.Draw) -> Task[Picture]:
    """Draw another picture. Raises Invalid for a request that cannot be; Interrupted if it was not completed."""
    given = ((DRAWN_START, asked.start), (DRAWN_MASK, asked.mask))
    images = {name: image.convert("RGB") for name, image in given if image}
    request = resolve_request(drawn_request(room.plan.params, asked, images))
    plan = planned_drawing(room, request, images)
    for each in plan.passes:
        room.limits.check_size(*each.frame)
        room.limits.check_steps(each.steps)
    result: Result = yield from at_the_end(plan.task(), room.plan.steps)
    if not result.complete:
        raise Interrupted
    return Picture(Image.fromarray(result.pixels), plan_value(plan, 0), asked.start)


def drawn_request(params: Generation, asked: moments.Draw, images: Mapping[str, Image.Image]) -> Generation:
    """Return the request of a picture that a flow asks for; what it leaves open is the picture's own."""
    own = {name: getattr(params, name) for name in TAKEN_OVER}
    given = {name: getattr(asked, name) for name in LEFT_OPEN if getattr(asked, name) is not None}
    values: dict[str, Any] = {**own, **given}
    cls: type[Generation] = Txt2Img
    if DRAWN_START in images:
        cls = Img2Img
        size = dict(zip(("width", "height"), images[DRAWN_START].size, strict=True))
        values |= {"init_images": (DRAWN_START,), "denoising_strength": asked.denoising_strength} | size
        values |= {name: value for name, value in given.items() if name in size}
        values |= {"mask": DRAWN_MASK, "inpainting_fill": img2img.ORIGINAL} if DRAWN_MASK in images else {}
    try:
        request: Generation = checker(cls).validate_python({**defaults(cls), **values})
    except ValidationError as error:
        first = error.errors()[0]
        raise Invalid(f"draw: {first['loc'][0]} cannot be {first['input']!r:.80}.", f"{first['msg']}.") from error
    return request


def planned_drawing(room: FlowRoom, params: Generation, images: Mapping[str, Image.Image]) -> ImagePlan[Any, Any]:
    settings = replace(room.plan.settings, save_init_img=False)
    params = with_standing_networks(params, settings)
    files = files_for(room.library, params, settings)
    if isinstance(params, Img2Img):
        return img2img.plans(params, settings, files, partial(image_named, images))[0]
    assert isinstance(params, Txt2Img)
    return txt2img.plan_single_pass(params, settings, files)


def image_named(images: Mapping[str, Image.Image], name: str) -> Image.Image:
    if name not in images:
        raise InvalidImage(f"There is no picture called {name}.", "Give draw() a start.")
    return images[name]


def at_the_end(making: Task[Result], steps: int) -> Task[Result]:
    """Return the task with its steps told as the picture's last: progress does not begin again."""
    answer: Any = None
    error: BaseException | None = None
    while True:
        try:
            question = making.throw(error) if error else making.send(answer)
        except StopIteration as done:
            result: Result = done.value
            return result
        try:
            answer, error = (yield replace(question, step=steps) if isinstance(question, Predict) else question), None
        except Exception as raised:  # noqa: BLE001  the engine's, and the task's to judge
            error = raised


TAKEN_OVER = ("prompt", "negative_prompt", "seed", "subseed", "subseed_strength", "steps", "sampler_name", "scheduler",
              "cfg_scale", "width", "height")
LEFT_OPEN = ("prompt", "negative_prompt", "seed", "steps", "cfg_scale", "width", "height")


# Single questions -------------------------------------------------------------------------------------


def enlarged_picture(room: FlowRoom, asked: moments.Enlarge) -> Task[Image.Image]:
    """Enlarge a picture. Raises UnknownName for the upscaler, Invalid for a size."""
    size = (round(asked.image.width * asked.factor), round(asked.image.height * asked.factor))
    room.limits.check_size(*size)
    enlarger = Enlarger.of(room.library.upscaler(asked.upscaler), room.plan.settings, room.plan.passes[-1].weights)
    return (yield from enlarger.to(asked.image.convert("RGB"), size))


def encoded_picture(room: FlowRoom, asked: moments.EncodePicture) -> Task[Tensor]:
    pass_ = room.plan.passes[-1]
    facts = yield pass_.facts
    room.limits.check_size(*asked.image.size)
    latent = yield EncodeImage(pass_.weights, img2img.to_unit_tensor(asked.image.convert("RGB")))
    return facts.latent.to_network(latent)


def decoded_latent(room: FlowRoom, asked: moments.DecodeLatent) -> Task[Image.Image]:
    pixels: np.ndarray = yield Decode(room.plan.passes[-1].weights, asked.latent)
    return Image.fromarray(pixels)


def estimated_clean(room: FlowRoom, asked: moments.EstimateClean) -> Task[Tensor]:
    pass_ = room.plan.passes[-1]
    params = with_values(
        pass_.params, prompt=asked.prompt, negative_prompt=asked.negative_prompt, cfg_scale=asked.cfg_scale
    )
    own = replace(pass_, params=params, moments=None)
    stage = yield from checkpoint_stage(own, ExtraParams(), partial(grey_image, own))
    conds = stage.guidance.conds(0, asked.sigma)
    ask = Denoise(asked.latent, asked.sigma, room.plan.steps - stage.before)
    clean, _ = stage.guidance.combine((yield predict_for(stage, 0, ask, conds, None)))
    return clean


ANSWERS: Mapping[type, Callable[[FlowRoom, Any], Task[Any]]] = {
    moments.Draw: drawn_picture, moments.Enlarge: enlarged_picture, moments.EncodePicture: encoded_picture,
    moments.DecodeLatent: decoded_latent, moments.EstimateClean: estimated_clean,
}
