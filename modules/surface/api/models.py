"""A1111's `modules.api.models`: the API's requests and replies."""

from __future__ import annotations

import inspect as inspect
from dataclasses import fields as dataclass_fields
from typing import Any, Literal, Optional  # noqa: F401  extensions take all names of this module

from pydantic import Field, create_model

from modules.base.fields import defaults
from modules.params.img2img import Img2Img
from modules.params.txt2img import Txt2Img
from modules.plugins.pydantic1 import OldModel

BaseModel = OldModel
# of requests for pictures, beside the fields of the form: name → default
OF_THE_API: dict[str, Any] = {
    "sampler_index": "Euler", "script_name": None, "script_args": [], "send_images": True, "save_images": False,
    "alwayson_scripts": {}, "force_task_id": None, "infotext": None, "override_settings": {},
    "override_settings_restore_afterwards": True,
}


def request_model(name: str, request: type, **more: Any) -> Any:
    """Return a request's class: fields by A1111's names, each with its default."""
    known = {**{field.name: None for field in dataclass_fields(request)}, **defaults(request), **OF_THE_API, **more}
    given: dict[str, Any] = {key: (Any, value) for key, value in known.items()}
    return create_model(name, __base__=OldModel, **given)


StableDiffusionTxt2ImgProcessingAPI: Any = request_model("StableDiffusionTxt2ImgProcessingAPI", Txt2Img)
StableDiffusionImg2ImgProcessingAPI: Any = request_model(
    "StableDiffusionImg2ImgProcessingAPI", Img2Img, init_images=None, mask=None, include_init_images=False
)


class ScriptArg(BaseModel):
    """An argument of a script."""

    label: str | None = None
    value: Any = None
    minimum: Any = None
    maximum: Any = None
    step: Any = None
    choices: list[Any] | None = None


class ScriptInfo(BaseModel):
    name: str | None = None
    is_alwayson: bool | None = None
    is_img2img: bool | None = None
    args: list[ScriptArg]


class TextToImageResponse(BaseModel):
    images: list[str] | None = None
    parameters: dict[str, Any]
    info: str


class ImageToImageResponse(TextToImageResponse):
    """The reply to img2img."""


class InterrogateRequest(BaseModel):
    image: str = Field("", description="A picture in base64.")
    model: str = Field("clip", description="What is asked.")


class InterrogateResponse(BaseModel):
    caption: str | None = None


class ExtrasBaseRequest(BaseModel):
    """What Extras is asked for any picture."""

    resize_mode: Literal[0, 1] = 0
    show_extras_results: bool = True
    gfpgan_visibility: float = 0
    codeformer_visibility: float = 0
    codeformer_weight: float = 0
    upscaling_resize: float = 2
    upscaling_resize_w: int = 512
    upscaling_resize_h: int = 512
    upscaling_crop: bool = True
    upscaler_1: str = "None"
    upscaler_2: str = "None"
    extras_upscaler_2_visibility: float = 0
    upscale_first: bool = False


class ExtraBaseResponse(BaseModel):
    html_info: str


class ExtrasSingleImageRequest(ExtrasBaseRequest):
    image: str = ""


class ExtrasSingleImageResponse(ExtraBaseResponse):
    image: str | None = None


class FileData(BaseModel):
    data: str
    name: str


class PNGInfoRequest(BaseModel):
    image: str


class PNGInfoResponse(BaseModel):
    info: str
    items: dict[str, Any]
    parameters: dict[str, Any]


class ProgressRequest(BaseModel):
    skip_current_image: bool = False


class ProgressResponse(BaseModel):
    progress: float
    eta_relative: float
    state: dict[str, Any]
    current_image: str | None = None
    textinfo: str | None = None
