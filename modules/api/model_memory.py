"""A1111's routes that free the memory of models, and fill it again: for programs that share a GPU with Easel."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from modules.api.routing import router
from modules.app.app import App
from modules.base.accounts import Role
from modules.requests.model_choice import first_checkpoint


def routes(app: App) -> APIRouter:
    api = router("models", "/sdapi/v1", Role.ADMINISTRATOR)

    @api.post("/unload-checkpoint")
    def unload_checkpoint() -> dict[str, Any]:
        """Free the memory that models take, unless pictures are being made; the next one loads its own model again.

        For the administrator.
        """
        if app.jobs.worker:
            app.jobs.worker.keep_loaded("")
        return {}

    @api.post("/reload-checkpoint")
    def reload_checkpoint() -> dict[str, Any]:
        """Load the server's checkpoint before a picture needs it. For the administrator."""
        checkpoint = first_checkpoint(app)
        if checkpoint and app.jobs.worker:
            app.jobs.worker.keep_loaded(app.models.checkpoints.hashed(checkpoint).sha256 or "")
        return {}

    return api
