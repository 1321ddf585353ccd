"""The view of a request as A1111's mutable `p`, and the request that is read back from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from PIL import Image
from pydantic import ValidationError

from modules.base.errors import Invalid, InvalidImage
from modules.base.fields import checker, defaults
from modules.params.img2img import WIDEST_BLUR, Img2Img
from modules.params.txt2img import Generation, Txt2Img
from modules.plugins.host import Host
from modules.requests.resolve import resolve_img2img, resolve_request
from modules.settings.options import SETTING_NAMES, Settings, change_settings
from modules.worker.hooks.own_samplers import with_stand_ins
from modules.worker.hooks.script_control import units_told_on_p

# fields whose "" is A1111's None
NONE_IF_EMPTY = (
    "refiner_checkpoint", "hr_upscaler", "hr_checkpoint_name", "hr_sampler_name", "hr_scheduler",
)
NOT_OF_P = {"init_images", "mask", "script_name", "script_args", "extensions"}
# p's fields that are settings for this request alone
SETTINGS_OF_P = {
    "s_min_uncond": "s_min_uncond", "s_churn": "s_churn", "s_tmin": "s_tmin", "s_noise": "s_noise",
    "restore_faces": "face_restoration", "token_merging_ratio": "token_merging_ratio",
    "token_merging_ratio_hr": "token_merging_ratio_hr",
}


@dataclass
class InputPictures:
    """The pictures of a `p`, by names that its request has for them."""

    pictures: dict[str, Image.Image] = field(default_factory=dict)

    def keep(self, image: Image.Image) -> str:
        """Return the name of a picture, the same for the same object."""
        known = next((name for name, each in self.pictures.items() if each is image), None)
        name = known or f"picture-{len(self.pictures)}"
        self.pictures[name] = image
        return name

    def load(self, name: str) -> Image.Image:
        """Return the picture of that name. Raises InvalidImage."""
        if name not in self.pictures:
            raise InvalidImage(f"There is no picture called {name}.", "Give p.init_images pictures.")
        return self.pictures[name]


def fields_for_p(request: Generation, known: Mapping[str, Any], unstyled: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of p's fields that stand in a request.

    known: p's fields with their defaults; unstyled: the prompts as they were asked for, with the styles' names
    """
    values = {each.name: getattr(request, each.name) for each in fields(request) if each.name in known}
    values = {name: value for name, value in values.items() if name not in NOT_OF_P}
    values |= {name: None for name in NONE_IF_EMPTY if name in values and not values[name]}
    if unstyled:
        values |= {
            "prompt": unstyled.get("prompt", request.prompt),
            "negative_prompt": unstyled.get("negative_prompt", request.negative_prompt),
            "styles": [name for name, _ in unstyled.get("styles", ())],
        }
    values["styles"] = list(values["styles"])
    if not getattr(request, "enable_hr", True):
        values["denoising_strength"] = None
    return values


def request_from_p(
    p: Any, cls: type[Generation], kept: InputPictures, settings: Settings, host: Host
) -> Generation:
    """Return the request of a `p`, checked as one from outside. Raises Invalid or UnknownName.

    host: whose extensions' samplers and schedules it may name
    """
    usual = defaults(cls)
    values = {name: python_number(getattr(p, name, None)) for name in usual if name not in NOT_OF_P}
    values = {name: usual[name] if value is None else value for name, value in values.items()}
    values = with_stand_ins(values, host) | {"styles": ()}
    if settings.control_net_allow_script_control:
        values["control"] = units_told_on_p(p, values["control"])
    values |= {**kept_inputs(p, kept), **narrowed_blur(values)} if cls is Img2Img else {}
    try:
        request = checker(cls).validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][:1])
        raise Invalid(
            f"An extension set {where} to {first['input']!r:.80}, which cannot be.", f"{first['msg']}.", field=where
        ) from error
    return resolve_img2img(request, settings) if isinstance(request, Img2Img) else resolve_request(request)


def kept_inputs(p: Any, kept: InputPictures) -> dict[str, Any]:
    """Keep the pictures of an img2img `p` and return their names."""
    mask = next((each for each in (p.image_mask, p.mask) if each is not None), None)
    return {
        "init_images": tuple(kept.keep(image) for image in p.init_images or () if image is not None),
        "mask": kept.keep(mask) if mask is not None else "",
    }


def narrowed_blur(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the blur of a mask as a request may have it: `canvas_of_p` draws a wider one."""
    wide = {name: values[name] for name in ("mask_blur", "mask_blur_x", "mask_blur_y")}
    return {name: min(blur, WIDEST_BLUR) for name, blur in wide.items() if isinstance(blur, int | float)}


def python_number(value: Any) -> Any:
    """Return a number of numpy or torch as Python's."""
    return value.item() if hasattr(value, "item") and getattr(value, "size", 1) in (1, ()) else value


def settings_of_p(p: Any, settings: Settings) -> tuple[Settings, list[str]]:
    """Return the settings with p's override_settings, and a note for each unknown one."""
    given = dict(p.override_settings or {})
    known = {name: value for name, value in given.items() if name in SETTING_NAMES}
    notes = [f"There is no setting called {name!r}; it was ignored." for name in sorted(given.keys() - known.keys())]
    return change_settings(settings, known), notes


def settings_in_fields(p: Any, settings: Settings) -> Settings:
    """Return the settings with those that p has as fields of its own."""
    given = {setting: getattr(p, name, None) for name, setting in SETTINGS_OF_P.items()}
    given = {name: value for name, value in given.items() if value not in (None, 0, 0.0) or isinstance(value, bool)}
    tmax = getattr(p, "s_tmax", None)
    if tmax and tmax != float("inf"):
        given["s_tmax"] = tmax
    if p.eta is not None:
        given |= {"eta_ddim": p.eta, "eta_ancestral": p.eta}
    return change_settings(settings, given)


def for_picture(request: Generation, p: Any, place: int) -> Generation:
    """Return the request for one picture of p's, with the prompts and seeds of its place."""
    own = replace(
        request, prompt=p.all_prompts[place], negative_prompt=p.all_negative_prompts[place],
        seed=int(p.all_seeds[place]), subseed=int(p.all_subseeds[place]),
    )
    if isinstance(own, Txt2Img) and own.enable_hr and p.all_hr_prompts:
        prompts = {"hr_prompt": p.all_hr_prompts[place], "hr_negative_prompt": p.all_hr_negative_prompts[place]}
        own = replace(own, **{name: text for name, text in prompts.items() if text != getattr(own, name[3:])})
    return own
