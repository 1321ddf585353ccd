"""The check of what a script's pictures may name and be, before a job is recorded. No torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from modules.app.account_data import AccountData
from modules.app.app import App
from modules.base.errors import UnknownName
from modules.base.fields import declared_params, within_limits
from modules.library.control_models import find_control_model
from modules.library.library import Library
from modules.params.control import enabled_units
from modules.params.hires import LATENT_MODES, USE_SAME
from modules.params.known_names import KnownNames
from modules.params.plot_axes import Variant
from modules.params.txt2img import Generation
from modules.plugins.native import known_arguments
from modules.plugins.native_scripts import all_scripts
from modules.requests.control import check_annotators
from modules.requests.detailer import check_detectors
from modules.requests.extension_axes import extension_axes
from modules.requests.resolve import NO_FILE_NAMES, resolve_request
from modules.requests.sampler_names import NO_MODEL_NAMES
from modules.settings.options import Settings, change_settings


def known_names(app: App, mine: AccountData) -> KnownNames:
    """Return what the account's requests may name."""
    standing = mine.settings.current
    return KnownNames(
        mine.styles(), Settings, partial(check_app_cell, app, standing), partial(extension_axes, app.extensions),
        standing.return_grid, all_scripts(app.extensions),
    )


def check_app_cell(app: App, standing: Settings, variant: Variant[Any]) -> None:
    """Check one picture's request, settings and extensions. Raises Invalid or UnknownName."""
    check_cell(app.models, standing, variant)
    known_arguments(app.extensions.natives(), variant.value("extensions"))


def check_cell(models: Library, standing: Settings, variant: Variant[Any]) -> None:
    """Check one picture's request and settings. Raises Invalid or UnknownName."""
    request = within_limits(variant.params, partial(cell_label, variant.params), " in a cell of the plot")
    resolve_request(request)
    for kind, name in variant.networks:
        find_network(models, kind, name)
    for unit in enabled_units(request.control):
        if unit.needs_model:
            find_control_model(models, unit.model)
    check_annotators(request.control, models)
    check_detectors(request.detailer, models)
    change_settings(standing, variant.settings)
    for name, find in FILE_FIELDS.items():
        value = getattr(request, name, "")
        if value not in (*USE_SAME, *NO_MODEL_NAMES, "", None):
            find(models, value)
    for name, find in FILE_SETTINGS.items():
        if variant.settings.get(name, "") not in (*NO_FILE_NAMES, *NO_MODEL_NAMES):
            find(models, variant.settings[name])


def cell_label(params: Generation, name: str) -> str:
    declared = declared_params(type(params))
    return declared[name].label if name in declared else name


def find_network(models: Library, kind: str, name: str) -> None:
    """Raise UnknownName for a LoRA or an embedding that is not here."""
    if (models.lora(name) if kind == "lora" else models.of(kind).named(name)) is None:
        raise UnknownName(kind, name, [file.model_name for file in models.of(kind).list()])


def find_upscaler(models: Library, name: str) -> None:
    if name not in LATENT_MODES:
        models.upscaler(name)


FILE_FIELDS: Mapping[str, Callable[[Library, str], object]] = {
    "refiner_checkpoint": lambda models, name: models.checkpoints.find(name),
    "hr_checkpoint_name": lambda models, name: models.checkpoints.find(name),
    "hr_upscaler": find_upscaler,
}
FILE_SETTINGS: Mapping[str, Callable[[Library, str], object]] = {
    "sd_model_checkpoint": lambda models, name: models.checkpoints.find(name),
    "sd_vae": lambda models, name: models.vaes.find(name),
}
