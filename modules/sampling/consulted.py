"""Guidance of a batch whose steps extensions are consulted about.

As `guided`, for all pictures of a batch in lock step. Where nobody listens, or a listener changes nothing, the model is
asked the very questions that `guided` asks, and the pictures are the same to the bit. Whoever drives this flow answers
`Together` by the engine, and `Consult` by the extensions.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

import torch
from torch import Tensor

from modules.sampling.batch_rows import BatchRows, EncodedTexts, PictureRows
from modules.sampling.flows import Denoise, Flow
from modules.sampling.guidance import Stage, layered_answer, layered_asks, stacked_estimates
from modules.sampling.masking import KeepBefore
from modules.sampling.questions import Question, Task

T = TypeVar("T")

# moments of a step, by the names of A1111's callbacks and script methods
CFG_DENOISER, CFG_DENOISED, CFG_AFTER_CFG = "cfg_denoiser", "cfg_denoised", "cfg_after_cfg"
MASK_BLEND, CALLBACK_STATE, COMBINE = "on_mask_blend", "callback_state", "combine_denoised"
STEP_MOMENTS = frozenset({CFG_DENOISER, CFG_DENOISED, CFG_AFTER_CFG, MASK_BLEND, CALLBACK_STATE, COMBINE})


@dataclass(frozen=True, slots=True, eq=False)
class Consult:
    """Ask the extensions that listen to a moment. They change the payload; the answer is None."""

    moment: str
    payload: Any


@dataclass(frozen=True, slots=True, eq=False)
class Together:
    """Ask the engine several questions at once. Answer: the list of their answers."""

    questions: Sequence[Question]


Steps: TypeAlias = Generator[Consult | Together, Any, T]


@dataclass(eq=False)
class Estimates:
    """What the model or the guidance returned, (rows or pictures, C, h, w)."""

    x: Tensor


@dataclass(eq=False)
class Combination:
    """What guidance mixes, for an extension that mixes it itself: it sets `result`, (pictures, C, h, w)."""

    x: Tensor                                   # the model's output, (rows, C, h, w)
    prompts: list[list[tuple[int, float]]]      # of each picture: its prompts' rows, with their weights
    text_uncond: EncodedTexts
    scale: float                                # of guidance
    result: Tensor | None = None


@dataclass(eq=False)
class MaskBlend:
    """The mix of a batch's latents with the pictures that are kept."""

    current_latent: Tensor          # (pictures, C, h, w)
    blended_latent: Tensor
    sigma: Tensor | None            # (pictures,); None for the last mix, after sampling

    @property
    def is_final_blend(self) -> bool:
        return self.sigma is None


@dataclass(eq=False)
class SamplerState:
    """What A1111's samplers tell after each step; `x` and `denoised` may be changed in place."""

    step: int
    x: Tensor                       # (pictures, C, h, w)
    sigma: float
    denoised: Tensor


@dataclass
class StepCount:
    """The steps as A1111 counts them.

    sampling_step: set after the first evaluation of each step, so the first two evaluations see 0
    """

    steps: int = 0
    total_steps: int = 0            # model evaluations
    evaluation: int = 0
    sampling_step: int = 0


@dataclass(eq=False)
class SampledPicture:
    """One picture of the batch while it is sampled."""

    flow: Flow
    stage: Stage
    timesteps: bool
    preview: Tensor | None = None           # the newest clean estimate
    prompted: Tensor | None = None          # the newest estimate of its first prompt alone
    latent: Tensor | None = None            # the result
    ask: Denoise | None = field(default=None, init=False)

    def go_on(self, answer: Tensor | None) -> None:
        try:
            self.ask = next(self.flow) if answer is None else self.flow.send(answer)
        except StopIteration as done:
            self.ask, self.latent = None, done.value


def guided_batch(
    pictures: Sequence[SampledPicture], heard: Collection[str], count: StepCount, stops: Callable[[], bool]
) -> Steps[bool]:
    """Sample the pictures; their `latent` is the result. The answer is True, or False if it was stopped on the way.

    heard: the moments that somebody listens to; stops: asked after each evaluation. As in A1111 a picture that is
    stopped is the newest estimate of its prompt, without guidance.
    """
    for picture in pictures:
        picture.go_on(None)
    while sampled := [picture for picture in pictures if picture.ask]:
        yield from evaluation(sampled, heard, count)
        if stops():
            for picture in sampled:
                picture.latent = picture.prompted
            return False
    return True


def evaluation(pictures: Sequence[SampledPicture], heard: Collection[str], count: StepCount) -> Steps[None]:
    """Answer one question of each picture's sampler."""
    for picture in pictures:
        if picture.stage.after and picture.stage.over(count.evaluation, asked(picture).sigma):
            picture.stage = yield from one_by_one(picture.stage.after())
    asks = [layered_asks(picture.stage.layers, asked(picture)) for picture in pictures]
    if MASK_BLEND in heard:
        asks = yield from blended_asks(pictures, asks)
    rows = BatchRows([
        PictureRows(
            picture.stage, each[-1], count.evaluation, picture.timesteps, picture.preview, count.sampling_step
        )
        for picture, each in zip(pictures, asks, strict=True)
    ])
    found = yield from guided_estimates(rows, heard)
    for picture, (clean, _, prompted) in zip(pictures, found, strict=True):
        picture.preview, picture.prompted = clean, prompted
    answers = [
        layered_answer(picture.stage.layers, each, clean)
        for picture, each, (clean, _, _) in zip(pictures, asks, found, strict=True)
    ]
    if MASK_BLEND in heard and all(picture.stage.layers and not picture.timesteps for picture in pictures):
        answers = yield from blended(pictures, [clean for clean, _, _ in found], answers)
    answers = yield from after_guidance(rows, answers, heard)
    answers = yield from told_state(pictures, answers, heard)
    count.evaluation += 1
    count.sampling_step = asked(pictures[0]).step
    for picture, each, answer, (_, away, _) in zip(pictures, asks, answers, found, strict=True):
        apart = asked(picture).apart
        picture.go_on(stacked_estimates(answer, layered_answer(picture.stage.layers, each, away)) if apart else answer)


def asked(picture: SampledPicture) -> Denoise:
    if picture.ask is None:
        raise LookupError("This picture's sampler has ended.")
    return picture.ask


def one_by_one(task: Task[T]) -> Steps[T]:
    """Ask a task's questions one after another."""
    try:
        question = next(task)
        while True:
            [answer] = yield Together([question])
            question = task.send(answer)
    except StopIteration as done:
        result: T = done.value
        return result


Guided = tuple[Tensor, Tensor, Tensor]      # guided, unprompted, and of the first prompt alone; all clean


def guided_estimates(rows: BatchRows, heard: Collection[str]) -> Steps[list[Guided]]:
    """Return each picture's guided estimate, with listeners on the model's input and its output."""
    changed: list[Any] | None = None
    if CFG_DENOISER in heard:
        view = rows.view()
        before = view.stamp()
        yield Consult(CFG_DENOISER, view)
        if view.stamp() != before:
            changed = rows.changed_questions(view)
    if changed is None:
        estimates = yield Together([picture.question() for picture in rows.pictures])
        if not {CFG_DENOISED, COMBINE} & set(heard):
            return [combined(picture, each) for picture, each in zip(rows.pictures, estimates, strict=True)]
        cleans = rows.joined(estimates)
        out = torch.stack([picture.shown(clean) for (picture, _), clean in zip(rows.rows, cleans, strict=True)])
    else:
        estimates, out = None, (yield from changed_output(rows, changed))
    version = out._version
    if CFG_DENOISED in heard:
        yield Consult(CFG_DENOISED, Estimates(out))
    if COMBINE in heard and (mixed := (yield from mixed_by_extension(rows, out))):
        return mixed
    if estimates is not None and out._version == version:
        return [combined(picture, each) for picture, each in zip(rows.pictures, estimates, strict=True)]
    return [combined_shown(picture, each) for picture, each in zip(rows.pictures, rows.split(list(out)), strict=True)]


def mixed_by_extension(rows: BatchRows, out: Tensor) -> Steps[list[Guided] | None]:
    """Let an extension mix the rows to guided estimates; None if it has not, or if a picture has two negative rows."""
    if any(len(picture.negative) > 1 for picture in rows.pictures):
        return None
    guidance, texts = rows.pictures[0].guidance, rows.view().text_uncond
    parts = Combination(out, rows.weighted_prompts(), texts, guidance.scale)
    yield Consult(COMBINE, parts)
    if parts.result is None:
        return None
    split = rows.split(list(out))
    return [
        (picture.clean(guided), picture.clean(own[-1]), picture.clean(own[0]))
        for picture, guided, own in zip(rows.pictures, parts.result, split, strict=True)
    ]


def changed_output(rows: BatchRows, questions: Sequence[Any]) -> Steps[Tensor]:
    """Ask one question a row; return the model's output for all rows, a skipped one as its picture's first."""
    found = iter((yield Together([each for each in questions if each is not None])))
    out: list[Tensor] = []
    first: dict[int, Tensor] = {}
    for (picture, _), question in zip(rows.rows, questions, strict=True):
        if question is None:
            out.append(first[id(picture)])
        else:
            out.append(picture.noise_of(question, next(found)[0]))
            first.setdefault(id(picture), out[-1])
    return torch.stack(out)


def combined(picture: PictureRows, estimates: Sequence[Tensor]) -> Guided:
    return *picture.guidance.combine(estimates), estimates[0]


def combined_shown(picture: PictureRows, rows: Sequence[Tensor]) -> Guided:
    """Return the guided estimate of rows that a listener changed."""
    kept = rows[: len(picture.positive)] if picture.skips_negative else rows
    guided, away = picture.guidance.combine(kept)
    return picture.clean(guided), picture.clean(away), picture.clean(rows[0])


def after_guidance(rows: BatchRows, answers: list[Tensor], heard: Collection[str]) -> Steps[list[Tensor]]:
    if CFG_AFTER_CFG not in heard:
        return answers
    shown = torch.stack([picture.shown(answer) for picture, answer in zip(rows.pictures, answers, strict=True)])
    payload, before = Estimates(shown), shown._version
    yield Consult(CFG_AFTER_CFG, payload)
    if payload.x is shown and shown._version == before:
        return answers
    return [picture.clean(each) for picture, each in zip(rows.pictures, payload.x, strict=True)]


def told_state(
    pictures: Sequence[SampledPicture], answers: list[Tensor], heard: Collection[str]
) -> Steps[list[Tensor]]:
    """Tell the sampler's state; what a listener changes in place is taken."""
    if CALLBACK_STATE not in heard or len({asked(picture).sigma for picture in pictures}) > 1:
        return answers
    ask = asked(pictures[0])
    state = SamplerState(ask.step, torch.stack([asked(p).x for p in pictures]), ask.sigma, torch.stack(answers))
    before = state.x._version, state.denoised._version
    yield Consult(CALLBACK_STATE, state)
    if state.x._version != before[0]:
        for picture, x in zip(pictures, state.x, strict=True):
            asked(picture).x.copy_(x)
    return answers if state.denoised._version == before[1] else list(state.denoised)


# Masks -----------------------------------------------------------------------------------------------


def blended(pictures: Sequence[SampledPicture], cleans: Sequence[Tensor], mixed: list[Tensor]) -> Steps[list[Tensor]]:
    """Let listeners change the mix of each estimate with the picture that is kept."""
    levels = torch.tensor([asked(picture).sigma for picture in pictures])
    return (yield from mixed_by_listeners(torch.stack(list(cleans)), mixed, levels))


def mixed_by_listeners(current: Tensor, mixed: list[Tensor], sigma: Tensor | None) -> Steps[list[Tensor]]:
    """Let listeners change a mix of latents with the pictures that are kept."""
    payload = MaskBlend(current, torch.stack(mixed), sigma)
    stacked, before = payload.blended_latent, payload.blended_latent._version
    yield Consult(MASK_BLEND, payload)
    same = payload.blended_latent is stacked and stacked._version == before
    return mixed if same else list(payload.blended_latent)


def blended_asks(pictures: Sequence[SampledPicture], asks: list[list[Denoise]]) -> Steps[list[list[Denoise]]]:
    """Let listeners change the mix that the DDIM family shows the model, on the network's scale."""
    layers = [next((layer for layer in p.stage.layers if isinstance(layer, KeepBefore)), None) for p in pictures]
    kept = [layer for layer in layers if layer is not None]
    if len(kept) != len(pictures):
        return asks
    scales = [layer.levels.parametrization.scale(each[0].sigma) for layer, each in zip(kept, asks, strict=True)]
    levels = torch.tensor([layer.levels.timestep(each[0].sigma) for layer, each in zip(kept, asks, strict=True)])
    current = torch.stack([each[0].x / scale for each, scale in zip(asks, scales, strict=True)])
    mixed = [each[-1].x / scale for each, scale in zip(asks, scales, strict=True)]
    changed = yield from mixed_by_listeners(current, mixed, levels)
    if changed is mixed:
        return asks
    return [
        [*each[:-1], Denoise(x * scale, each[-1].sigma, each[-1].step, each[-1].apart)]
        for each, x, scale in zip(asks, changed, scales, strict=True)
    ]
