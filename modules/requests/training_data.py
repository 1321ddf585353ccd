"""From a training's plan to its data set: folders found, options of three levels put together."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from modules.base.errors import Invalid
from modules.imaging.dataset.buckets import LATENT_CELL, BucketRules
from modules.imaging.dataset.captions import CaptionRules, fill_template, template_lines
from modules.imaging.dataset.dataset import (
    PictureGroup,
    PictureProblem,
    TrainingData,
    TrainingPicture,
    balanced_groups,
    read_group,
)
from modules.imaging.dataset.sources import Subset, divided_folder, read_caption, read_metadata_file
from modules.imaging.folders import content_of
from modules.params.training import Training
from modules.params.training_data import TrainingDataset, TrainingSubset, option
from modules.params.training_methods import CONTROLNET_TRAINING, method_of

# what a word is trained with in place of captions
OBJECT_TEMPLATES = (
    "a photo of a [name]", "a picture of the [name]", "a close-up of a [name]", "a bright photo of the [name]",
    "a dark photo of the [name]", "a cropped photo of a [name]", "a good photo of the [name]",
    "a rendering of a [name]", "a photo of one [name]", "a photo of my [name]", "a small [name]", "a large [name]",
)
STYLE_TEMPLATES = (
    "a painting in the style of [name]", "a picture in the style of [name]", "a drawing in the style of [name]",
    "a bright painting in the style of [name]", "a dark painting in the style of [name]",
    "a close-up in the style of [name]", "a large painting in the style of [name]",
    "a rendering in the style of [name]",
)
# A1111's template files, by their names
NAMED_TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "none.txt": ("picture",), "subject.txt": OBJECT_TEMPLATES, "style.txt": STYLE_TEMPLATES,
    "hypernetwork.txt": ("a photo of [filewords]", "a picture of [filewords]", "a rendering of [filewords]"),
    "subject_filewords.txt": tuple(f"{line}, [filewords]" for line in OBJECT_TEMPLATES),
    "style_filewords.txt": (
        "a painting of [filewords], in the style of [name]", "a picture of [filewords], in the style of [name]",
        "a drawing of [filewords], in the style of [name]", "a rendering of [filewords], in the style of [name]",
    ),
}
STEP_OF_BUCKETS, FROM_SIDE = 64, 512       # sd-scripts' step, for models of at least that side


def data_set_of(plan: Training, side: int, steps: int = 0) -> TrainingData:
    """Return a plan's pictures. Nothing is decoded.

    side: the model's native side, where the plan has no resolution
    steps: of the run, for a token warm-up that is a share
    Raises Invalid, naming the field, if a folder is not there or there is no picture.
    """
    found = TrainingData(balanced_groups([picture_group(plan, each, side, steps) for each in datasets_of(plan)]))
    if not any(not picture.is_reg for picture in found.pictures):
        raise Invalid("There is no picture to train on.", "Give a folder with pictures.", field="train_data_dir")
    return found


def datasets_of(plan: Training) -> tuple[TrainingDataset, ...]:
    """Return a plan's data sets: those it lists, else one of its folders."""
    if plan.datasets:
        return plan.datasets
    if not plan.train_data_dir:
        raise Invalid("The plan names no pictures.", "Give train_data_dir or datasets.", field="train_data_dir")
    subsets = [folder_subset(plan, part, False) for part in divided(plan.train_data_dir, "train_data_dir")]
    if plan.reg_data_dir:
        subsets += [folder_subset(plan, part, True) for part in divided(plan.reg_data_dir, "reg_data_dir")]
    return (TrainingDataset(subsets=tuple(subsets)),)


def missing_class_pictures(plan: Training, data: TrainingData) -> int:
    """Return how many pictures of its class a run draws before it learns."""
    return max(0, plan.num_class_images - sum(group.class_pictures for group in data.groups))


def check_word_is_said(data: TrainingData, word: str) -> None:
    """Raise Invalid if a word is to be learned from captions none of which can have it: nothing would be."""
    said = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.IGNORECASE)
    if not any(said.search(possible_text(picture)) for picture in data.pictures if not picture.is_reg):
        raise Invalid(
            f"No caption has the word {word!r:.80}, so nothing would be learned.",
            "Choose a template, such as subject.txt or use_object_template, or write the word into the captions.",
            "token_string",
        )


def possible_text(picture: TrainingPicture) -> str:
    """Return all that a picture's captions may be made of, in no order."""
    rules = picture.subset.caption_rules
    caption = "\n".join((rules.prefix, picture.caption.text, rules.suffix))
    values = {"caption": caption, "filewords": caption, **(rules.words or {})}
    return "\n".join(fill_template(line, values) for line in rules.templates) if rules.templates else caption


def divided(folder: str, field: str) -> list[tuple[Path, int, str]]:
    return divided_folder(folder_there(folder, field))


def folder_subset(plan: Training, part: tuple[Path, int, str], is_reg: bool) -> TrainingSubset:
    """Return the subset of a folder such as `10_zorb ball`."""
    folder, repeats, words = part
    own = (plan.class_prompt or words) if is_reg else None      # class pictures do not show what class_tokens say
    return TrainingSubset(
        image_dir=str(folder),
        num_repeats=repeats * plan.dataset_repeats if plan.num_repeats is None else plan.num_repeats,
        class_tokens=own or (words if plan.class_tokens is None else plan.class_tokens),
        is_reg=is_reg,
        metadata_file="" if is_reg else plan.in_json,
        conditioning_data_dir="" if is_reg else plan.conditioning_data_dir,
    )


def picture_group(plan: Training, dataset: TrainingDataset, side: int, steps: int) -> PictureGroup:
    """Return the pictures of a data set."""
    subsets = [subset_of(plan, dataset, subset, steps) for subset in unique_subsets(dataset.subsets)]
    share, seed = (option(name, dataset, plan) for name in ("validation_split", "validation_seed"))
    batch_size = dataset.batch_size or plan.train_batch_size or 1
    group = read_group(subsets, bucket_rules(plan, dataset, side), batch_size, (share, seed))
    if plan.deduplicate:
        group = without_duplicates(group)
    if plan.allow_uncaptioned:
        group = replace(group, problems=tuple(replace(each, fatal=False) for each in group.problems))
    return replace(
        group,
        problems=(*group.problems, *repeated_folders(dataset.subsets)),
        prior_loss_weight=option("prior_loss_weight", dataset, plan),
        network_multiplier=option("network_multiplier", dataset, plan),
    )


def without_duplicates(group: PictureGroup) -> PictureGroup:
    """Return a group without pictures whose content an earlier one has."""
    first: dict[str, TrainingPicture] = {}
    for picture in group.pictures:
        first.setdefault(sha256(content_of(picture.path)).hexdigest(), picture)
    return replace(group, pictures=tuple(first.values()))


def unique_subsets(subsets: tuple[TrainingSubset, ...]) -> list[TrainingSubset]:
    """Return subsets without those whose folder came before."""
    return list({(each.image_dir, each.metadata_file): each for each in reversed(subsets)}.values())[::-1]


def repeated_folders(subsets: tuple[TrainingSubset, ...]) -> tuple[PictureProblem, ...]:
    left_out = len(subsets) - len(unique_subsets(subsets))
    told = f"{left_out} subset is" if left_out == 1 else f"{left_out} subsets are"
    path = Path(subsets[-1].image_dir) if subsets else Path()
    return (PictureProblem("repeated", path, f"{told} given twice; the second is left out."),) if left_out else ()


def bucket_rules(plan: Training, dataset: TrainingDataset, side: int) -> BucketRules:
    """Return a data set's bucket rules; without sides of its own, a model below 512 pixels gets smaller ones."""
    sides = [int(each) for each in (option("resolution", dataset, plan) or f"{side}").split(",")]
    resolution = sides[0], sides[-1]
    small = math.sqrt(resolution[0] * resolution[1]) / FROM_SIDE
    narrow = int(STEP_OF_BUCKETS * small)
    step = STEP_OF_BUCKETS if small >= 1 else max(LATENT_CELL, narrow - narrow % LATENT_CELL)

    def length(name: str) -> int:
        named = next((value for level in (dataset, plan) if (value := getattr(level, name)) is not None), None)
        whole: int = option(name, dataset, plan)
        return named if named is not None else whole if small >= 1 else max(step, int(whole * small) // step * step)

    named_step = next((each.bucket_reso_steps for each in (dataset, plan) if each.bucket_reso_steps), step)
    shortest, longest = length("min_bucket_reso"), length("max_bucket_reso")
    if shortest > longest:
        raise Invalid(
            f"The shortest bucket side, {shortest}, is longer than the longest, {longest}.", "Exchange them.",
            field="min_bucket_reso",
        )
    named_step += -named_step % LATENT_CELL
    return BucketRules(
        resolution, option("enable_bucket", dataset, plan), shortest, longest, named_step,
        option("bucket_no_upscale", dataset, plan),
    )


def subset_of(plan: Training, dataset: TrainingDataset, subset: TrainingSubset, steps: int) -> Subset:
    """Return a subset with all its options. Raises Invalid if its folder or metadata file is not there."""
    levels = subset, dataset, plan
    folder = folder_there(subset.image_dir, "image_dir")
    metadata = Path(subset.metadata_file) if subset.metadata_file else folder / "metadata.jsonl"
    if subset.metadata_file and not metadata.is_file():
        raise Invalid(f"There is no file {subset.metadata_file}.", "Check its path.", field="metadata_file")
    named, maps = subset.conditioning_data_dir, method_of(plan) is CONTROLNET_TRAINING
    own = (subset.class_tokens or dataset.class_tokens or plan.class_prompt) if subset.is_reg else ""
    words = own or option("class_tokens", *levels)
    beside = folder_there(named, "conditioning_data_dir") if named else None
    return Subset(
        folder=folder,
        repeats=option("num_repeats", *levels),
        class_words=words,
        is_reg=subset.is_reg,
        caption_ending=dotted(option("caption_extension", *levels)),
        caption_rules=caption_rules(plan, levels, steps, subset.custom_attributes or {}),
        captions=read_metadata_file(metadata) if metadata.is_file() else None,
        captions_file=metadata if metadata.is_file() else None,
        masks=None if maps else beside,
        maps=beside if maps else None,
        alpha_mask=option("alpha_mask", *levels),
        flip=option("flip_aug", *levels),
        vary_colours=option("color_aug", *levels),
        random_crop=option("random_crop", *levels),
        interpolation=option("resize_interpolation", *levels),
        names_as_captions=bool(template_of_plan(plan)) and not words,
    )


def caption_rules(
    plan: Training, levels: tuple[object, ...], steps: int, attributes: Mapping[str, Any]
) -> CaptionRules:
    """Return how a subset's captions vary; attributes: its own, whose texts stand for their names in a template."""
    warm_up = option("token_warmup_step", *levels)
    return CaptionRules(
        separator=option("caption_separator", *levels) or ",",
        secondary_separator=option("secondary_separator", *levels),
        keep_tokens=option("keep_tokens", *levels),
        keep_tokens_separator=option("keep_tokens_separator", *levels),
        shuffle=option("shuffle_caption", *levels),
        prefix=option("caption_prefix", *levels),
        suffix=option("caption_suffix", *levels),
        dropout_rate=option("caption_dropout_rate", *levels),
        dropout_every_n_epochs=option("caption_dropout_every_n_epochs", *levels),
        tag_dropout_rate=option("caption_tag_dropout_rate", *levels),
        warm_up_min=option("token_warmup_min", *levels),
        warm_up_steps=int(warm_up * steps) if warm_up < 1 else int(warm_up),
        wildcards=option("enable_wildcard", *levels),
        templates=template_of_plan(plan),
        words={"name": plan.token_string or plan.output_name}
        | {name: text for name, text in attributes.items() if isinstance(text, str)},
    )


def template_of_plan(plan: Training) -> tuple[str, ...]:
    """Return the lines of a plan's template: A1111's of that name, or a file's. Raises Invalid without any."""
    if plan.template_file in NAMED_TEMPLATES:
        return NAMED_TEMPLATES[plan.template_file]
    if plan.use_object_template or plan.use_style_template:
        return STYLE_TEMPLATES if plan.use_style_template else OBJECT_TEMPLATES
    if not plan.template_file:
        return ()
    path = Path(plan.template_file)
    if not path.is_file():
        raise Invalid(f"There is no template file {plan.template_file}.", "Check its path.", field="template_file")
    if not (lines := template_lines(read_caption(path))):
        raise Invalid(f"The template file {path.name} is empty.", "Write a line with [name].", field="template_file")
    return lines


def dotted(ending: str) -> str:
    """Return a caption file's ending with its dot."""
    return ending if not ending or ending.startswith(".") else f".{ending}"


def folder_there(folder: str, field: str) -> Path:
    """Return a folder. Raises Invalid, naming the field, if it is not there."""
    path = Path(folder).expanduser()
    if "\0" in folder or not folder or not path.is_dir():
        raise Invalid(f"There is no folder {folder!r:.200}.", "Check its path.", field=field)
    return path
