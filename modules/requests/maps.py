"""A request for maps as a job's parameters: the preprocessor's file is here, and so are the pictures. No torch."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from modules.app.account_data import AccountData
from modules.app.app import App
from modules.base.errors import Invalid
from modules.library.annotators import find_annotator, is_run
from modules.params.map_request import MapRequest
from modules.params.preprocessors import FILLS_HOLE
from modules.requests.batch_inputs import check_inputs


def map_params(app: App, request: MapRequest, mine: AccountData) -> dict[str, Any]:
    """Return the parameters. Raises Invalid, UnknownName, ModelMissing or ModelCorrupt."""
    own = request.preprocessor
    if not is_run(own.name):
        raise Invalid(
            f"The preprocessor {own.title} is no network that Easel runs.", "POST /controlnet/detect makes other maps.",
            field="module",
        )
    if not request.images:
        raise Invalid("There is no picture to make a map of.", "Name some in images.", field="images")
    if own.name == FILLS_HOLE and len(request.masks) != len(request.images):
        raise Invalid(
            f"The preprocessor {own.title} fills what a mask marks.", "Send a mask for each picture.", field="masks"
        )
    find_annotator(app.models, own.name)
    check_inputs(mine.paths.inputs, request.images, "images")
    check_inputs(mine.paths.inputs, request.masks, "masks")
    return asdict(request) | {"batch_size": len(request.images)}      # the queue counts a job's pictures by this
