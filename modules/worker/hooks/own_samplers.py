"""Samplers of extensions: functions over a batch's tensors, run in the extensions' thread with our guidance."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from modules.params.txt2img import Txt2Img
from modules.pipelines.sampling import remaining, trained_levels
from modules.plugins.host import Host
from modules.requests.own_sampling import SAMPLING_FIELDS, name_of, own_of
from modules.sampling.consulted import CALLBACK_STATE, SampledPicture, StepCount, evaluation
from modules.sampling.flows import Denoise, Flow
from modules.sampling.samplers import SAMPLERS
from modules.sampling.schedules import SCHEDULES

if TYPE_CHECKING:
    from modules.worker.hooks.hooked_batch import HookedBatch, HookedPicture
    from modules.worker.hooks.step_listeners import StepListeners


class SamplingStopped(Exception):
    """Ends an extension's sampler: its job was interrupted."""


def with_stand_ins(values: dict[str, Any], host: Host) -> dict[str, Any]:
    """Return a request's values with Easel's own in the place of extensions' samplers, with the latter's schedules."""
    for name, schedule in (("sampler_name", "scheduler"), ("hr_sampler_name", "hr_scheduler")):
        if found := own_of(host, name).get(str(values.get(name) or "").lower()):
            usual = schedule_label(found.options.get("scheduler", ""))
            if values.get(schedule) in (None, "", "Automatic"):
                values |= {schedule: usual}
            values |= {name: stand_in_of(found)}
        if str(values.get(schedule) or "").lower() in own_of(host, schedule):
            values |= {schedule: SAMPLING_FIELDS[schedule][1]}
    return values


def stand_in_of(found: Any) -> str:
    """Return the sampler of Easel's whose plan an extension's has: the one it is made of, if it is."""
    function = getattr(found.constructor(None), "funcname", None)
    own = SAMPLERS.get(function) if isinstance(function, str) else None
    return own.name if own else SAMPLING_FIELDS["sampler_name"][1]


def schedule_label(name: str) -> str:
    """Return our name of a schedule that A1111 knows by that one."""
    return next((each for each in SCHEDULES.names if each.lower().replace(" ", "_") == name), "Automatic")


def sampling_pairs(host: Host, p: Any, request: Any) -> dict[str, str]:
    """Return the generation data that name extensions' samplers and schedules."""
    keys = {"sampler_name": "Sampler", "scheduler": "Schedule type"}
    if isinstance(request, Txt2Img) and request.enable_hr:
        keys |= {"hr_sampler_name": "Hires sampler", "hr_scheduler": "Hires schedule type"}
    found = {key: own_of(host, name).get(str(getattr(p, name, None) or "").lower()) for name, key in keys.items()}
    return {key: name_of(each) for key, each in found.items() if each}


@dataclass(eq=False)
class AskedPicture(SampledPicture):
    """A picture whose latent and σ an extension's sampler gives."""

    answer: Tensor | None = field(default=None, init=False)

    def go_on(self, answer: Tensor | None) -> None:
        self.answer = answer


def no_flow() -> Flow:
    """A flow without questions, for a picture that somebody else samples."""
    return torch.empty(0)
    yield      # makes it a generator


@dataclass(eq=False)
class GuidedModel:
    """What an extension's sampler calls as its model: (pictures, C, h, w) and σ (pictures,) → clean estimates."""

    batch: HookedBatch
    pictures: Sequence[AskedPicture]
    listeners: StepListeners
    count: StepCount
    steps: int = 0                  # that the sampler has told of

    def __call__(self, x: Tensor, sigma: Tensor, **kwargs: Any) -> Tensor:
        for place, picture in enumerate(self.pictures):
            picture.ask = Denoise(x[place], float(sigma[place]), self.steps)
        heard = self.listeners.heard() - {CALLBACK_STATE}
        self.batch.driven(evaluation(self.pictures, heard, self.count), self.listeners)
        if self.batch.job.stops_now:
            raise SamplingStopped
        return torch.stack([picture.answer for picture in self.pictures if picture.answer is not None])

    def told(self, state: dict[str, Any]) -> None:
        """A step is done."""
        self.steps = int(state.get("i", self.steps)) + 1


def run_own_sampler(
    batch: HookedBatch, pictures: Sequence[HookedPicture], sampler: Any, listeners: StepListeners, count: StepCount
) -> None:
    """Sample the pictures by an extension's function; interrupted, they are the newest estimates."""
    asked = [AskedPicture(no_flow(), picture.stage, timesteps=False) for picture in pictures]
    model = GuidedModel(batch, asked, listeners, count)
    levels = levels_of_pass(pictures[0])
    x = torch.stack([noised(picture, levels[0]) for picture in pictures])
    sigmas = torch.tensor(levels, dtype=torch.float32)
    function: Callable[..., Any] = sampler.func
    given = inspect.signature(function).parameters
    further: dict[str, Any] = {"sigmas": sigmas} if "sigmas" in given else {
        "sigma_min": sigmas[-2], "sigma_max": sigmas[0], "n": count.steps
    }
    try:
        found = function(model, x, **further, extra_args={}, callback=model.told, disable=True)
    except SamplingStopped:
        for picture, each in zip(pictures, asked, strict=True):
            picture.latent, picture.complete = each.prompted, False
        return
    for picture, latent, each in zip(pictures, found, asked, strict=True):
        picture.latent, picture.stage = latent, each.stage


def levels_of_pass(picture: HookedPicture) -> list[float]:
    """Return the noise levels that are run."""
    start = picture.start
    if start.picture is None:
        return list(start.levels)
    return list(remaining(start.pass_, trained_levels(start.pass_, start.facts), start.levels)[1])


def noised(picture: HookedPicture, level: float) -> Tensor:
    start = picture.start
    noise = start.first * level
    return noise if start.picture is None else start.picture + noise


def named_sampler(own: Mapping[str, Any], name: str | None) -> Any:
    """Return an extension's sampler, made; None where one of Easel's own samples."""
    found = own.get(str(name or "").lower())
    made = found.constructor(None) if found and SAMPLERS.get(found.name) is None else None
    return made if made and callable(made.func) else None
