"""What a training would be: its plan, its pictures in their buckets, its batches. No torch."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from modules.app.account_data import AccountData
from modules.app.app import App
from modules.base.errors import Invalid, WebUIError
from modules.base.streams import stream
from modules.imaging.control.fitting import fitted_map
from modules.imaging.control.maps import MAPS, MapOptions
from modules.imaging.dataset.captions import tag_counts
from modules.imaging.dataset.dataset import PictureGroup, PictureProblem, TrainingData, TrainingPicture
from modules.imaging.dataset.samples import PictureSample, load_sample
from modules.imaging.save import saved
from modules.library.family_detection import family_of_header
from modules.library.safetensors_header import read_header
from modules.params.control import STRETCH_MAP
from modules.params.preprocessors import Preprocessor, find_preprocessor
from modules.params.training import Training
from modules.params.training_files.plan_draft import PlanDraft
from modules.params.training_files.reading import likely_name, read_config_text, toml_of
from modules.params.training_methods import CONTROLNET_TRAINING, method_of, with_method_defaults
from modules.requests.datasets import Dataset
from modules.requests.model_choice import checkpoint_named
from modules.requests.training import USUAL_SIDE, with_allowed_folders
from modules.requests.training_data import data_set_of, missing_class_pictures
from modules.requests.training_plan import (
    ReadPlan,
    check_training_pictures,
    epoch_sentence,
    plan_of_draft,
    run_steps,
)

SDXL_SIDE = 1024
MOST_PLACED = 5_000      # pictures in one reply
MOST_TAGS_LISTED = 500
BATCH_QUALITY = 88       # of the JPEGs of a batch


def draft_of_texts(texts: Sequence[tuple[str, str]], fields: Mapping[str, Any]) -> PlanDraft:
    """Return the draft of configurations, each a name and its text, and of fields, of which later ones win.

    Raises Invalid for a text that cannot be read. What is refused or unknown is left in the draft.
    """
    draft = PlanDraft()
    for number, (name, text) in enumerate(texts):
        found = read_config_text(text, name or likely_name(text))
        draft.lenient = found.lenient if not number else draft.lenient
        draft.merge(found)
        draft.dataset_file = found.dataset_file or draft.dataset_file
    for name, value in fields.items():
        draft.put(name, value, "your choice")
    return draft


def preview(app: App, mine: AccountData, draft: PlanDraft) -> dict[str, Any]:
    """Return a draft's plan, where its values come from, and its pictures, or why there are none. Raises Invalid."""
    read = plan_of_draft(draft)
    told = {
        "method": method_of(read.plan).name,
        "values": {name: value for name, value in asdict(read.plan).items() if name in read.where},
        "where": dict(read.where), "toml": toml_of(read.plan, dict(read.where)),
        "ignored": draft.ignored, "unknown": draft.unknown, "refused": draft.refused,
        "dataset_file": Path(draft.dataset_file.replace("\\", "/")).name if not read.plan.datasets else "",
        "pictures": None, "missing": None,
    }
    try:
        plan = with_allowed_folders(mine, read.plan)
        return told | {"pictures": previewed_pictures(app, mine, replace(read, plan=plan))}
    except WebUIError as error:
        return told | {"missing": {
            "message": str(error), "hint": error.hint, "field": error.field if isinstance(error, Invalid) else "",
        }}


def native_side(app: App, plan: Training, mine: AccountData) -> int:
    """Return the side that a plan's checkpoint draws at: what its sidecar suggests, else its family's."""
    found = checkpoint_named(app, plan.pretrained_model_name_or_path or mine.settings.current.sd_model_checkpoint or "")
    suggested = found.sidecar.get("defaults", {}) if found else {}
    if isinstance(suggested, dict) and isinstance(suggested.get("width"), int):
        return int(suggested["width"])
    if found and found.path.suffix == ".safetensors":
        header = read_header(found.path)
        return SDXL_SIDE if "xl" in family_of_header(header.metadata, header.shapes) else USUAL_SIDE
    return USUAL_SIDE


# Pictures --------------------------------------------------------------------------------------------


def previewed_pictures(app: App, mine: AccountData, read: ReadPlan) -> dict[str, Any]:
    """Return what becomes of a plan's pictures, and all that is to be said of them. Raises Invalid."""
    plan, root = read.plan, Path(read.plan.train_data_dir or "/")
    side = native_side(app, plan, mine)
    data = data_set_of(plan, side)
    steps = run_steps(data, plan)
    problems = check_training_pictures(data, app.training_looks)
    return {
        "side": side, "steps": steps, "sum": epoch_sentence(data, plan, steps),
        "steps_per_epoch": data.steps_per_epoch(plan.gradient_accumulation_steps),
        "placed": [placed_facts(picture, root) for picture in data.pictures[:MOST_PLACED]],
        "buckets": [each for group in data.groups for each in bucket_facts(group)],
        "problems": [problem_facts(each, root) for each in problems],
        "advice": [*drawn_first(data, plan), *advice(data)],
    }


def shown_path(path: Path, root: Path) -> str:
    """Return a picture's path below its data set, else its name."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) and root.name else path.name


def placed_facts(picture: TrainingPicture, root: Path) -> dict[str, Any]:
    placement = picture.placement
    return {
        "picture": shown_path(picture.path, root), "size": picture.size, "bucket": placement.bucket,
        "scaled": placement.scaled, "crop": placement.centre, "cut": round(placement.aspect_error, 4),
        "repeats": picture.repeats, "is_reg": picture.is_reg,
    }


def bucket_facts(group: PictureGroup) -> Iterator[dict[str, Any]]:
    for bucket, places in group.buckets().items():
        batches, last = divmod(len(places), group.batch_size)
        yield {
            "size": bucket, "pictures": len(set(places)), "shown": len(places), "batches": batches + bool(last),
            "last": last or group.batch_size, "batch": group.batch_size,
        }


def problem_facts(problem: PictureProblem, root: Path) -> dict[str, Any]:
    return {
        "code": problem.code, "picture": shown_path(problem.path, root), "message": problem.message,
        "fatal": problem.fatal,
    }


def drawn_first(data: TrainingData, plan: Training) -> Iterator[str]:
    """Yield a sentence on the class pictures that a run draws before it learns, if it draws any."""
    if missing := missing_class_pictures(plan, data):
        yield f"{missing} class pictures are drawn first, of {plan.class_prompt!r:.80}; the sum above is without them."


def advice(data: TrainingData) -> Iterator[str]:
    """Yield sentences on what could be better about a data set's buckets."""
    for group in data.groups:
        alone = sum(len(places) == 1 for places in group.buckets().values())
        if alone and group.batch_size > 1:
            are = "picture is" if alone == 1 else "pictures are"
            yield f"{alone} {are} alone in a bucket: its batch of {group.batch_size} will be one picture."
    cut = [each for each in data.pictures if each.placement.aspect_error > 0.2]
    if cut:
        are = "picture loses" if len(cut) == 1 else "pictures lose"
        yield f"{len(cut)} {are} more than a fifth to the crop: {', '.join(each.path.name for each in cut[:5])}."


def dataset_view(app: App, dataset: Dataset) -> dict[str, Any]:
    """Return a data set's pictures with their captions and tokens, and its tags by how often they come."""
    tokenizer, found = app.tokenizer(), dataset.captions()
    shown = list(found.items())[:MOST_PLACED]
    return {
        "editable": dataset.editable, "total": len(found),
        "pictures": [
            {
                "picture": name, "caption": caption.text, "source": caption.source,
                "tokens": len(tokenizer(caption.text.split("\n")[0])), "version": path.stat().st_mtime_ns,
            }
            for name, (path, caption) in shown
        ],
        "tags": list(tag_counts([caption.text for _, (_, caption) in shown]).items())[:MOST_TAGS_LISTED],
    }


# A batch ---------------------------------------------------------------------------------------------


def batch_preview(app: App, mine: AccountData, draft: PlanDraft, step: int) -> dict[str, Any]:
    """Return a step's pictures and captions exactly as it would be trained with them, for a seed that is given.

    Raises Invalid, Forbidden or InvalidImage.
    """
    plan = with_method_defaults(with_allowed_folders(mine, plan_of_draft(draft).plan))
    data = data_set_of(plan, native_side(app, plan, mine), plan.max_train_steps)
    accumulation, seed = plan.gradient_accumulation_steps, max(0, plan.seed)
    epoch, place = divmod(step, data.steps_per_epoch(accumulation))
    batches = data.batches(stream(seed, "order", epoch))[place * accumulation : (place + 1) * accumulation]
    pictures = [picture for batch in batches for picture in batch]
    follows = method_of(plan) is CONTROLNET_TRAINING
    makers = [find_preprocessor(name) for name in plan.conditioning_preprocessor] if follows else []
    found = []
    for slot, picture in enumerate(pictures):
        sample = load_sample(picture, stream(seed, "picture", step, slot))      # the run draws from the same streams
        map_ = map_at(sample, makers, stream(seed, "preprocessor", step, slot)) if follows else None
        caption = picture.caption_at(stream(seed, "caption", step, slot), step, epoch + 1)
        found.append(seen_at(picture, sample, caption) | {"map": map_ and jpeg_of_batch(map_)})
    return {"epoch": epoch + 1, "step": step, "pictures": found}


def map_at(sample: PictureSample, makers: Sequence[Preprocessor], draws: np.random.Generator) -> Image.Image | None:
    """Return the map that a ControlNet sees with a picture; None if a network would have to make it."""
    if sample.map or not makers:
        return sample.map
    own = makers[int(draws.integers(len(makers)))]
    if own.name not in MAPS:
        return None
    _, a, b = own.effective(-1, -1, -1)
    levels = MAPS[own.name](np.asarray(sample.image), MapOptions(min(sample.image.size), a, b))
    return Image.fromarray(fitted_map(levels, sample.image.size, STRETCH_MAP))


def seen_at(picture: TrainingPicture, sample: PictureSample, caption: str) -> dict[str, Any]:
    """Return what is told of a picture as one step sees it."""
    return {
        "name": picture.path.name, "size": sample.image.size, "crop": sample.crop, "flipped": sample.flipped,
        "caption": caption, "image": jpeg_of_batch(sample.image), "masked": sample.mask is not None,
    }


def jpeg_of_batch(image: Image.Image) -> str:
    return b64encode(saved(image, "JPEG", quality=BATCH_QUALITY)).decode()
