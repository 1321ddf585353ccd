"""A1111's routes for scripts and their arguments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel

from modules.api.always_on import OWN_SCRIPTS
from modules.api.requests import SOFT_FIELDS, SOFT_INPAINTING
from modules.api.routing import owner, router
from modules.app.app import App
from modules.base.accounts import Role
from modules.base.fields import Choice, Choices, Param, Slider, declared_params, defaults
from modules.params.img2img import Img2Img
from modules.params.scripts import GenerationKind, Script
from modules.plugins.native_scripts import all_scripts
from modules.plugins.scripts import LoadedScript
from modules.requests.choices import Lists, lists_of
from modules.requests.extension_scripts import control_label

GENERATION_KINDS: tuple[GenerationKind, ...] = ("txt2img", "img2img")


class ScriptsList(BaseModel):
    txt2img: list[str]
    img2img: list[str]


class ScriptArg(BaseModel):
    label: str
    value: Any = None                  # the default
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    choices: list[str] | None = None
    elem_id: str | None = None         # of an extension's control, by which the argument may be named


class ScriptInfo(BaseModel):
    name: str
    is_alwayson: bool = False
    is_img2img: bool
    args: list[ScriptArg]              # in the order of script_args


def routes(app: App) -> APIRouter:
    api = router("generate", "/sdapi/v1", Role.GUEST)

    @api.get("/scripts")
    def scripts() -> ScriptsList:
        """Names for script_name and alwayson_scripts, in lower case."""
        return ScriptsList(txt2img=script_names(app, "txt2img"), img2img=script_names(app, "img2img"))

    @api.get("/script-info")
    def script_info(request: Request) -> list[ScriptInfo]:
        """Every script's arguments, for txt2img and for img2img: Easel's own, then those of extensions."""
        lists = lists_of(app, app.data_of(owner(request)))
        own = [
            describe_script(lists, script, kind)
            for kind in GENERATION_KINDS
            for script in all_scripts(app.extensions)
            if kind in script.kinds
        ]
        own += [
            ScriptInfo(name=name, is_alwayson=True, is_img2img=kind == "img2img", args=always_on_args(lists, name))
            for kind in GENERATION_KINDS
            for name in own_always_on(kind)
        ]
        return own + [extension_script_info(each) for kind in GENERATION_KINDS for each in app.extensions.scripts(kind)]

    return api


def script_names(app: App, kind: GenerationKind) -> list[str]:
    own = [script.name.lower() for script in all_scripts(app.extensions) if kind in script.kinds]
    extensions = [each.title.lower() for each in app.extensions.scripts(kind)]
    return list(dict.fromkeys([*own, *own_always_on(kind), *extensions]))


def own_always_on(kind: GenerationKind) -> list[str]:
    """Return the names of A1111's always-on scripts that Easel carries out itself: clients look for them here."""
    return [*OWN_SCRIPTS, SOFT_INPAINTING] if kind == "img2img" else [*OWN_SCRIPTS]


def always_on_args(lists: Lists, name: str) -> list[ScriptArg]:
    """Return the arguments of soft inpainting; those of the others are units, tabs and regions, and no controls."""
    params, usual = declared_params(Img2Img), defaults(Img2Img)
    return [arg(lists, params[each], usual[each]) for each in SOFT_FIELDS] if name == SOFT_INPAINTING else []


def extension_script_info(script: LoadedScript) -> ScriptInfo:
    """Return what an extension's controls tell of its arguments."""
    arguments = [
        ScriptArg(
            label=control_label(control), value=json_default(value), minimum=limit_of(control, "minimum"),
            maximum=limit_of(control, "maximum"), step=limit_of(control, "step"), choices=choices_of(control),
            elem_id=getattr(control, "elem_id", None),
        )
        for control, value in zip(script.controls, script.defaults, strict=True)
    ]
    return ScriptInfo(
        name=script.title.lower(), is_alwayson=script.always_on, is_img2img=script.tab == "img2img", args=arguments
    )


def json_default(value: Any) -> Any:
    """Return a default as JSON has it; null for what is none."""
    return value if isinstance(value, str | int | float | bool | list | dict | None) else None


def limit_of(control: Any, name: str) -> float | None:
    value = getattr(control, name, None)
    return value if isinstance(value, int | float) else None


def choices_of(control: Any) -> list[str] | None:
    choices = getattr(control, "choices", None)
    return [str(each[0] if isinstance(each, tuple | list) else each) for each in choices] if choices else None


def describe_script(lists: Lists, script: Script, kind: GenerationKind) -> ScriptInfo:
    return ScriptInfo(name=script.name.lower(), is_img2img=kind == "img2img", args=list(args(lists, script)))


def args(lists: Lists, script: Script) -> Iterator[ScriptArg]:
    """Yield the arguments that a client sends; what is only in A1111's form is a place without a label."""
    usual = defaults(script.arguments)
    for each in fields(script.arguments):
        if param := script.params.get(each.name):
            yield arg(lists, param, usual[each.name])
        elif each.name == "note":
            yield ScriptArg(label="", value="")
        elif each.name.endswith("_dropdown"):
            yield ScriptArg(label="", value=[])


def arg(lists: Lists, param: Param, value: Any) -> ScriptArg:
    widget = param.widget
    if isinstance(widget, Slider):
        return ScriptArg(label=param.label, value=value, minimum=widget.low, maximum=widget.high, step=widget.step)
    if isinstance(widget, Choice | Choices):
        known = widget.of if isinstance(widget.of, tuple) else lists[widget.of]()
        return ScriptArg(
            label=param.label, value=value, choices=[each if isinstance(each, str) else each[1] for each in known]
        )
    return ScriptArg(label=param.label, value=value)
