"""/easel/v1/worker for the administrator: what carries the jobs out."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request

from modules.api.login import note
from modules.api.routing import account, router
from modules.app.app import App
from modules.base.accounts import Role


def routes(app: App) -> APIRouter:
    api = router("worker", "/easel/v1/worker", Role.ADMINISTRATOR)

    @api.post("/try_again", status_code=204)
    async def try_again(request: Request) -> None:
        """Start a worker at once that is left alone after many crashes. For the administrator."""
        await asyncio.to_thread(app.jobs.try_worker_again)
        await note(app, request, account(request).name, "started the worker again")

    return api
