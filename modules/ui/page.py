"""The whole page: the quick settings, the tabs, and the arguments of mount_gradio_app."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
from gradio.components import Component
from starlette.types import ASGIApp, Scope

from modules.app.app import App
from modules.app.languages import offered_languages
from modules.app.permissions import is_allowed, makes_models
from modules.base.accounts import LOCAL_OWNER, Account, Role
from modules.base.border import outcome
from modules.base.families import SPOKEN
from modules.base.fields import Choice, Choices, declared_params, defaults
from modules.params.batch import ExtrasBatch, Img2ImgBatch
from modules.params.regions import ATTENTION_MODE
from modules.params.txt2img import Txt2Img
from modules.plugins.host import Host, error_text
from modules.plugins.native_scripts import all_scripts
from modules.plugins.scripts import EXTRAS_TAB
from modules.requests.choices import OF_FILES, choices_now, file_problems, lists_of, missing_folder
from modules.requests.model_choice import checkpoint_named, form_start, standing_choice
from modules.requests.paste import REQUESTS
from modules.requests.pasted_fields import field_keys
from modules.settings.choices import MODEL_SETTINGS
from modules.settings.options import Settings
from modules.settings.ui_config import UiConfig, field_values
from modules.ui import extension_head, look, quicksettings
from modules.ui.built import Built
from modules.ui.declared_tabs import build_declared_tabs
from modules.ui.document import Document
from modules.ui.extension_page import (
    build_extension_settings,
    build_extension_tabs,
    connect_sending_buttons,
    declared_options,
    extension_facts,
    extension_setting_ids,
    extension_stores,
)
from modules.ui.form import Form, TabFields
from modules.ui.localizations import build_localization, localization_facts, page_language
from modules.ui.look import Assets
from modules.ui.placing import ExtendedPlacing, ExtrasPlacing, SlotDrawings
from modules.ui.store import connect, connect_filling
from modules.ui.tabs import extras, img2img, merger, png_info, settings, train, txt2img
from modules.ui.tabs.scripts import ScriptedForm, add_arguments, draw_arguments, extend
from modules.ui.words import Words

TITLE = "Easel"
log = logging.getLogger(__name__)


class PageBlocks(gr.Blocks):
    """gradio's Blocks with a description computed once, after mounting; gradio computes it three times before that."""

    def get_config_file(self) -> Any:
        return super().get_config_file() if self.custom_mount_path is not None else {}

    @property
    def dependencies(self) -> list[dict[str, Any]]:
        """Its events, as gradio 3 lists them for extensions that look for one."""
        return [
            {
                "targets": [block for block, _ in each.targets], "trigger": each.targets[0][1] if each.targets else "",
                "inputs": [block._id for block in each.inputs], "outputs": [block._id for block in each.outputs],
                "js": each.js,
            }
            for each in self.fns.values()
        ]


def build(app: App) -> tuple[gr.Blocks, dict[str, Any]]:
    """Return the page and its facts; where extensions break it, the page without them, and each says why it is off."""
    found = outcome(build_whole, app)
    if not isinstance(found, BaseException):
        return found
    if not app.extensions.active:
        raise found
    log.error("The page cannot be built with extensions; it is built without them", exc_info=found)
    for state in list(app.extensions.active):
        app.extensions.fail(state.name, f"The page could not be built with extensions: {error_text(found)}")
    return build_whole(app)


def build_whole(app: App) -> tuple[gr.Blocks, dict[str, Any]]:
    """Return the page and its facts. gradio only renders, and calls no function of ours; nothing is loaded."""
    words, lists = Words(), lists_of(app, app.data_of(LOCAL_OWNER))
    forms, making = Forms.of(app, words), merger.merger_forms(lists, words)
    host, training = app.extensions, train.training_controls(words)
    with PageBlocks(title=TITLE, analytics_enabled=False, fill_width=True) as page:
        quick = quicksettings.build(lists, words)
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab("txt2img", id="txt2img", elem_id="tab_txt2img"):
                txt2img.build(app.models, forms.txt2img, words)
            with gr.Tab("img2img", id="img2img", elem_id="tab_img2img"):
                img2img.build(app.models, app.flags, forms.img2img, words)
            with gr.Tab(words("Extras"), id="extras", elem_id="tab_extras"):
                extras.build(app.flags, forms.extras, words)
            with gr.Tab("PNG Info", id="pnginfo", elem_id="tab_pnginfo"):
                png_info.build(words)
            with gr.Tab(words("Library"), id="library", elem_id="tab_library"):
                gr.HTML(elem_id="library_page", padding=False)
            with gr.Tab(words("Checkpoint Merger"), id="modelmerger", elem_id="tab_modelmerger"):
                merger.build(making, words)
            with gr.Tab(words("Train"), id="train", elem_id="tab_ti"):
                train.build(training, words)
            with gr.Tab(words("Queue"), id="queue", elem_id="tab_queue"):
                gr.HTML(elem_id="queue_page", padding=False)
            build_extension_tabs(host, (forms.txt2img, forms.img2img))
            build_declared_tabs(host, lists, words)
            with gr.Tab(words("Settings"), id="settings", elem_id="tab_settings"):
                controls = settings.build(lists, words) | build_localization(app, words)
                controls |= quicksettings.build_quick_list(settings.labels(words), words)
                controls |= build_extension_settings(host, app.settings.foreign, words)
            with gr.Tab(words("Extensions"), id="extensions", elem_id="tab_extensions"):
                gr.HTML(elem_id="extensions_page", padding=False)
        stores = {name: {**quick, **form.components} for name, form in forms.by_tab().items()}
        stores |= extension_stores(forms.by_tab())
        stores |= {kind: form.components for kind, form in making.items()} | {"settings": controls}
        stores[train.STORE] = training
        for name, held in stores.items():
            connect(name, held)
        connect_sending_buttons(host)
        connect_filling("choices", choice_controls(stores, choice_lists({**forms.by_tab(), **making})))
    if host.active:
        from modules.plugins.gradio3 import keep_unseen_layouts  # with an extension alone

        host.ui_config.write()
        keep_unseen_layouts(page)
    known = facts(app, forms.by_tab(), making) | extension_facts(host, forms.by_tab())
    known[train.STORE] = train.training_facts(training)
    return page, known


# without a control: the scripts draw what they are
TXT2IMG_HELD: Mapping[str, Any] = {
    "control": [], "detailer": [], "regions": [], "region_mode": ATTENTION_MODE, "region_base": 0.2,
}


class Forms(NamedTuple):
    """The forms that make pictures, each under its tab's name."""

    txt2img: ScriptedForm[Txt2Img]
    img2img: ScriptedForm[Img2ImgBatch]
    extras: Form[ExtrasBatch]

    @classmethod
    def of(cls, app: App, words: Words) -> Forms:
        lists, scripts = lists_of(app, app.data_of(LOCAL_OWNER)), all_scripts(app.extensions)
        forms = cls(
            ScriptedForm(Txt2Img, "txt2img", lists, words, TabFields(held=TXT2IMG_HELD), scripts),
            ScriptedForm(Img2ImgBatch, "img2img", lists, words, img2img.img2img_fields(words), scripts),
            Form(ExtrasBatch, "extras", lists, words, extras.extras_fields(words)),
        )
        for tab, form in forms.by_tab().items():
            follow_ui_config(app.extensions.ui_config, tab, form)
        if app.extensions.scripts(EXTRAS_TAB):
            forms.extras.placing = ExtrasPlacing(app.extensions, EXTRAS_TAB)
        for form in (forms.txt2img, forms.img2img) if app.extensions.active else ():
            add_arguments(form, app.extensions.natives(), lists, words)
            extend(form, ExtendedPlacing(app.extensions, form.kind, arguments_by_slot(form, app.extensions, words)))
        return forms

    def by_tab(self) -> dict[str, Form[Any]]:
        return {"txt2img": self.txt2img, "img2img": self.img2img, "extras": self.extras}


def follow_ui_config(config: UiConfig, tab: str, form: Form[Any]) -> None:
    """Let a form's controls have the ends, the visibility and the values that ui-config.json says."""
    labels = {name: param.label for name, param in declared_params(form.request).items() if name in form.components}
    for name, label in labels.items():
        config.shape(f"{tab}/{label}", form.components[name])
    form.defaults |= field_values(config, tab, labels, form.defaults)


def arguments_by_slot(form: ScriptedForm[Any], host: Host, words: Words) -> SlotDrawings:
    """Return slot → the functions that draw extensions' arguments there."""
    found: dict[str, list[Callable[[], None]]] = {}
    for native in host.natives():
        if native.name in form.extensions:
            draw = partial(draw_arguments, form, native, words)
            found.setdefault(native.declaration.slot, []).append(draw)
    return found


def choice_controls(stores: Mapping[str, Mapping[str, Component]], listed: Mapping[str, str]) -> dict[str, Component]:
    """Return the controls that choose files, by their element ids."""
    controls = (control for controls in stores.values() for control in controls.values())
    return {control.elem_id: control for control in controls if control.elem_id in listed}


def choice_lists(forms: Mapping[str, Form[Any]]) -> dict[str, str]:
    """Return element id → list name, for the controls that choose files."""
    scripts = [each for form in forms.values() if isinstance(form, ScriptedForm) for each in form.scripts.values()]
    found = dict(each for form in (*forms.values(), *scripts) for each in choice_lists_of(form))
    return {**quicksettings.PICKER_LISTS, **merger.MERGER_LISTS, **found}


def choice_lists_of(form: Form[Any]) -> Iterator[tuple[str, str]]:
    for name, param in declared_params(form.request).items():
        names = param.widget.of if isinstance(param.widget, Choice | Choices) else ()
        if name in form.components and isinstance(names, str) and names in OF_FILES:
            yield form.components[name].elem_id, names


def mount_arguments(assets: Assets, shown: Path | None = None) -> dict[str, Any]:
    """Return the keyword arguments of `gr.mount_gradio_app` for this page.

    shown: the folder of which extensions' functions may show files
    """
    return {
        **({"allowed_paths": [str(shown)]} if shown else {}),
        "theme": look.theme(),
        "app_kwargs": {"routes": assets.routes()},
        "footer_links": [],
        "run_history": False,
        "ssr_mode": False,
        "show_error": False,      # gradio's errors belong in the log
    }


def document(app: App, assets: Assets, mounted: ASGIApp, standing: Mapping[str, Any]) -> Document:
    """Return the mounted page with our head: the `standing` facts, and the account's start values."""
    subpath, data_dir = app.flags.subpath, app.flags.data_dir

    def head(scope: Scope, start: Built) -> tuple[str, str]:
        extensions = [each.extension for each in app.extensions.active]
        sheets = extension_head.extension_sheets(extensions, data_dir, subpath)
        language = page_language(app, scope)
        spoken = {"language": language.tag, "words": language.own, "languages": offered_languages(app)}
        return assets.first(subpath, start, {**spoken, "start": beginning(app, scope["account"])}), assets.head(
            subpath,
            sheets + extension_head.own_sheet(data_dir, subpath),
            extension_head.extension_scripts(extensions, data_dir, subpath),
        )

    # extensions may change the page while it is served
    return Document(mounted, head, partial(assets.start, subpath, standing), steady=not app.extensions.active)


def facts(app: App, forms: Mapping[str, Form[Any]], making: Mapping[str, Form[Any]]) -> dict[str, Any]:
    """Return the facts that the scripts need, the same for every account."""
    declared, localization = declared_options(app.extensions), localization_facts(Words())
    quick, scripts = quicksettings.quick_list_facts(Words()), all_scripts(app.extensions)
    return {
        "title": TITLE,
        "theme": app.flags.theme,
        "quick": list(MODEL_SETTINGS),
        "forms": {tab: {"ids": ids(form), "defaults": form.defaults} for tab, form in forms.items()},
        "making": {kind: {"ids": ids_of(form), "values": form.defaults} for kind, form in making.items()},
        "lists": choice_lists({**forms, **making}),
        "scripts": {tab: argument_ids(scripts_of(form)) for tab, form in forms.items()},
        "arguments": {tab: argument_ids(arguments_of_extensions(form)) for tab, form in forms.items()},
        "script_arguments": {each.name: [field.name for field in fields(each.arguments)] for each in scripts},
        "settings": defaults(Settings) | localization["settings"] | quick["settings"]
        | {name: option.default for name, option in declared.items()},
        "labels": settings.labels(Words()) | localization["labels"] | quick["labels"]
        | {name: option.label or name for name, option in declared.items()},
        "data_fields": {tab: list(field_keys(cls).values()) for tab, cls in REQUESTS.items()},
        "keys": {name: param.infotext for name, param in declared_params(Settings).items() if param.infotext},
        "families": dict(SPOKEN),
    }


def argument_ids(forms: Mapping[str, Form[Any]]) -> dict[str, dict[str, str]]:
    """Return script or extension → argument → the name of its control in the form."""
    return {
        name: {argument: control.elem_id for argument, control in each.components.items()}
        for name, each in forms.items()
    }


def scripts_of(form: Form[Any]) -> Mapping[str, Form[Any]]:
    return form.scripts if isinstance(form, ScriptedForm) else {}


def arguments_of_extensions(form: Form[Any]) -> Mapping[str, Form[Any]]:
    return form.extensions if isinstance(form, ScriptedForm) else {}


def ids(form: Form[Any]) -> dict[str, str]:
    """Return the element ids of a form's controls and of the model's pickers, by name."""
    pickers = {name: f"setting_{name}" for name in MODEL_SETTINGS}
    return pickers | ids_of(form)


def ids_of(form: Form[Any]) -> dict[str, str]:
    return {name: control.elem_id for name, control in form.components.items() if control.elem_id}


def beginning(app: App, account: Account) -> dict[str, Any]:
    """Return an account's start values, drafts and current options."""
    choice, mine = standing_choice(app, account.name), app.data_of(account.name)
    administers = account.role >= Role.ADMINISTRATOR
    return {
        "account": "" if account.is_local else account.name,
        "administrator": administers,
        "server_settings": [] if administers else [
            *settings.element_ids_of_servers(), *extension_setting_ids(app.extensions)
        ],
        "hidden_tabs": [
            *(() if makes_models(account, app.settings.current) else ("tab_modelmerger",)),
            *(() if administers or is_allowed(account, app.settings.current.members_train) else ("tab_ti",)),
            *(() if administers else ("tab_extensions",)),
        ],
        "sets_for_all": administers and not account.is_local,
        "choice": choice,
        "drafts": mine.drafts.at_start(),
        "choices": choices_now(app, mine),
        "settings": {name: getattr(mine.settings.current, name) for name in settings.labels(Words())}
        | {name: mine.settings.foreign.get(name) for name in localization_facts(Words())["settings"]}
        | {quicksettings.QUICK_LIST: mine.settings.foreign.get(quicksettings.QUICK_LIST)}
        | {name: app.settings.foreign.get(name) for name in declared_options(app.extensions)},
        "problems": file_problems(app, mine),
        "missing_folder": missing_folder(app, mine),
        **form_start(app, checkpoint_named(app, choice["sd_model_checkpoint"] or ""), account.name),
    }
