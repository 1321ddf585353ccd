"""A request to put a picture into words as a job's parameters. No torch."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from modules.app.account_data import AccountData
from modules.app.app import App
from modules.library.captioners import find_captioner
from modules.params.interrogation import Interrogation
from modules.requests.batch_inputs import check_inputs


def interrogation_params(app: App, request: Interrogation, mine: AccountData) -> dict[str, Any]:
    """Return the parameters. Raises ModelMissing, ModelCorrupt or Invalid."""
    file = find_captioner(app.models, request.captioner)
    check_inputs(mine.paths.inputs, (request.image,), "image")
    return asdict(replace(request, captioner=file.name))
