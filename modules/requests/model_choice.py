"""The model that a page starts with, and the values of its forms with that model. No torch."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields, replace
from functools import partial
from operator import is_
from typing import Any

from modules.app.app import App
from modules.base.accounts import LOCAL_OWNER
from modules.base.errors import WebUIError, sentence
from modules.base.fields import declared_params, form_defaults
from modules.library.catalog import ModelFile
from modules.library.library import not_here
from modules.library.safety_checkers import find_safety_checker
from modules.params.hires import LATENT_MODES
from modules.requests.kinds import JOB_KINDS, JobKind
from modules.requests.own_defaults import own_defaults, own_values
from modules.requests.resolve import ALWAYS_VAES, NO_FILE_NAMES
from modules.settings.account_options import SAFETY_OFF
from modules.settings.choices import MODEL_SETTINGS
from modules.settings.options import Settings
from modules.settings.safety_checking import SAFETY_SETTINGS
from modules.settings.ui_config import field_values

MOST_STARTS = 500      # accounts and checkpoints whose forms' start is kept


def checkpoint_named(app: App, name: str) -> ModelFile | None:
    """Return the checkpoint of that name, or any if the name is ""; None if there is none."""
    try:
        return app.models.checkpoints.find(name) if name else app.models.checkpoints.default()
    except WebUIError:
        return None


def standing_checkpoint(app: App, settings: Settings) -> ModelFile | None:
    """Return the settings' checkpoint; without its file the first one, as in A1111; None if there is none at all."""
    return checkpoint_named(app, settings.sd_model_checkpoint) or app.models.checkpoints.default()


def with_checkpoint_here(app: App, settings: Settings, request: Collection[str] = ()) -> tuple[Settings, list[str]]:
    """Return the settings with the name of a checkpoint that is here, and notes on a missing one that it replaces.

    Where they name none it is the first one: which that is may change until a worker draws, or be another there.
    request: the settings that the request itself contains; a missing checkpoint among them is refused
    Raises UnknownName.
    """
    name = settings.sd_model_checkpoint
    if "sd_model_checkpoint" in request and name:
        app.models.checkpoints.find(name)
        return settings, []
    other = app.models.checkpoints.default()
    if other is None or (name and checkpoint_named(app, name)):
        return settings, []
    notes = [not_here("checkpoint", name, f"{other.name} draws instead")] if name else []
    return replace(settings, sd_model_checkpoint=other.name), notes


def missing_choices(app: App, s: Settings) -> list[str]:
    """Return a sentence for each name in the settings without a file."""
    models = app.models
    named = (
        ("checkpoint", s.sd_model_checkpoint, models.checkpoints.find, "the first there is draws instead"),
        ("VAE", s.sd_vae, models.vaes.find, "the checkpoint's own is used"),
        ("upscaler", s.upscaler_for_img2img, models.upscaler, "pictures are enlarged without it"),
    )
    notes = [
        not_here(kind, name, instead)
        for kind, name, find, instead in named
        if name not in NO_FILE_NAMES and choice_error(find, name)
    ]
    restorer = choice_error(models.face_restorer, s.face_restoration_model) if s.face_restoration else None
    checks = any(getattr(s, name) != SAFETY_OFF for name in SAFETY_SETTINGS.values())
    checker = choice_error(partial(find_safety_checker, models), s.safety_checker_model) if checks else None
    problems = (("Faces are not restored.", restorer), ("Pictures cannot be checked.", checker))
    return [*notes, *(f"{what} {sentence(error)}" for what, error in problems if error)]


def choice_error(find: Callable[[str], object], name: str) -> WebUIError | None:
    try:
        find(name)
    except WebUIError as error:
        return error
    return None


def standing_choice(app: App, owner: str) -> dict[str, Any]:
    """Return the start choice of an owner: the account's last choice, else its settings, without missing files.

    Without accounts the browser itself remembers the last choice.
    """
    current = app.data_of(owner).settings.current
    standing = {name: getattr(current, name) for name in MODEL_SETTINGS}
    wanted = standing | (app.choices.of(owner) if owner != LOCAL_OWNER else {})
    found = checkpoint_named(app, wanted["sd_model_checkpoint"]) or standing_checkpoint(app, current)
    vaes = (*ALWAYS_VAES, *(vae.name for vae in app.models.vaes.list()))
    vae = wanted["sd_vae"] if wanted["sd_vae"] in vaes else ALWAYS_VAES[0]
    return wanted | {"sd_model_checkpoint": found.name if found else None, "sd_vae": vae}


def first_checkpoint(app: App) -> ModelFile | None:
    """Return the checkpoint to load at the start: this computer's last choice, else the settings', else the first."""
    mine = app.choices.of(LOCAL_OWNER).get("sd_model_checkpoint", "")
    return (checkpoint_named(app, mine) if mine else None) or standing_checkpoint(app, app.settings.current)


def form_start(app: App, checkpoint: ModelFile | None, owner: str = LOCAL_OWNER) -> dict[str, Any]:
    """Return the forms' defaults with that model, by tab, prompts that suit it, and whether it edits by instruction.

    owner: whose own defaults come first
    """
    sidecar, mine = checkpoint.sidecar if checkpoint else {}, app.data_of(owner)
    return {
        "defaults": {
            kind.name: own_start(app, kind) | suggested(app, sidecar, kind) | own_defaults(mine, kind)
            for kind in JOB_KINDS if kind.draws
        },
        "examples": sidecar.get("examples", []),
        "edits": bool(checkpoint and checkpoint.edits_pictures),
    }


def own_start(app: App, kind: JobKind) -> dict[str, Any]:
    """Return a form's values without any model's: ui-config.json's over the declared ones."""
    usual = form_defaults(kind.request)
    labels = {name: param.label for name, param in declared_params(kind.request).items()}
    return usual | field_values(app.extensions.ui_config, kind.name, labels, usual)


def suggested(app: App, sidecar: Mapping[str, Any], kind: JobKind) -> dict[str, Any]:
    """Return a model's suggestions for a request's fields: its `defaults`, then those under the kind's name.

    A missing upscaler is not suggested.
    """
    values = sidecar.get("defaults")
    own = values.get(kind.name) if isinstance(values, dict) else None
    names = {field.name for field in fields(kind.request)}
    told = [each for each in (values, own) if isinstance(each, dict)]
    found = {name: value for each in told for name, value in each.items() if name in names}
    if "hr_upscaler" in found and not offered(app, found["hr_upscaler"]):
        del found["hr_upscaler"]
    return found


def offered(app: App, upscaler: Any) -> bool:
    """Return whether an upscaler is among the lists' of the page, which look into the folders themselves."""
    return isinstance(upscaler, str) and (upscaler in LATENT_MODES or upscaler in app.models.listed_upscalers())


@dataclass(frozen=True)
class FormStart:
    """What forms begin with, as `form_start` returns it. version: another one wherever that is different"""

    values: Mapping[str, Any]
    version: str
    made_of: tuple[object, ...]


class FormStarts:
    """The forms' starts that were made last; one is made anew once something that it is made of is another object."""

    def __init__(self, app: App) -> None:
        self.app = app
        self._kept: OrderedDict[tuple[str, str], FormStart] = OrderedDict()

    def of(self, owner: str, checkpoint: ModelFile | None) -> FormStart:
        app, key = self.app, (owner, checkpoint.name if checkpoint else "")
        made_of = (
            checkpoint, own_values(app.data_of(owner)), app.extensions.ui_config.told, app.models.of("upscaler").state,
        )
        kept = self._kept.get(key)
        if kept is None or not all(map(is_, kept.made_of, made_of)):
            values = form_start(app, checkpoint, owner)
            told = json.dumps(values, sort_keys=True).encode()
            kept = self._kept[key] = FormStart(values, hashlib.sha256(told).hexdigest()[:16], made_of)
            while len(self._kept) > MOST_STARTS:
                self._kept.popitem(last=False)
        return kept
