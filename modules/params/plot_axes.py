"""The axes of a plot: A1111's, under its names, and every declared field and setting under its own.

An axis reads its values from text and applies one of them to a `Variant`, the request and settings of one cell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Generic, Literal, TypeVar

from modules.base.errors import Invalid, UnknownName
from modules.base.fields import declared_params, with_values
from modules.base.limits import MAX_PROMPT
from modules.params.plot_values import fractional_numbers, orders, whole_numbers
from modules.params.txt2img import Generation

R = TypeVar("R", bound=Generation)
Tab = Literal["txt2img", "img2img"]
BOTH: tuple[Tab, ...] = ("txt2img", "img2img")
SEED_AXES = ("Seed", "Var. seed")
PROMPTS_OF_CELLS = ("prompt", "negative_prompt")
TRUE_WORDS = ("true", "yes", "y", "1", "on")
FALSE_WORDS = ("false", "no", "n", "0", "off", "none")


@dataclass(frozen=True)
class Variant(Generic[R]):
    """The request and the changed settings of one cell.

    base: the request of all cells; changes: the fields in which this one differs
    styles: name → prompt and negative prompt, of the styles that cells may name; notes: remarks for the owner
    networks: kind of model and name of each network that an axis put into the prompts
    """

    base: R
    settings: Mapping[str, Any]
    styles: Mapping[str, tuple[str, str]]
    notes: tuple[str, ...] = ()
    changes: Mapping[str, Any] = field(default_factory=dict)
    networks: tuple[tuple[str, str], ...] = ()

    def value(self, name: str) -> Any:
        """Return the cell's value of a field."""
        return self.changes[name] if name in self.changes else getattr(self.base, name)

    @cached_property
    def params(self) -> R:
        """The cell's request."""
        return with_values(self.base, **self.changes)

    @property
    def written(self) -> int:
        """Characters of the prompts that are the cell's own."""
        return sum(len(self.changes[name]) for name in PROMPTS_OF_CELLS if name in self.changes)

    def with_fields(self, **values: Any) -> Variant[R]:
        """Return the variant with fields changed; those that the tab does not have are left out."""
        declared = declared_params(type(self.base))
        known = {name: value for name, value in values.items() if name in declared}
        return Variant(self.base, self.settings, self.styles, self.notes, {**self.changes, **known}, self.networks)

    def with_settings(self, **values: Any) -> Variant[R]:
        changed = {**self.settings, **values}
        return Variant(self.base, changed, self.styles, self.notes, self.changes, self.networks)

    def naming(self, *networks: tuple[str, str]) -> Variant[R]:
        return replace(self, networks=(*self.networks, *networks))


ReadValues = Callable[[Sequence[str]], Sequence[Any]]                       # plain_texts → values
Apply = Callable[[Variant[Any], Any, Sequence[Any]], Variant[Any]]    # variant, value, all values of the axis → variant
ValueLabel = Callable[[str, Any], str]                                # axis's name and value → the legend's text


@dataclass(frozen=True)
class Axis:
    """A kind of axis.

    cost: of changing its value between two cells; dearer axes change less often
    choices: the values, or the name of their list; "" for an axis of numbers or plain_texts
    fills: the name of the list that the page offers, where values may be more than its names
    """

    name: str
    read: ReadValues
    apply: Apply
    label: ValueLabel
    cost: float = 0.0
    choices: str | tuple[str, ...] = ""
    tabs: tuple[Tab, ...] = BOTH
    fills: str = ""


# Reading values --------------------------------------------------------------------------------------


def plain_texts(values: Sequence[str]) -> Sequence[str]:
    return values


def truths(values: Sequence[str]) -> Sequence[bool]:
    """ReadValues yes or no. Raises Invalid."""
    unknown = [value for value in values if value.casefold() not in (*TRUE_WORDS, *FALSE_WORDS)]
    if unknown:
        raise Invalid(f"{unknown[0][:60]!r} is neither True nor False.", "Write True, False.", field="script_args")
    return [value.casefold() in TRUE_WORDS for value in values]


def truth_texts(values: Sequence[str]) -> Sequence[str]:
    """ReadValues yes or no, kept as they are written: so the legend has them, as A1111's. Raises Invalid."""
    truths(values)
    return values


def to_truth(apply: Apply) -> Apply:
    """Return the function that applies what such a text says."""
    return lambda variant, value, values: apply(variant, truths([value])[0], values)


# Labels ----------------------------------------------------------------------------------------------


def named_value(name: str, value: Any) -> str:
    return f"{name}: {unlabelled_value(name, value)}"


def unlabelled_value(name: str, value: Any) -> str:
    return str(round(value, 8) if isinstance(value, float) else value)


def file_value(name: str, value: Any) -> str:
    """Return a model's name without its folder."""
    return str(value).replace("\\", "/").rpartition("/")[2]


def order_value(name: str, value: Any) -> str:
    return ", ".join(value)


def no_value(name: str, value: Any) -> str:
    return ""


# Applying a value ------------------------------------------------------------------------------------


def leave_unchanged(variant: Variant[R], value: Any, values: Sequence[Any]) -> Variant[R]:
    return variant


def to_field(name: str) -> Apply:
    return lambda variant, value, values: variant.with_fields(**{name: value})


def to_settings(*names: str) -> Apply:
    return lambda variant, value, values: variant.with_settings(**dict.fromkeys(names, value))


def search_and_replace(variant: Variant[R], value: str, values: Sequence[str]) -> Variant[R]:
    """Replace the first value of the axis by this one, in both prompts. Raises Invalid if neither contains it."""
    searched, prompt, negative = values[0], variant.value("prompt"), variant.value("negative_prompt")
    if not searched or (searched not in prompt and searched not in negative):
        raise Invalid(
            f"Prompt S/R finds {searched[:80]!r} in neither prompt.",
            "Its first value is what it searches for; the others replace it.",
            field="script_args",
        )
    return variant.with_fields(
        prompt=replaced_text(prompt, searched, value), negative_prompt=replaced_text(negative, searched, value)
    )


def replaced_text(prompt: str, searched: str, value: str) -> str:
    """Return the prompt with every `searched` replaced. Raises Invalid, before it is made, if it would be too long."""
    if len(prompt) + prompt.count(searched) * (len(value) - len(searched)) > MAX_PROMPT:
        raise Invalid(
            f"With {value[:60]!r} in place of {searched[:60]!r} a prompt has more than {MAX_PROMPT:,} characters.",
            "Search for something longer, or replace it by something shorter.",
            field="script_args",
        )
    return prompt.replace(searched, value)


def reorder(variant: Variant[R], value: Sequence[str], values: Sequence[Any]) -> Variant[R]:
    """Put the plain_texts of the axis into the prompt in this order, at the places where it has them.

    Raises Invalid for a text that it does not have.
    """
    prompt, parts, end = variant.value("prompt"), list[str](), 0
    missing = [text for text in value if not text or text not in prompt]
    if missing:
        raise Invalid(
            f"Prompt order does not find {missing[0][:80]!r} in the prompt.", "Write parts of the prompt.",
            field="script_args",
        )
    for found, text in zip(sorted(value, key=prompt.find), value, strict=True):
        place = prompt.find(found, end)
        if place < 0:
            raise Invalid(
                f"Prompt order finds {found[:80]!r} only inside another part.", "Write parts that do not overlap.",
                field="script_args",
            )
        parts += [prompt[end:place], text]
        end = place + len(found)
    return variant.with_fields(prompt="".join([*parts, prompt[end:]]))


def add_style(variant: Variant[R], value: str, values: Sequence[str]) -> Variant[R]:
    """Add the styles that the value names to those that every cell has. Raises UnknownName."""
    names = styles_named(value)
    unknown = [name for name in names if name not in variant.styles]
    if unknown:
        raise UnknownName("style", unknown[0], variant.styles)
    return variant.with_fields(styles=(*variant.value("styles"), *names))


def styles_named(value: str) -> list[str]:
    return [name.strip() for name in value.split(",") if name.strip()]


def resize_cell(variant: Variant[R], value: str, values: Sequence[str]) -> Variant[R]:
    """Set width and height from `512x768`; the size stays for any other text, as in A1111, with a note."""
    width, _, height = value.partition("x")
    if not (width.strip().isdecimal() and height.strip().isdecimal() and len(value) < 20):
        note = f"{value[:60]!r} is not a size such as 512x768; those cells have the request's size."
        return replace(variant, notes=(*variant.notes, note))
    return variant.with_fields(width=int(width), height=int(height))


def unipc_order(variant: Variant[R], value: int, values: Sequence[int]) -> Variant[R]:
    return variant.with_settings(uni_pc_order=max(1, min(value, variant.value("steps") - 1)))


def restore_faces_by(variant: Variant[R], value: str, values: Sequence[str]) -> Variant[R]:
    """Choose a face restorer by name, or turn the settings' on or off."""
    models = {"codeformer": "CodeFormer", "gfpgan": "GFPGAN"}
    if model := models.get(value.casefold()):
        return variant.with_settings(face_restoration=True, face_restoration_model=model)
    return variant.with_settings(face_restoration=truths([value])[0])


def merge_tokens(variant: Variant[R], value: float, values: Sequence[float]) -> Variant[R]:
    """Set token merging; the setting for img2img alone stands back, as for a request."""
    return variant.with_settings(token_merging_ratio=value, token_merging_ratio_img2img=0.0)


# A1111's axes ----------------------------------------------------------------------------------------


def number_axis(name: str, read: ReadValues, apply: Apply, cost: float = 0.0, tabs: tuple[Tab, ...] = BOTH) -> Axis:
    return Axis(name, read, apply, named_value, cost, tabs=tabs)


def choice_axis(name: str, apply: Apply, choices: str | tuple[str, ...], cost: float = 0.0,
                tabs: tuple[Tab, ...] = BOTH) -> Axis:
    return Axis(name, plain_texts, apply, named_value, cost, choices, tabs)


TXT2IMG_ONLY: tuple[Tab, ...] = ("txt2img",)
IMG2IMG_ONLY: tuple[Tab, ...] = ("img2img",)
NOTHING = Axis("Nothing", plain_texts, leave_unchanged, no_value)

# In A1111's order: over the API an axis is its place among those of its tab.
A1111_AXES: tuple[Axis, ...] = (
    NOTHING,
    number_axis("Seed", whole_numbers, to_field("seed")),
    number_axis("Var. seed", whole_numbers, to_field("subseed")),
    number_axis("Var. strength", fractional_numbers, to_field("subseed_strength")),
    number_axis("Steps", whole_numbers, to_field("steps")),
    number_axis("Hires steps", whole_numbers, to_field("hr_second_pass_steps"), tabs=TXT2IMG_ONLY),
    number_axis("CFG Scale", fractional_numbers, to_field("cfg_scale")),
    number_axis("Image CFG Scale", fractional_numbers, to_field("image_cfg_scale"), tabs=IMG2IMG_ONLY),
    Axis("Prompt S/R", plain_texts, search_and_replace, unlabelled_value),
    Axis("Prompt order", orders, reorder, order_value),
    Axis("Sampler", plain_texts, to_field("sampler_name"), unlabelled_value, choices="samplers"),
    choice_axis("Hires sampler", to_field("hr_sampler_name"), "samplers", tabs=TXT2IMG_ONLY),
    Axis("Checkpoint name", plain_texts, to_settings("sd_model_checkpoint"), file_value, 1.0, "checkpoints"),
    number_axis("Negative Guidance minimum sigma", fractional_numbers, to_settings("s_min_uncond")),
    number_axis("Sigma Churn", fractional_numbers, to_settings("s_churn")),
    number_axis("Sigma min", fractional_numbers, to_settings("s_tmin")),
    number_axis("Sigma max", fractional_numbers, to_settings("s_tmax")),
    number_axis("Sigma noise", fractional_numbers, to_settings("s_noise")),
    choice_axis("Schedule type", to_field("scheduler"), "schedules"),
    number_axis("Schedule min sigma", fractional_numbers, to_settings("sigma_min")),
    number_axis("Schedule max sigma", fractional_numbers, to_settings("sigma_max")),
    number_axis("Schedule rho", fractional_numbers, to_settings("rho")),
    number_axis("Beta schedule alpha", fractional_numbers, to_settings("beta_dist_alpha")),
    number_axis("Beta schedule beta", fractional_numbers, to_settings("beta_dist_beta")),
    number_axis("Eta", fractional_numbers, to_settings("eta_ddim", "eta_ancestral")),
    number_axis("Clip skip", whole_numbers, to_settings("CLIP_stop_at_last_layers")),
    number_axis("Denoising", fractional_numbers, to_field("denoising_strength")),
    number_axis("Initial noise multiplier", fractional_numbers, to_field("initial_noise_multiplier")),
    number_axis("Extra noise", fractional_numbers, to_settings("img2img_extra_noise")),
    choice_axis("Hires upscaler", to_field("hr_upscaler"), "hr_upscalers", tabs=TXT2IMG_ONLY),
    number_axis("Cond. Image Mask Weight", fractional_numbers, to_settings("inpainting_mask_weight"),
                tabs=IMG2IMG_ONLY),
    choice_axis("VAE", to_settings("sd_vae"), "vaes", 0.7),
    choice_axis("Styles", add_style, "styles"),
    number_axis("UniPC Order", whole_numbers, unipc_order, 0.5),
    Axis("Face restore", plain_texts, restore_faces_by, unlabelled_value),
    number_axis("Token merging ratio", fractional_numbers, merge_tokens),
    number_axis("Token merging ratio high-res", fractional_numbers, to_settings("token_merging_ratio_hr")),
    Axis("Always discard next-to-last sigma", truth_texts, to_truth(to_settings("always_discard_next_to_last_sigma")),
         named_value, choices=("False", "True")),
    Axis("SGM noise multiplier", truth_texts, to_truth(to_settings("sgm_noise_multiplier")), named_value,
         choices=("False", "True")),
    Axis("Refiner checkpoint", plain_texts, to_field("refiner_checkpoint"), file_value, 1.0, "refiners"),
    number_axis("Refiner switch at", fractional_numbers, to_field("refiner_switch_at")),
    choice_axis("RNG source", to_settings("randn_source"), ("GPU", "CPU", "NV")),
    choice_axis("FP8 mode", to_settings("fp8_storage"), ("Disable", "Enable for SDXL", "Enable"), 0.9),
    Axis("Size", plain_texts, resize_cell, named_value),
)
