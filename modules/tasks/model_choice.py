"""Which model a page begins with, and what its form then holds. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from modules.app.app import App
from modules.base.errors import WebUIError
from modules.base.fields import form_defaults
from modules.engine.jobs import LOCAL
from modules.models.catalog import ModelFile
from modules.params.hires import LATENT_MODES
from modules.params.img2img import Img2Img
from modules.params.txt2img import Txt2Img
from modules.settings.choices import MODEL_SETTINGS

FORMS = {"txt2img": Txt2Img, "img2img": Img2Img}
ALWAYS_VAES = ("Automatic", "None")


def checkpoint_named(app: App, name: str) -> ModelFile | None:
    """The checkpoint of that name, or any if it is ""; None if there is none."""
    try:
        return app.models.checkpoints.find(name) if name else app.models.checkpoints.default()
    except WebUIError:
        return None


def standing_choice(app: App, owner: str) -> dict[str, Any]:
    """What somebody begins with: what their account chose last, else the server's settings. What is not here any more is not chosen.

    Without accounts there is nobody to remember it for but the browser, which does so itself.
    """
    current = app.settings.current
    server = {name: getattr(current, name) for name in MODEL_SETTINGS}
    wanted = server | (app.choices.of(owner) if owner != LOCAL else {})
    found = checkpoint_named(app, wanted["sd_model_checkpoint"]) or checkpoint_named(app, server["sd_model_checkpoint"])
    vaes = (*ALWAYS_VAES, *(vae.name for vae in app.models.vaes.list()))
    vae = wanted["sd_vae"] if wanted["sd_vae"] in vaes else ALWAYS_VAES[0]
    return wanted | {"sd_model_checkpoint": found.name if found else None, "sd_vae": vae}


def first_checkpoint(app: App) -> ModelFile | None:
    """The model to have ready at a start: the one chosen last on this computer, else the settings', else the first there is."""
    mine = app.choices.of(LOCAL).get("sd_model_checkpoint", "")
    standing = app.settings.current.sd_model_checkpoint
    return (checkpoint_named(app, mine) if mine else None) or (
        app.models.checkpoints.find(standing) if standing else app.models.checkpoints.default()
    )


def form_start(app: App, checkpoint: ModelFile | None) -> dict[str, Any]:
    """The forms' defaults with that model, by tab, and prompts that it draws well."""
    sidecar = checkpoint.sidecar if checkpoint else {}
    return {
        "defaults": {tab: form_defaults(form) | suggested(app, sidecar, tab) for tab, form in FORMS.items()},
        "examples": sidecar.get("examples", []),
    }


def suggested(app: App, sidecar: Mapping[str, Any], tab: str) -> dict[str, Any]:
    """A model's suggestions for a tab's fields: those of its `defaults`, over them those of `defaults` → the tab's name.

    An upscaler that is not here is not suggested.
    """
    values = sidecar.get("defaults")
    own = values.get(tab) if isinstance(values, dict) else None
    names = {field.name for field in fields(FORMS[tab])}
    told = [each for each in (values, own) if isinstance(each, dict)]
    found = {name: value for each in told for name, value in each.items() if name in names}
    if "hr_upscaler" in found and not offered(app, found["hr_upscaler"]):
        del found["hr_upscaler"]
    return found


def offered(app: App, upscaler: Any) -> bool:
    return isinstance(upscaler, str) and (upscaler in LATENT_MODES or upscaler in app.models.upscalers())
