"""A route that shows that the server is up, for start scripts."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from modules.api.routing import router
from modules.app.app import App
from modules.base.accounts import Role


def routes(app: App) -> APIRouter:
    api = router("health", "", Role.ANYONE)

    @api.get("/internal/ping", include_in_schema=False)
    async def ping() -> dict[str, Any]:
        return {}

    return api
