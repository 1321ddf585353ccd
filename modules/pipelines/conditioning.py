"""What a picture is to be, for each model that samples it: its prompts over time, and what is seen beside the latent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeAlias

import torch
from torch import Tensor

from modules.base.errors import ModelMismatch
from modules.pipelines.plan import Plan
from modules.pipelines.result import ExtraParams
from modules.pipelines.sampling import negative_left_out, refiner_takes_over, trained_levels
from modules.prompts import grammar
from modules.prompts.network_tags import take_networks
from modules.sampling.guidance import Guidance, Stage, Timeline, cut_or_lengthened, padded
from modules.sampling.questions import Cond, Encode, EncodeImage, Facts, Frame, ModelFacts, Reading, Task, Weights

Show: TypeAlias = "Callable[[Weights, ModelFacts], Task[Tensor | None]]"      # what a model is shown beside the latent


def first_stage(plan: Plan, extra: ExtraParams, show: Show) -> Task[Stage]:
    """The checkpoint's stretch of sampling, which a refiner may follow."""
    stage = yield from stage_of(plan, plan.weights, extra, show)
    if plan.files.refiner in (None, plan.files.checkpoint):
        return stage
    return replace(stage, over=refiner_takes_over(plan, stage.levels), after=partial(refined, plan, extra, show))


def refined(plan: Plan, extra: ExtraParams, show: Show) -> Task[Stage]:
    """As in A1111 a refiner works without the prompt's networks, unless the settings want them; then without those that do not fit it."""
    extra |= {"Refiner": plan.files.refiner.short_title, "Refiner switch at": plan.params.refiner_switch_at}
    bare = plan.without_networks
    if bare.refiner == plan.refiner:
        return (yield from stage_of(plan, plan.refiner, extra, show))
    if not plan.settings.refiner_networks:
        extra.notes.append(f"{WITHOUT_NETWORKS} A setting, Networks with the refiner, takes them along.")
        return (yield from stage_of(bare, bare.refiner, extra, show))
    try:
        stage = yield from stage_of(plan, plan.refiner, extra, show)
    except ModelMismatch as error:
        extra.notes.append(f"{WITHOUT_NETWORKS} {error}")
        return (yield from stage_of(bare, bare.refiner, extra, show))
    extra["Refiner networks"] = True
    return stage


WITHOUT_NETWORKS = "The refiner works without the prompt's networks."


def stage_of(plan: Plan, weights: Weights, extra: ExtraParams, show: Show) -> Task[Stage]:
    facts = yield Facts(weights)
    if facts.image_channels > facts.latent_channels:      # a mask too
        extra["Conditional mask weight"] = plan.settings.inpainting_mask_weight
    if facts.fp8:
        extra |= {"FP8 weight": plan.settings.fp8_storage, "Cache FP16 weight for LoRA": plan.settings.cache_fp16_weight}
    worn = plan.over_time(weights)
    levels = trained_levels(plan, facts)
    guidance = yield from read_prompts(plan, plan.reader(worn), extra)
    image = yield from show(weights, facts)
    return Stage(worn, replace(guidance, image=image, alone=negative_left_out(plan, levels, extra)), levels, before=plan.moves_before)


def beside(plan: Plan, weights: Weights, facts: ModelFacts) -> Task[Tensor | None]:
    """What a model that is shown a picture sees where there is none: grey, all of it to be painted."""
    if not facts.image_channels:
        return None
    grey = yield EncodeImage(weights, torch.zeros(3, plan.params.height, plan.params.width))
    if facts.image_channels == len(grey):
        return torch.zeros_like(grey)
    return torch.cat([torch.ones_like(grey[:1]), grey * facts.scaling_factor])


def read_prompts(plan: Plan, readers: Timeline[Weights], extra: ExtraParams) -> Task[Guidance]:
    """Both prompts as conditionings over time. Tags and comments are not drawn."""
    read = partial(read_text, plan, readers, extra)
    prompt, _ = take_networks(grammar.strip_comments(plan.params.prompt))
    positive = []
    for text, weight in grammar.compose(prompt):
        schedule = yield from read(text)
        positive.append((schedule, weight))
    negative = yield from read(grammar.strip_comments(plan.params.negative_prompt), is_negative=True)
    even = yield from evened(plan, readers, (*(schedule for schedule, _ in positive), negative), extra)
    scale = plan.params.cfg_scale * plan.sampler.guidance
    return Guidance(tuple(positive), negative, scale, even=even)


def read_text(plan: Plan, readers: Timeline[Weights], extra: ExtraParams, text: str, is_negative: bool = False) -> Task[Timeline[Cond]]:
    """Each text by the text encoders of its time; those of equal weights are read together."""
    s = plan.settings
    aesthetic = s.sdxl_refiner_low_aesthetic_score if is_negative else s.sdxl_refiner_high_aesthetic_score
    frame = Frame(*plan.frame, s.sdxl_crop_top, s.sdxl_crop_left, aesthetic)
    times = over_both(grammar.schedule(text, *plan.clock), readers)
    read: dict[tuple[Weights, str], Cond] = {}
    for reader in dict.fromkeys(reader for _, reader, _ in times):
        texts = tuple(text for _, each, text in times if each == reader)
        meaning = yield Encode(reader, texts, reading_of(plan), frame, is_negative)
        read |= {(reader, text): cond for text, cond in zip(texts, extra.collect(meaning, s), strict=True)}
    return Timeline(tuple(end for end, _, _ in times), tuple(read[reader, text] for _, reader, text in times))


def over_both(entries: Sequence[tuple[int, str]], readers: Timeline[Weights]) -> list[tuple[float, Weights, str]]:
    """A prompt's texts, each with its end and who reads it: cut where either changes."""
    texts = Timeline(*zip(*entries, strict=True))
    ends = {*texts.ends, *(end for end in readers.ends if end < texts.ends[-1])}
    return [(end, readers.at(end), texts.at(end)) for end in sorted(ends)]


def reading_of(plan: Plan) -> Reading:
    s = plan.settings
    return Reading(
        s.emphasis, s.CLIP_stop_at_last_layers, s.comma_padding_backtrack, s.sdxl_clip_l_skip,
        s.use_old_emphasis_implementation, plan.files.networks.embeddings,
    )


Even = Callable[[list[Cond]], list[Cond]]


def evened(plan: Plan, readers: Timeline[Weights], schedules: Sequence[Timeline[Cond]], extra: ExtraParams) -> Task[Even]:
    """How prompts of different length are brought to one, if the settings want that; noted where it matters."""
    s = plan.settings
    lengths = {len(cond.text) for schedule in schedules for cond in schedule.entries}
    if len(lengths) == 1 or not (s.pad_cond_uncond or s.pad_cond_uncond_v0):
        return list
    if s.pad_cond_uncond_v0:
        extra["Pad conds v0"] = True
        return cut_or_lengthened
    extra["Pad conds"] = True
    empty = yield from read_text(plan, readers, extra, "")
    return partial(padded, empty.entries[0])
