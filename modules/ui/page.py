"""The page as a whole: the quick settings, the tabs, and what mount_gradio_app must be told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import gradio as gr
from gradio.components import Component
from starlette.types import ASGIApp, Scope

from modules.app.app import App
from modules.base.accounts import LOCAL
from modules.base.errors import WebUIError, sentence
from modules.base.families import SPOKEN
from modules.base.fields import Choice, Choices, declared, defaults
from modules.params.batch import ExtrasBatch, Img2ImgBatch
from modules.params.hires import LATENT_MODES
from modules.params.img2img import FILLS
from modules.params.txt2img import Txt2Img
from modules.requests.model_choice import ALWAYS_VAES, checkpoint_named, form_start, standing_choice
from modules.sampling.samplers import SAMPLERS
from modules.sampling.schedules import SCHEDULES
from modules.settings.choices import MODEL_SETTINGS
from modules.settings.options import Settings
from modules.ui import look, quicksettings
from modules.ui.document import Document
from modules.ui.form import Form
from modules.ui.look import Assets
from modules.ui.tabs import extras, img2img, merger, png_info, settings, txt2img
from modules.ui.tabs.scripts import ScriptedForm
from modules.ui.widgets import Lists, Options
from modules.ui.words import Words

TITLE = "Easel"
OF_FILES = ("refiners", "hr_checkpoints", "upscalers", "hr_upscalers", "styles")      # lists that change while the page is served
BESIDES = (*MODEL_SETTINGS, "override_settings")      # go with the form though they are no fields of the request


def build(app: App) -> gr.Blocks:
    """The page, its components and events; nothing is loaded or started."""
    words, lists = Words(), lists_of(app)
    forms = forms_of(app, words)
    with gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True) as page:
        quick = quicksettings.build(app, lists, listing(forms), words)
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab("txt2img", id="txt2img", elem_id="tab_txt2img"):
                txt2img.build(app, forms["txt2img"], quick, words)
            with gr.Tab("img2img", id="img2img", elem_id="tab_img2img"):
                img2img.build(app, forms["img2img"], quick, words)
            with gr.Tab(words("Extras"), id="extras", elem_id="tab_extras"):
                extras.build(app, forms["extras"], quick, words)
            with gr.Tab("PNG Info", id="pnginfo", elem_id="tab_pnginfo"):
                png_info.build(words)
            with gr.Tab(words("Checkpoint Merger"), id="modelmerger", elem_id="tab_modelmerger") as tab:
                merger.build(tab, lists, words)
            with gr.Tab(words("Settings"), id="settings", elem_id="tab_settings"):
                settings.build(lists, words)
    for event in page.fns.values():
        event.fn = event.fn and telling(event.fn)
    page.has_launched = True      # only of such a page does gradio check the paths in values
    return page


def telling(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, whose refusals gradio passes on as a sentence and does not log."""
    @wraps(function)
    def answer(*values: Any) -> Any:
        try:
            return function(*values)
        except WebUIError as error:
            raise gr.Error(sentence(error), print_exception=False) from error

    return answer


def functions(page: gr.Blocks) -> dict[int, int]:
    """The page's events that a function of ours answers: gradio's number → how many values it takes."""
    return {number: len(event.inputs) for number, event in page.fns.items() if event.fn is not None}


def forms_of(app: App, words: Words) -> dict[str, Form[Any]]:
    lists = lists_of(app)
    return {
        "txt2img": ScriptedForm(Txt2Img, "txt2img", lists, words),
        "img2img": ScriptedForm(Img2ImgBatch, "img2img", lists, words, img2img.own_controls(words)),
        "extras": Form(ExtrasBatch, "extras", lists, words, extras.own_controls(words)),
    }


def listing(forms: Mapping[str, Form[Any]]) -> list[tuple[Component, str]]:
    """The forms' controls whose choices are files, each with the name of its list."""
    widgets = ((form.components.get(name), param.widget) for form in forms.values() for name, param in declared(form.request).items())
    return [(control, widget.of) for control, widget in widgets if control and isinstance(widget, Choice | Choices) and widget.of in OF_FILES]


def mount_arguments(assets: Assets) -> dict[str, Any]:
    """Keyword arguments of `gr.mount_gradio_app` for this page."""
    return {
        "theme": look.theme(),
        "app_kwargs": {"routes": assets.routes()},
        "footer_links": [],
        "run_history": False,
        "ssr_mode": False,
        "show_error": False,      # what goes wrong in gradio is for the log
    }


def document(app: App, assets: Assets, blocks: ASGIApp) -> Document:
    """The mounted page as it is sent: with our head, which tells whoever asks what they begin with."""
    standing = facts(app)

    def head(scope: Scope) -> str:
        return assets.head(app.flags.subpath, standing | {"start": beginning(app, scope["account"].name)})

    return Document(blocks, head)


def facts(app: App) -> dict[str, Any]:
    """What the scripts must know beforehand, whoever asks."""
    forms = forms_of(app, Words())
    return {
        "title": TITLE,
        "theme": app.flags.theme,
        "quick": list(MODEL_SETTINGS),
        "forms": {tab: {"names": [*BESIDES, *form.names], "ids": ids(tab, form), "defaults": form.defaults} for tab, form in forms.items()},
        "scripts": {tab: argument_ids(form) for tab, form in forms.items()},
        "settings": defaults(Settings),
        "labels": settings.labels(Words()),
        "keys": {name: param.infotext for name, param in declared(Settings).items() if param.infotext},
        "families": dict(SPOKEN),
        "words": dict(Words().table),
    }


def argument_ids(form: Form[Any]) -> dict[str, dict[str, str]]:
    """Script → argument → the name of its control in the form."""
    scripts = form.scripts if isinstance(form, ScriptedForm) else {}
    return {name: {argument: control.elem_id for argument, control in each.components.items()} for name, each in scripts.items()}


def ids(tab: str, form: Form[Any]) -> dict[str, str]:
    """The element ids of what is remembered, by the names of `facts`."""
    besides = {"override_settings": f"{tab}_override_settings", **{name: f"setting_{name}" for name in MODEL_SETTINGS}}
    return besides | {name: component.elem_id for name, component in form.components.items() if component.elem_id}


def beginning(app: App, owner: str) -> dict[str, Any]:
    """What somebody begins with who has nothing remembered, and what there is to choose from now, by element id."""
    choice = standing_choice(app, owner)
    lists, offered = lists_of(app), {f"setting_{name}": choices for name, choices in quicksettings.offered(app).items()}
    files = {control.elem_id: pairs(lists[name]()) for control, name in listing(forms_of(app, Words()))}
    return {
        "account": "" if owner == LOCAL else owner,
        "choice": choice,
        "offered": offered | files,
        "settings": {name: getattr(app.settings.current, name) for name in settings.labels(Words())},
        "notes": quicksettings.notes_on(app, Words()),
        **form_start(app, checkpoint_named(app, choice["sd_model_checkpoint"] or "")),
    }


def pairs(options: Options) -> list[tuple[str, str]]:
    return [(option, option) if isinstance(option, str) else option for option in options]


def lists_of(app: App) -> Lists:
    """What there is to choose from, by the names that declared fields use."""
    models = app.models

    def checkpoints() -> list[str]:
        return [found.name for found in models.checkpoints.list()]

    return {
        "samplers": lambda: SAMPLERS.names,
        "schedules": lambda: SCHEDULES.names,
        "styles": lambda: list(app.styles()),
        "checkpoints": checkpoints,
        "refiners": lambda: [("None", ""), *((name, name) for name in checkpoints())],
        "loras": lambda: ["None", *(found.model_name for found in models.loras.list())],
        "hypernetworks": lambda: ["None", *(found.model_name for found in models.hypernetworks.list())],
        "vaes": lambda: [*ALWAYS_VAES, *(found.name for found in models.vaes.list())],
        "upscalers": models.upscalers,
        "fills": lambda: FILLS,
        "hr_upscalers": lambda: [*LATENT_MODES, *models.upscalers()],
        "hr_checkpoints": lambda: [("Use same checkpoint", ""), *((name, name) for name in checkpoints())],
        "hr_samplers": lambda: [("Use same sampler", ""), *((name, name) for name in SAMPLERS.names)],
        "hr_schedules": lambda: [("Use same scheduler", ""), *((name, name) for name in SCHEDULES.names)],
    }
