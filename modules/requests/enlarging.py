"""A request to enlarge finished pictures as a job's parameters: names resolved, sizes checked. No torch."""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from modules.app.account_data import AccountData
from modules.app.app import App
from modules.base.errors import Invalid
from modules.imaging.folders import upright_size
from modules.params.batch import ExtrasBatch
from modules.params.extras import Extras, check_sent, check_sizes
from modules.requests.batch_inputs import check_inputs, extras_batch


def extras_params(app: App, request: ExtrasBatch, mine: AccountData) -> dict[str, Any]:
    """Return the parameters of an Extras job.

    Raises Invalid, UnknownName, ModelMissing, Forbidden, InvalidImage or TooLarge.
    """
    for restoring in request.restorers:
        app.models.face_restorer(restoring.name)
    named = replace(
        request, upscaler_1=app.models.upscaler(request.upscaler_1), upscaler_2=app.models.upscaler(request.upscaler_2),
    )
    common = {each.name: getattr(named, each.name) for each in fields(Extras)}
    if request.batch_source == "folder":
        return common | {"batch": asdict(extras_batch(request, named, mine.folders))}
    return common | inputs_of(named, mine.paths.inputs)


def inputs_of(request: ExtrasBatch, inputs: Path) -> dict[str, Any]:
    """Return the uploaded pictures of a job, each with its generation data. Raises Invalid."""
    if not request.images:
        raise Invalid("There is no picture to enlarge.", "Drop one into the field first.", field="images")
    infotexts = request.infotexts or ("",) * len(request.images)
    if len(request.images) != len(infotexts):
        raise Invalid(
            "The pictures and their generation data do not go together.",
            "Choose the pictures again.",
            field="infotexts",
        )
    check_inputs(inputs, request.images, "images")
    sizes = [upright_size(inputs / image) for image in request.images]
    check_sent(sizes)
    check_sizes(request, sizes)
    lists = {"images": list(request.images), "infotexts": list(infotexts)}
    return lists | {"batch_size": len(request.images)}      # the queue counts a job's pictures by this
