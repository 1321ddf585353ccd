"""The requests of A1111's clients: the fields of an image, and options beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from itertools import islice
from typing import Annotated, Any, Literal, TypeAlias, TypeVar, get_type_hints

from pydantic import Field

from modules.api.always_on import with_own_scripts
from modules.api.routing import with_own_types
from modules.base.fields import defaults, once_a_class
from modules.base.limits import MAX_ID, MAX_INFOTEXT, MAX_NAME, JsonObject
from modules.library.library import Library
from modules.params import infotext
from modules.params.batch import Img2ImgBatch
from modules.params.img2img import Img2Img
from modules.params.txt2img import Generation, Txt2Img
from modules.prompts.grammar import emphasised
from modules.requests.paste import IMG2IMG, TXT2IMG, read_infotext
from modules.requests.pasted_fields import fields_from_pairs
from modules.settings.options import Settings

EMPTY_VALUES: tuple[Any, ...] = (False, 0, "", "None", "none", {})      # values that ask for nothing
# Fields that are settings, for this request alone.
AS_SETTINGS = ("s_churn", "s_tmin", "s_tmax", "s_noise", "s_min_uncond", "token_merging_ratio")
# it is part of addresses and file names
TASK_ID = r"^(task\([0-9A-Za-z-]{1,64}\)|[0-9A-Za-z]([0-9A-Za-z-]{0,62}[0-9A-Za-z])?)?$"

Phase = Literal[0] | Annotated[int, Field(ge=64, le=2048)]
Eta = Annotated[float, Field(ge=0, le=1)]
Churn = Annotated[float, Field(ge=0, le=100)]      # these five as the settings of these names
TMin = Annotated[float, Field(ge=0, le=10)]
TMax = Annotated[float, Field(ge=0, le=999)]
SNoise = Annotated[float, Field(ge=0, le=1.1)]
MinUncond = Annotated[float, Field(ge=0, le=15)]
MergingRatio = Annotated[float, Field(ge=0, le=0.9)]
TaskId = Annotated[str, Field(pattern=TASK_ID, description="An id of your own to follow the job by.")]
InfotextField = Annotated[
    str, Field(max_length=MAX_INFOTEXT, description="Generation data: fills in what is not given.")
]
Overrides = Annotated[JsonObject, Field(description="Settings for this request alone.")]
SamplerIndex = Annotated[str, Field(max_length=MAX_NAME, description="Old name of sampler_name, which goes before it.")]
SaveImagesField = Annotated[bool, Field(description="Also write the pictures to the server's outputs folder.")]


@dataclass(frozen=True, kw_only=True)
class RequestOptions:
    """The options of a request beside its image.

    Unknown fields are ignored and noted in the reply; nulls are defaults.
    """

    sampler_index: SamplerIndex | None = None
    eta: Eta | None = None
    s_churn: Churn | None = None
    s_tmin: TMin | None = None
    s_tmax: TMax | None = None
    s_noise: SNoise | None = None
    s_min_uncond: MinUncond | None = None
    override_settings: Overrides = field(default_factory=dict)
    override_settings_restore_afterwards: bool = True      # accepted; an override never outlives its request
    infotext: InfotextField | None = None
    send_images: bool = True
    save_images: SaveImagesField = False
    do_not_save_samples: bool = False
    do_not_save_grid: bool = False
    force_task_id: TaskId | None = None
    restore_faces: bool | None = None      # None: the settings'
    token_merging_ratio: MergingRatio | None = None
    alwayson_scripts: JsonObject = field(default_factory=dict)


AnyRequest = TypeVar("AnyRequest", bound=RequestOptions)


@dataclass(frozen=True, kw_only=True)
class Txt2ImgRequest(Txt2Img, RequestOptions):
    firstphase_width: Phase = 0       # of the first pass, in place of width and height
    firstphase_height: Phase = 0


@dataclass(frozen=True, kw_only=True)
class Img2ImgRequest(Img2ImgBatch, RequestOptions):
    """An img2img request, its pictures in base64, with or without `data:`. Batches and scaled sizes are Easel's own."""

    include_init_images: bool = False      # in the reply


DrawRequest: TypeAlias = Txt2ImgRequest | Img2ImgRequest


@once_a_class
def types_of_request(kind: type) -> Mapping[str, Any]:
    """Return the types of a request's fields, with their limits."""
    return get_type_hints(Img2ImgRequest if issubclass(kind, Img2Img) else Txt2ImgRequest, include_extras=True)


def normalise_request(body: Any, kind: type[Generation] = Txt2Img) -> Any:
    """Replace A1111's notations: null for the default, generation data for fields, an old sampler name."""
    if not isinstance(body, Mapping):
        return body
    given = with_own_scripts(without_nulls(with_own_types(types_of_request(kind), body, zero_or_one=True)))
    if given.get("sampler_name", "") == "":
        given.pop("sampler_name", None)
        given |= {"sampler_name": given["sampler_index"]} if given.get("sampler_index") else {}
    return filled_in(given, text, kind) if isinstance(text := given.get("infotext"), str) else given


def field_notes(body: Any, given: Any) -> list[str]:
    """Return notes on fields of a request's JSON that are unknown or have no effect, with the closest known name."""
    known = {each.name for each in fields(body)}
    strange = islice(
        (
            name
            for name, value in given.items()
            if name not in known and not (name in NO_EFFECT and value in NOTHING_ASKED)
        ),
        MOST_TOLD,
    )
    return [
        f"{name} has no effect here." if name in NO_EFFECT else unknown_field(name[:MAX_ID], known) for name in strange
    ]


def unknown_field(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, known, n=1)
    return f"There is no field called {name!r}; it was ignored." + (f" Did you mean {close[0]!r}?" if close else "")


MOST_TOLD = 20      # fields named in one reply
NOTHING_ASKED: tuple[Any, ...] = (None, False, True, 0, "", [], {}, *EMPTY_VALUES)
NO_EFFECT = frozenset(
    """
    outpath_samples outpath_grids prompt_for_display seed_enable_extras do_not_reload_embeddings ddim_discretize
    overlay_images sampler_noise_scheduler_override extra_generation_params disable_extra_networks comments
    latent_mask is_hr_pass firstphase_width firstphase_height include_init_images enable_hr
""".split()
)      # A1111's clients always send these


def without_nulls(body: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if value is not None}


def filled_in(given: Mapping[str, Any], text: str, kind: type[Generation]) -> dict[str, Any]:
    """Return `given`, completed by generation data."""
    pasted = told_by(text, kind)
    overrides = given.get("override_settings", {})
    settings = pasted["settings"] | overrides if isinstance(overrides, Mapping) else overrides
    return {**pasted["fields"], **given, "override_settings": settings}


def told_by(text: str, kind: type[Generation]) -> dict[str, Any]:
    """Return the values in generation data, by their own names.

    As in A1111 its ControlNet units, whose pictures it does not have, its detailer and its regions take no part.
    """
    found = fields_from_pairs(infotext.parse_infotext(text[:MAX_INFOTEXT], emphasised), kind)
    return {**found, "fields": {name: value for name, value in found["fields"].items() if name not in OWN_DATA}}


OWN_DATA = ("control", "detailer", "regions")      # fields of extensions in A1111, which read no infotext of a request


def with_names_here(body: AnyRequest, library: Library, standing: Settings) -> tuple[AnyRequest, list[str]]:
    """Return the request with local names in place of its generation data's names, and remarks on them.

    Names that the client itself gave stay as they are, and are refused if they are unknown.
    """
    if not body.infotext:
        return body, []
    kind, tab = (Img2Img, IMG2IMG) if isinstance(body, Img2Img) else (Txt2Img, TXT2IMG)
    pasted, usual = told_by(body.infotext, kind), defaults(kind)
    own = [name for name, value in pasted["fields"].items() if getattr(body, name) == value]
    now = {name: usual[name] if name in own else getattr(body, name) for name in usual} | body.override_settings
    here = read_infotext(body.infotext, library, standing, tab, now)
    given = {name: value for name, value in body.override_settings.items() if pasted["settings"].get(name) != value}
    fields = {name: here["fields"].get(name, usual[name]) for name in own}
    return replace(body, **fields, override_settings={**here["settings"], **given}), here["notes"]


def understood_img2img(body: Any) -> Any:
    """Normalise like `normalise_request`, and read A1111's soft inpainting, an always-on script."""
    given = normalise_request(body, Img2Img)
    if not isinstance(given, dict) or not isinstance(given.get("alwayson_scripts"), Mapping):
        return given
    scripts = {str(name).lower(): value for name, value in given["alwayson_scripts"].items()}
    soft = scripts.pop(SOFT_INPAINTING, None)
    if isinstance(soft, Mapping) and isinstance(soft.get("args"), list):
        given = dict(zip(SOFT_FIELDS, soft["args"], strict=False)) | given
    return given | {"alwayson_scripts": scripts}


SOFT_INPAINTING = "soft inpainting"
SOFT_FIELDS = (
    "soft_inpainting", "mask_blend_power", "mask_blend_scale", "inpaint_detail_preservation",
    "composite_mask_influence", "composite_difference_threshold", "composite_difference_contrast",
)
