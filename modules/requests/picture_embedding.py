"""A request to look at the library's pictures as a job's parameters. No torch."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from modules.app.account_data import AccountData
from modules.app.app import App
from modules.library.image_encoders import find_image_encoder
from modules.params.picture_embedding import PictureEmbedding


def picture_embedding_params(app: App, request: PictureEmbedding, mine: AccountData) -> dict[str, Any]:
    """Return the parameters. Raises ModelMissing or ModelCorrupt."""
    return asdict(replace(request, encoder=find_image_encoder(app.models, request.encoder).name))
