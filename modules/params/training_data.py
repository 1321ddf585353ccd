"""Options of training pictures, at their three levels: subset, data set, run. Names are sd-scripts'.

An option that is `None` is the level above's; the run's own `None` is the default in `DATA_DEFAULTS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any, ClassVar

from annotated_types import MaxLen
from pydantic import BeforeValidator, ConfigDict
from pydantic_core import PydanticCustomError

from modules.base.fields import Checkbox, Number, Param, Text
from modules.base.limits import MAX_PATH, JsonObject
from modules.params.merge import ONLY_KNOWN

MAX_REPEATS = 100_000
LARGEST_TRAINING_SIDE = 4_096        # pixels of a training picture's side
MOST_SUBSETS = 1_000
MAX_TRAINING_BATCH = 1_024

INTERPOLATIONS = ("lanczos", "nearest", "bilinear", "linear", "bicubic", "cubic", "area", "box")

# what an option is that no level names
DATA_DEFAULTS: Mapping[str, Any] = {
    "num_repeats": 1, "class_tokens": "", "caption_extension": "", "caption_separator": ",", "secondary_separator": "",
    "keep_tokens": 0, "keep_tokens_separator": "", "shuffle_caption": False, "caption_prefix": "", "caption_suffix": "",
    "caption_dropout_rate": 0.0, "caption_dropout_every_n_epochs": 0, "caption_tag_dropout_rate": 0.0,
    "token_warmup_min": 1, "token_warmup_step": 0.0, "enable_wildcard": False, "flip_aug": False, "color_aug": False,
    "random_crop": False, "face_crop_aug_range": "", "alpha_mask": False, "resize_interpolation": "", "cache_info": False,
    "resolution": "", "enable_bucket": True, "min_bucket_reso": 256, "max_bucket_reso": 1024, "bucket_reso_steps": 64,
    "bucket_no_upscale": False, "validation_split": 0.0, "validation_seed": 0, "prior_loss_weight": 1.0,
    "network_multiplier": 1.0,
}


def size_as_text(value: Any) -> Any:
    """Return a size as sd-scripts' text, "512" or "512,768", from a number, a list or such a text."""
    if isinstance(value, list | tuple):
        value = ",".join(str(each) for each in value)
    value = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
    if not isinstance(value, str):
        return value
    parts = value.lower().replace("x", ",").replace(" ", "").split(",") if value.strip() else []
    if len(parts) > 2 or not all(part.isascii() and part.isdigit() and 0 < int(part[:6]) <= LARGEST_TRAINING_SIDE for part in parts):
        raise PydanticCustomError("no_size", "A size is written 512 or 512,768, with at most {most} a side", {"most": LARGEST_TRAINING_SIDE})
    return ",".join(parts)


def number_as_text(value: Any) -> Any:
    """Return a number as text; any other value unchanged."""
    return f"{value}" if isinstance(value, int | float) and not isinstance(value, bool) else value


TrainingSize = Annotated[str, BeforeValidator(size_as_text)] | None
OptionalText = Annotated[str, BeforeValidator(number_as_text)] | None


@dataclass(frozen=True, kw_only=True)
class SubsetOptions:
    """Options of a picture and its caption, for each level."""

    num_repeats: Annotated[int | None, Param("Repeats", Number(1, MAX_REPEATS), "How often each picture comes in an epoch.")] = None
    class_tokens: Annotated[OptionalText, Param("Class words", Text(), "The caption of a picture that has none.")] = None
    caption_extension: Annotated[OptionalText, Param("Caption extension", Text(1, 50), "The ending of caption files; without one both .txt and .caption are looked for.")] = None
    caption_separator: Annotated[OptionalText, Param("Caption separator", Text(1, 50), "What stands between tags.")] = None
    secondary_separator: Annotated[OptionalText, Param("Secondary separator", Text(1, 50), "Ties tags into one while they are shuffled and dropped.")] = None
    keep_tokens: Annotated[int | None, Param("Keep first tags", Number(0, 1_000), "How many tags stay in their place at the beginning.")] = None
    keep_tokens_separator: Annotated[OptionalText, Param("Keep separator", Text(1, 50), "What stands left of it stays in its place, and what is right of a second one.")] = None
    shuffle_caption: Annotated[bool | None, Param("Shuffle tags", Checkbox(), "Tags come in another order each time.")] = None
    caption_prefix: Annotated[OptionalText, Param("Caption prefix", Text(), "Put before every caption.")] = None
    caption_suffix: Annotated[OptionalText, Param("Caption suffix", Text(), "Put behind every caption.")] = None
    caption_dropout_rate: Annotated[float | None, Param("Caption drop-out", Number(0, 1), "The share of times that a picture is shown without its caption.")] = None
    caption_dropout_every_n_epochs: Annotated[int | None, Param("Drop captions every n epochs", Number(0), "Each n-th epoch is trained without captions; 0 is never.")] = None
    caption_tag_dropout_rate: Annotated[float | None, Param("Tag drop-out", Number(0, 1), "The share of times that each tag is left out.")] = None
    token_warmup_min: Annotated[int | None, Param("Token warm-up: first", Number(0), "How many tags are shown at the beginning.")] = None
    token_warmup_step: Annotated[float | None, Param("Token warm-up: steps", Number(0), "After how many steps, or which share of them, all tags are shown; 0 is at once.")] = None
    enable_wildcard: Annotated[bool | None, Param("Wildcards in captions", Checkbox(), "One of several lines, and one of {a|b}, is taken each time.")] = None
    flip_aug: Annotated[bool | None, Param("Mirror", Checkbox(), "Half of the times a picture is mirrored.")] = None
    color_aug: Annotated[bool | None, Param("Vary colours", Checkbox(), "Hue and brightness vary a little; latents cannot be cached then.")] = None
    random_crop: Annotated[bool | None, Param("Crop anywhere", Checkbox(), "Crops lie anywhere instead of in the middle; latents cannot be cached then.")] = None
    face_crop_aug_range: Annotated[OptionalText, Param("Face crop range", Text(1, 50), "Crop around the face that is named in the file's name, such as 2.0,4.0.")] = None
    alpha_mask: Annotated[bool | None, Param("Transparency as mask", Checkbox(), "What is transparent counts less in the loss.")] = None
    resize_interpolation: Annotated[OptionalText, Param("Resampling", Text(1, 50), "How pictures are resized; area or Lanczos by themselves.")] = None
    cache_info: Annotated[bool | None, Param("Keep sizes and captions", Checkbox(), "Sizes are kept with the index anyway.")] = None


@dataclass(frozen=True, kw_only=True)
class DatasetOptions(SubsetOptions):
    """Options of a data set, for its own level and the run's."""

    resolution: Annotated[TrainingSize, Param("Resolution", Text(1, 50), "The size trained at, such as 512 or 512,768; the model's own without one.")] = None
    enable_bucket: Annotated[bool | None, Param("Buckets", Checkbox(), "Pictures are grouped by shape instead of all being cropped to one.")] = None
    min_bucket_reso: Annotated[int | None, Param("Shortest bucket side", Number(8, LARGEST_TRAINING_SIDE), "In pixels.")] = None
    max_bucket_reso: Annotated[int | None, Param("Longest bucket side", Number(8, LARGEST_TRAINING_SIDE), "In pixels.")] = None
    bucket_reso_steps: Annotated[int | None, Param("Step between buckets", Number(1, 1_024), "Sides are multiples of it, and of 8.")] = None
    bucket_no_upscale: Annotated[bool | None, Param("Never enlarge", Checkbox(), "Small pictures keep their size.")] = None
    validation_split: Annotated[float | None, Param("Validation share", Number(0, 1), "The share of the pictures that is held out to measure on.")] = None
    validation_seed: Annotated[int | None, Param("Validation seed", Number(), "Chooses which pictures are held out.")] = None
    prior_loss_weight: Annotated[float | None, Param("Prior loss weight", Number(0, 1_000), "How much class pictures count.")] = None
    network_multiplier: Annotated[float | None, Param("Network strength", Number(-100, 100), "The strength at which the network is trained.")] = None


@dataclass(frozen=True, kw_only=True)
class TrainingSubset(SubsetOptions):
    """Options of one folder of pictures."""

    __pydantic_config__: ClassVar[ConfigDict] = ONLY_KNOWN

    image_dir: Annotated[str, Param("Folder", Text(1, MAX_PATH), "Where the pictures are.")] = ""
    is_reg: Annotated[bool, Param("Class pictures", Checkbox(), "They show the class, not the subject, and keep its meaning.")] = False
    metadata_file: Annotated[str, Param("Metadata file", Text(1, MAX_PATH), "A JSON or JSON lines file with the captions.")] = ""
    conditioning_data_dir: Annotated[str, Param("Mask or map folder", Text(1, MAX_PATH), "Pictures of the same names: their brightness weighs the loss, or a ControlNet learns to follow them.")] = ""
    custom_attributes: JsonObject | None = None


@dataclass(frozen=True, kw_only=True)
class TrainingDataset(DatasetOptions):
    """Options of subsets that share buckets and batches."""

    __pydantic_config__: ClassVar[ConfigDict] = ONLY_KNOWN

    batch_size: Annotated[int | None, Param("Batch size", Number(1, MAX_TRAINING_BATCH), "How many pictures a step learns from at once.")] = None
    subsets: Annotated[tuple[TrainingSubset, ...], MaxLen(MOST_SUBSETS)] = ()


def option(name: str, *levels: object) -> Any:
    """Return an option's value: the first level's that names it, else its default."""
    found = (value for level in levels if (value := getattr(level, name, None)) is not None)
    return next(found, DATA_DEFAULTS[name])


OPTION_NAMES = frozenset(each.name for each in fields(DatasetOptions))
