"""One batch of a hooked job: its pictures are begun, sampled and decoded together, with hooks in between.

It is carried out in the extensions' thread. Whatever touches weights is an errand to the engine; a sampler's flow runs
here only where somebody listens to its steps, else it is one errand as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from modules.params.hires import hires_target
from modules.pipelines import hires
from modules.pipelines.conditioning import first_stage, grey_image
from modules.pipelines.control import finished_by_units
from modules.pipelines.control_maps import StartPicture
from modules.pipelines.img2img import Painting, begin_painting, control_start, mask_layers
from modules.pipelines.plan import ImagePlan, Pass
from modules.pipelines.result import ExtraParams
from modules.pipelines.sampling import PassStart, start_from_noise, start_from_picture, trained_levels
from modules.pipelines.txt2img import decode_question, sampled
from modules.plugins.host import surface
from modules.requests.own_sampling import own_of
from modules.sampling.consulted import SampledPicture, StepCount, Steps, Together, guided_batch, mixed_by_listeners
from modules.sampling.guidance import Stage
from modules.sampling.questions import DecodeLevels, Task
from modules.worker.hooks.encoded_prompts import take_replaced_encoding
from modules.worker.hooks.own_samplers import named_sampler, run_own_sampler
from modules.worker.hooks.own_schedules import own_levels
from modules.worker.hooks.replaced_sample import sample_by_extension
from modules.worker.hooks.shown_conditionings import show_conditionings, unlocked_stage, with_conditionings
from modules.worker.hooks.step_listeners import StepListeners

LOST_OF_A_LEVEL = 1e-3        # of a level: what single precision may lose of a whole one

if TYPE_CHECKING:
    from modules.worker.hooks.hooked_job import HookedJob


@dataclass(eq=False)
class HookedPicture:
    """One picture of the batch, as far as it has come."""

    number: int                         # among the job's pictures
    plan: ImagePlan[Any, Any]
    extra: ExtraParams
    stage: Stage
    start: PassStart
    painting: Painting | None = None    # of img2img
    latent: Tensor | None = None        # (C, h, w), on the network's scale
    complete: bool = True
    reached: Pass[Any] | None = None    # the last pass that was begun
    pixels: Tensor | None = None        # (3, H, W) in [0, 1]

    @property
    def control_start(self) -> StartPicture | None:
        """The picture for ControlNet units that have none of their own."""
        return control_start(self.start.pass_, self.painting.canvas) if self.painting else None

    @property
    def result(self) -> Tensor:
        if self.latent is None:
            raise LookupError("The picture has not been sampled.")
        return self.latent


@dataclass(eq=False)
class HookedBatch:
    """The pictures of one batch of `p`."""

    job: HookedJob
    p: Any
    plans: Sequence[ImagePlan[Any, Any]]
    first: int                          # the number of its first picture
    pictures: list[HookedPicture] = field(default_factory=list)

    def draw(self) -> list[HookedPicture]:
        """Sample and decode the pictures."""
        self.pictures = pictures = self.begun()
        take_replaced_encoding(self, pictures)
        if replaced := vars(self.p).get("sample"):
            sample_by_extension(self, replaced)
        else:
            self.sample_passes()
        if pictures[0].plan.hires or pictures[0].pixels is not None:
            self.decode_and_post(pictures)
        else:
            self.post_latents(pictures)
            self.decode(pictures)
        return pictures

    def sample_passes(self) -> None:
        """Sample the pictures, and once more for hires fix."""
        pictures = self.pictures
        self.sample(pictures, pictures[0].plan.passes[0])
        if all(picture.complete for picture in pictures) and len(pictures[0].plan.passes) > 1:
            self.second_pass(pictures)
        self.mix_finally(pictures)

    def sampled(self, positive: Any, negative: Any) -> Any:
        """Sample the pictures for an extension that has replaced `p.sample`; a second call begins anew.

        positive, negative: conditionings in A1111's form, those of `p` or others
        """
        if any(picture.latent is not None for picture in self.pictures):
            self.pictures[:] = self.begun()
        if positive is not self.p.c or negative is not self.p.uc:
            for place, picture in enumerate(self.pictures):
                picture.stage = with_conditionings(picture.stage, positive.batch[place], negative[place])
        self.sample_passes()
        if not self.pictures[0].plan.hires:
            return torch.stack([picture.result for picture in self.pictures])
        return surface("sd_samplers_common").DecodedSamples(self.decoded_levels(self.pictures))

    # --- beginning ---

    def begun(self) -> list[HookedPicture]:
        tasks = [begun_picture(plan, self.first + place) for place, plan in enumerate(self.plans)]
        return self.job.desk.do(tasks, self.first)

    def before_sampling(self, pictures: Sequence[HookedPicture]) -> None:
        """Call process_before_every_sampling, and take what it changed."""
        p, hears = self.p, self.job.scripts_of(self.p).hears("process_before_every_sampling")
        if hears:
            for picture in pictures:
                picture.stage = unlocked_stage(picture.stage)
        show_conditionings(p, pictures)
        noise = torch.stack([picture.start.first for picture in pictures])
        starts = [picture.start.picture for picture in pictures]
        x = noise if starts[0] is None else torch.stack([each for each in starts if each is not None])
        p.init_latent = None if starts[0] is None else x
        if not hears:
            return
        before = noise._version, x._version
        self.job.scripts_of(p).call("process_before_every_sampling", p, x=x, noise=noise, c=p.c, uc=p.uc)
        for place, picture in enumerate(pictures):
            if noise._version != before[0]:
                picture.start = replace(picture.start, first=noise[place])
            if starts[0] is not None and x._version != before[1]:
                start_again_from(picture, x[place])

    def extra_noise(self, pictures: Sequence[HookedPicture]) -> None:
        """Call on_extra_noise where the setting adds noise to a picture."""
        more = pictures[0].start.pass_.settings.img2img_extra_noise
        if not more or pictures[0].start.picture is None or not self.job.host.listeners("extra_noise"):
            return
        noise = torch.stack([picture.start.first for picture in pictures])
        x = torch.stack([each.start.picture for each in pictures if each.start.picture is not None])
        params = surface("script_callbacks").ExtraNoiseParams(noise, x, x + noise * pictures[0].start.begin)
        self.job.listeners(self.p, StepCount()).call("extra_noise", params)
        for picture, own in zip(pictures, params.noise, strict=True):
            picture.start = replace(picture.start, extra=own)

    # --- sampling ---

    def sample(self, pictures: Sequence[HookedPicture], pass_: Pass[Any]) -> None:
        """Run the sampler of all pictures; interrupted, they are the newest estimates."""
        self.take_own_schedule(pictures, pass_)
        self.before_sampling(pictures)
        self.extra_noise(pictures)
        count = StepCount(pass_.steps, pass_.evaluations)
        listeners = self.job.listeners(self.p, count, pictures)
        state = self.job.state
        state.sampling_step, state.sampling_steps = 0, pass_.steps
        for picture in pictures:
            picture.reached = picture.start.pass_
        if pass_.schedule_steps == 0:
            for picture in pictures:
                picture.latent = picture.start.picture
        elif sampler := self.own_sampler(pass_):
            run_own_sampler(self, pictures, sampler, listeners, count)
        elif heard := listeners.heard():
            self.sample_here(pictures, heard, listeners, count)
        else:
            tasks = [sampled(picture.start.flow(), picture.stage, picture.start.picture) for picture in pictures]
            for picture, (latent, complete) in zip(pictures, self.job.desk.do(tasks, self.first), strict=True):
                picture.latent, picture.complete = latent, complete
        for picture in pictures:
            own = picture.start.pass_.moments
            if own and picture.complete and picture.latent is not None:
                picture.latent = own.decoding(picture.start.pass_, picture.latent)

    def own_sampler(self, pass_: Pass[Any]) -> Any:
        """Return the extension's sampler that the pass is to have; None for one of Easel's own."""
        second = pass_.first_step > 0 and getattr(self.p, "hr_sampler_name", None)
        return named_sampler(own_of(self.job.host, "sampler_name"), second or self.p.sampler_name)

    def take_own_schedule(self, pictures: Sequence[HookedPicture], pass_: Pass[Any]) -> None:
        """Give the pictures the noise levels of an extension's schedule, if the pass is to have one."""
        second = pass_.first_step > 0 and getattr(self.p, "hr_scheduler", None)
        if not (name := second or self.p.scheduler):
            return
        for picture in pictures:
            picture.start = replace(picture.start, levels=own_levels(self.job.host, name, picture))

    def sample_here(
        self, pictures: Sequence[HookedPicture], heard: frozenset[str], listeners: StepListeners, count: StepCount
    ) -> None:
        batch = [
            SampledPicture(picture.start.flow(), picture.stage, picture.start.pass_.sampler.timesteps)
            for picture in pictures
        ]
        complete = self.driven(guided_batch(batch, heard, count, lambda: self.job.stops_now), listeners)
        for picture, each in zip(pictures, batch, strict=True):
            picture.latent, picture.complete, picture.stage = each.latent, complete, each.stage

    def driven(self, steps: Steps[Any], listeners: StepListeners) -> Any:
        """Answer a flow's questions: by the engine, or by the listeners."""
        answer: Any = None
        while True:
            try:
                ask = steps.send(answer)
            except StopIteration as done:
                return done.value
            if isinstance(ask, Together):
                answer = self.job.desk.ask(ask.questions, self.first)
            else:
                listeners.consult(ask)
                answer = None

    def second_pass(self, pictures: Sequence[HookedPicture]) -> None:
        """Enlarge the pictures and sample them again: hires fix."""
        p, job = self.p, self.job
        p.is_hr_pass = True
        job.tags.activate(p, hires=True)
        if job.stops_now:
            for picture in pictures:
                picture.complete = False
            p.is_hr_pass = False
            return
        job.scripts_of(p).call("before_hr", p)
        starts = job.desk.do([second_start(picture) for picture in pictures], self.first)
        for picture, (stage, start) in zip(pictures, starts, strict=True):
            picture.stage, picture.start = stage, start
        take_replaced_encoding(self, pictures)
        self.sample(pictures, pictures[0].plan.passes[1])
        p.is_hr_pass = False

    # --- after sampling ---

    def mix_finally(self, pictures: Sequence[HookedPicture]) -> None:
        """Put the kept part of the picture into the finished latents."""
        holes = [picture.painting.hole for picture in pictures if picture.painting]
        if not holes or not pictures[0].start.pass_.schedule_steps:
            return
        mixed = [hole.closed(picture.result) for hole, picture in zip(holes, pictures, strict=True)]
        if holes[0].mask is not None and self.job.scripts_of(self.p).hears("on_mask_blend"):
            current = torch.stack([picture.result for picture in pictures])
            listeners = self.job.listeners(self.p, StepCount(), pictures)
            mixed = self.driven(mixed_by_listeners(current, mixed, None), listeners)
        for picture, latent in zip(pictures, mixed, strict=True):
            picture.latent = latent

    def post_latents(self, pictures: Sequence[HookedPicture]) -> None:
        if not self.job.scripts_of(self.p).hears("post_sample"):
            return
        args = surface("scripts").PostSampleArgs(torch.stack([picture.result for picture in pictures]))
        self.job.scripts_of(self.p).call("post_sample", self.p, args)
        for picture, latent in zip(pictures, args.samples, strict=True):
            picture.latent = latent

    def decode(self, pictures: Sequence[HookedPicture]) -> None:
        questions = [decode_question(picture.reached or picture.start.pass_, picture.result) for picture in pictures]
        for picture, pixels in zip(pictures, self.job.desk.ask(questions, self.first), strict=True):
            picture.pixels = self.with_units(picture, to_levels(pixels))

    def with_units(self, picture: HookedPicture, levels: Tensor) -> Tensor:
        """Return a decoded picture (3, H, W) in [0, 1] with what its ControlNet units put back into it."""
        pass_ = picture.reached or picture.start.pass_
        if not pass_.control:
            return levels
        finishing = finished_by_units(pass_, to_bytes(levels), picture.control_start)
        [pixels] = self.job.desk.do([finishing], self.first)
        return to_levels(pixels)

    def decode_and_post(self, pictures: Sequence[HookedPicture]) -> None:
        """Call post_sample for pictures that are decoded by then: after hires fix, or by an extension's p.sample."""
        if not self.job.scripts_of(self.p).hears("post_sample"):
            return None if pictures[0].pixels is not None else self.decode(pictures)
        decoded = [each.pixels * 2 - 1 for each in pictures if each.pixels is not None]
        decoded = decoded or self.decoded_levels(pictures)
        args = surface("scripts").PostSampleArgs(surface("sd_samplers_common").DecodedSamples(decoded))
        self.job.scripts_of(self.p).call("post_sample", self.p, args)
        for picture, pixels in zip(pictures, args.samples, strict=True):
            picture.pixels = self.with_units(picture, ((pixels + 1) / 2).clamp(0, 1))

    def decoded_levels(self, pictures: Sequence[HookedPicture]) -> list[Tensor]:
        """Decode the pictures to (3, H, W) in [-1, 1]."""
        asks = [decode_question(picture.reached or picture.start.pass_, picture.result) for picture in pictures]
        levels = self.job.desk.ask([DecodeLevels(a.weights, a.latent, a.tiled, a.tiny) for a in asks], self.first)
        return [each.clone() for each in levels]


# Tasks of the engine ---------------------------------------------------------------------------------


def begun_picture(plan: ImagePlan[Any, Any], number: int) -> Task[HookedPicture]:
    """Read the prompts of a picture's first pass, and draw its noise."""
    pass_ = plan.passes[0]
    if plan.source is None:
        extra = ExtraParams()
        stage = yield from first_stage(pass_, extra, partial(grey_image, pass_))
        facts = yield pass_.facts
        start = start_from_noise(pass_, facts, stage)
        return HookedPicture(number, plan, extra, stage, start)
    source = plan.source
    painting = yield from begin_painting(pass_, source.canvases(source.image), source.fill_seed)
    start = start_from_picture(pass_, painting.facts, painting.hole.picture, painting.stage)
    return HookedPicture(number, plan, painting.extra, painting.stage, start, painting)


def second_start(picture: HookedPicture) -> Task[tuple[Stage, PassStart]]:
    """Enlarge the first pass's latent, and read the second pass's prompts."""
    first, second = picture.plan.passes
    larger = yield from hires.upscale_latent(first, second, picture.result, picture.extra)
    stage = yield from first_stage(second, picture.extra, partial(grey_image, second))
    facts = yield second.facts
    return stage, start_from_picture(second, facts, larger, stage)


def start_again_from(picture: HookedPicture, latent: Tensor) -> None:
    """Let a picture start from another latent, which is also what its mask keeps."""
    picture.start = replace(picture.start, picture=latent)
    if painting := picture.painting:
        hole = replace(painting.hole, picture=latent)
        pass_ = picture.start.pass_
        layers = mask_layers(pass_, hole, trained_levels(pass_, painting.facts))
        picture.stage = replace(picture.stage, layers=layers)
        picture.painting = replace(painting, hole=hole, stage=picture.stage)


def target_of(plan: ImagePlan[Any, Any]) -> tuple[int, int]:
    """Return the size that hires fix enlarges to."""
    size = hires_target(plan.params)
    return size.width, size.height


# Conversions -----------------------------------------------------------------------------------------


def to_levels(pixels: np.ndarray) -> Tensor:
    """Convert (H, W, 3) uint8 to (3, H, W) in [0, 1]."""
    return torch.from_numpy(pixels.astype(np.float32) / 255).permute(2, 0, 1)


def to_bytes(levels: Tensor) -> np.ndarray:
    """Convert (3, H, W) in [0, 1] to (H, W, 3) uint8, truncated as in A1111; whole levels stay what they are."""
    scaled = levels.detach().float().cpu().clamp(0, 1) * 255 + LOST_OF_A_LEVEL
    return scaled.to(torch.uint8).permute(1, 2, 0).numpy()
