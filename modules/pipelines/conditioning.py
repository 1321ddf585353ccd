"""The conditioning of each model that samples an image: prompts over time, and the image shown beside the latent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

import torch
from PIL.Image import Image

from modules.base.errors import ModelMismatch
from modules.library.catalog import ModelFile
from modules.pipelines.control import controlled_stage
from modules.pipelines.control_maps import StartPicture
from modules.pipelines.plan import Pass, with_networks
from modules.pipelines.regions import region_shares, with_regions
from modules.pipelines.result import ExtraParams
from modules.pipelines.sampling import negative_left_out, refiner_takes_over, trained_levels
from modules.prompts import grammar
from modules.prompts.network_tags import take_networks
from modules.sampling.cond_extras import SHOWN_IMAGE, CondExtras, ShownImage
from modules.sampling.guidance import Guidance, GuidanceLayer, Stage, Timeline, cut_or_lengthened, padded
from modules.sampling.questions import (
    Cond,
    Encode,
    EncodeImage,
    Facts,
    ModelFacts,
    Reading,
    SizeConditioning,
    Task,
    Weights,
)
from modules.sampling.weights import NetworkUse

Show: TypeAlias = "Callable[[Weights, ModelFacts], Task[CondExtras]]"      # returns the conditioning images of a model
Layers: TypeAlias = "tuple[GuidanceLayer, ...]"

CONTROL_ENDS = "The refiner draws without ControlNet: its units count until the refiner takes over."
WITHOUT_NETWORKS = "The refiner works without the prompt's networks."


@dataclass(frozen=True)
class StageModel:
    """The weights of one stage's model: with all networks, over time, and those of its text encoders."""

    weights: Weights
    over_time: Timeline[Weights]
    encoder: Timeline[Weights]


def first_stage(
    pass_: Pass, extra: ExtraParams, show: Show, layers: Layers = (), start: StartPicture | None = None
) -> Task[Stage]:
    """Return the checkpoint's stage, followed by the refiner's if there is one, which ControlNet has no part in.

    start: the picture of ControlNet units that have none of their own
    """
    stage = yield from checkpoint_stage(pass_, extra, show, layers)
    stage = yield from controlled_stage(pass_, stage, start)
    refiner = pass_.files.refiner
    if refiner is None or refiner == pass_.files.checkpoint:
        return stage
    after = partial(refiner_stage, pass_, refiner, extra, show, layers)
    return replace(stage, over=refiner_takes_over(pass_, stage.levels), after=after)


def checkpoint_stage(pass_: Pass, extra: ExtraParams, show: Show, layers: Layers = ()) -> Task[Stage]:
    """Return the checkpoint's stage alone."""
    model = StageModel(pass_.weights, pass_.over_time, pass_.readers)
    return (yield from stage_of(pass_, model, extra, show, layers))


def refiner_stage(pass_: Pass, refiner: ModelFile, extra: ExtraParams, show: Show, layers: Layers) -> Task[Stage]:
    """Return the refiner's stage.

    As in A1111 it has none of the prompt's networks, unless the settings want the networks that fit it.
    """
    extra |= {"Refiner": refiner.short_title, "Refiner switch at": pass_.params.refiner_switch_at}
    if any(each.model for each in pass_.control):
        extra.notes.append(CONTROL_ENDS)
    full = pass_.refined_by(refiner)
    bare = replace(full, networks=(), hypernetworks=())
    over_time = with_networks(full, pass_.networks)
    without_any = over_time.map(lambda _: bare)
    without, with_all = StageModel(bare, without_any, without_any), StageModel(full, over_time, over_time)
    if bare == full:
        return (yield from stage_of(pass_, without, extra, show, layers))
    if not pass_.settings.refiner_networks:
        extra.notes.append(f"{WITHOUT_NETWORKS} A setting, Networks with the refiner, takes them along.")
        return (yield from stage_of(pass_, without, extra, show, layers))
    try:
        stage = yield from stage_of(pass_, with_all, extra, show, layers)
    except ModelMismatch as error:
        extra.notes.append(f"{WITHOUT_NETWORKS} {error}")
        return (yield from stage_of(pass_, without, extra, show, layers))
    extra["Refiner networks"] = True
    return stage


def stage_of(pass_: Pass, model: StageModel, extra: ExtraParams, show: Show, layers: Layers) -> Task[Stage]:
    """Return the stage of one model: its guidance, its noise levels and its conditioning image."""
    facts = yield Facts(model.weights)
    if facts.image_channels > facts.latent_channels:      # an inpainting model: it is shown a mask too
        extra["Conditional mask weight"] = pass_.settings.inpainting_mask_weight
    if facts.fp8:
        extra |= {
            "FP8 weight": pass_.settings.fp8_storage,
            "Cache FP16 weight for LoRA": pass_.settings.cache_fp16_weight,
        }
    levels = trained_levels(pass_, facts)
    guidance = yield from read_prompts(pass_, model.encoder, extra)
    if pass_.params.regions:
        guidance = yield from with_pass_regions(pass_, model.encoder, extra, guidance, facts)
    extras = yield from show(model.weights, facts)
    guidance = replace(guidance, extras=extras, alone=negative_left_out(pass_, levels, extra))
    if pass_.moments:
        guidance, layers = pass_.moments.conditioned(pass_, guidance), (*layers, *pass_.moments.layers(pass_))
    return Stage(model.over_time, guidance, levels, before=pass_.first_step, layers=layers)


def grey_image(pass_: Pass, weights: Weights, facts: ModelFacts) -> Task[CondExtras]:
    """Return a grey, wholly masked image for a model that needs a conditioning image where the request has none."""
    if not facts.image_channels:
        return {}
    grey = yield EncodeImage(weights, torch.zeros(3, pass_.params.height, pass_.params.width))
    if facts.image_channels == len(grey):
        return {SHOWN_IMAGE: ShownImage(torch.zeros_like(grey))}
    return {SHOWN_IMAGE: ShownImage(torch.cat([torch.ones_like(grey[:1]), facts.latent.to_network(grey)]))}


def read_prompts(pass_: Pass, readers: Timeline[Weights], extra: ExtraParams) -> Task[Guidance]:
    """Return both prompts as conditionings over time. Tags and comments are removed first."""
    read = partial(encode_prompt, pass_, readers, extra)
    prompt, _ = take_networks(grammar.strip_comments(pass_.params.prompt))
    positive = []
    for text, weight in grammar.compose(prompt):
        schedule = yield from read(text)
        positive.append((schedule, weight))
    negative = yield from read(grammar.strip_comments(pass_.params.negative_prompt), is_negative=True)
    even = yield from evened(pass_, readers, (*(schedule for schedule, _ in positive), negative), extra)
    scale = pass_.params.cfg_scale * pass_.sampler.guidance
    return Guidance(tuple(positive), negative, scale, even=even)


def with_pass_regions(
    pass_: Pass, readers: Timeline[Weights], extra: ExtraParams, guidance: Guidance, facts: ModelFacts
) -> Task[Guidance]:
    """Return the guidance with the request's regions, each with the networks of its own prompt."""
    p, cell = pass_.params, facts.latent.cell
    cells = p.height // cell, p.width // cell
    shares = region_shares(p.regions, p.region_base, cells, pass_.files.pictures or no_picture)

    networks = tuple(each.uses for each in pass_.files.regions)
    extra.notes += [note for each in pass_.files.regions for note in each.notes if note not in extra.notes]

    def read(prompt: str, own: tuple[NetworkUse, ...]) -> Task[Timeline[Cond]]:
        text, _ = take_networks(grammar.strip_comments(prompt))
        return encode_prompt(pass_, readers.map(partial(with_more, own)), extra, text)

    return (yield from with_regions(guidance, p.regions, networks, shares, p.region_mode, read))


def with_more(networks: tuple[NetworkUse, ...], weights: Weights) -> Weights:
    """Return the weights with further networks."""
    return replace(weights, networks=(*weights.networks, *networks)) if networks else weights


def no_picture(name: str) -> Image:
    raise LookupError(name)


def encode_prompt(
    pass_: Pass, readers: Timeline[Weights], extra: ExtraParams, text: str, is_negative: bool = False
) -> Task[Timeline[Cond]]:
    """Encode each text of a prompt by the text encoders of its time; texts of equal weights are encoded together."""
    s = pass_.settings
    aesthetic = s.sdxl_refiner_low_aesthetic_score if is_negative else s.sdxl_refiner_high_aesthetic_score
    frame = SizeConditioning(*pass_.frame, s.sdxl_crop_top, s.sdxl_crop_left, aesthetic)
    times = over_both(grammar.texts_over_time(text, pass_.clock), readers)
    read: dict[tuple[Weights, str], Cond] = {}
    for reader in dict.fromkeys(reader for _, reader, _ in times):
        texts = tuple(text for _, each, text in times if each == reader)
        meaning = yield Encode(reader, texts, reading_of(pass_), frame, is_negative)
        read |= {(reader, text): cond for text, cond in zip(texts, extra.collect(meaning, s), strict=True)}
    return Timeline(tuple(end for end, _, _ in times), tuple(read[reader, text] for _, reader, text in times))


def over_both(entries: Sequence[tuple[int, str]], readers: Timeline[Weights]) -> list[tuple[float, Weights, str]]:
    """Return a prompt's texts, each with its end and its text encoder's weights, split where either changes."""
    texts = Timeline(*zip(*entries, strict=True))
    ends = {*texts.ends, *(end for end in readers.ends if end < texts.ends[-1])}
    return [(end, readers.at(end), texts.at(end)) for end in sorted(ends)]


def reading_of(pass_: Pass) -> Reading:
    s = pass_.settings
    return Reading(
        s.emphasis, s.CLIP_stop_at_last_layers, s.comma_padding_backtrack, s.sdxl_clip_l_skip,
        s.use_old_emphasis_implementation, pass_.files.networks.embeddings,
    )


Even = Callable[[list[Cond]], list[Cond]]


def evened(
    pass_: Pass, readers: Timeline[Weights], schedules: Sequence[Timeline[Cond]], extra: ExtraParams
) -> Task[Even]:
    """Return the function that pads conditionings to equal length, if the settings want that."""
    s = pass_.settings
    lengths = {len(cond.text) for schedule in schedules for cond in schedule.entries}
    if len(lengths) == 1 or not (s.pad_cond_uncond or s.pad_cond_uncond_v0):
        return list
    if s.pad_cond_uncond_v0:
        extra["Pad conds v0"] = True
        return cut_or_lengthened
    extra["Pad conds"] = True
    empty = yield from encode_prompt(pass_, readers, extra, "")
    return partial(padded, empty.entries[0])
