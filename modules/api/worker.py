"""/easel/v1/worker for the administrator: what carries the jobs out."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import Field

from modules.api.audit_log import note
from modules.api.routing import KnownFields, account, router
from modules.app.app import App
from modules.app.workers import drain_worker, workers_of
from modules.base.accounts import Role
from modules.base.limits import MAX_NAME


class WorkerModeBody(KnownFields):
    worker: Annotated[str, Field(max_length=MAX_NAME, description="Its name, as the list has it.")]
    mode: Literal["open", "draining"] = Field(description="draining: it finishes what it has, and is given nothing.")


def routes(app: App) -> APIRouter:
    api = router("worker", "/easel/v1/worker", Role.ADMINISTRATOR)

    @api.post("/try_again", status_code=204)
    async def try_again(request: Request) -> None:
        """Start a worker at once that is left alone after many crashes. For the administrator."""
        await asyncio.to_thread(app.jobs.try_worker_again)
        await note(app, request, account(request).name, "started the worker again")

    @api.get("")
    async def workers() -> dict[str, Any]:
        """All workers: where they are, what they hold, what they do. For the administrator."""
        return {"workers": [asdict(each) for each in workers_of(app)]}

    @api.post("/mode", status_code=204)
    async def set_worker_mode(body: WorkerModeBody, request: Request) -> None:
        """Give one of several workers no further jobs, or jobs again. For the administrator."""
        await asyncio.to_thread(drain_worker, app, body.worker, body.mode == "draining")
        await note(app, request, account(request).name, f"set the worker {body.worker} to {body.mode}")

    return api
