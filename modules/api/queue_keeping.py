"""/easel/v1/queue for the administrator: all jobs without their content; pause, drain or open the queue."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import Field

from modules.api.audit_log import note
from modules.api.queue import Limit, Start
from modules.api.routing import KnownFields, account, router
from modules.app.app import App
from modules.base.accounts import Role
from modules.store.jobs import JobRecord


class ModeBody(KnownFields):
    mode: Literal["open", "paused", "draining"] = Field(
        description="paused: jobs are taken and not begun; draining: new ones are refused as well."
    )


def routes(app: App) -> APIRouter:
    api = router("queue", "/easel/v1/queue", Role.ADMINISTRATOR)

    @api.get("/everybody")
    def everybody(start: Start = 0, limit: Limit = 50) -> dict[str, Any]:
        """All unfinished jobs, with owner, kind and size, but without content. For the administrator."""
        jobs = app.queue.unfinished(None)
        records = [app.jobs.brief(job) for job in jobs[start : start + limit]]
        return {"mode": app.jobs.mode, "total": len(jobs), "jobs": [anonymous_json(app, record) for record in records]}

    @api.post("/mode", status_code=204)
    async def set_mode(body: ModeBody, request: Request) -> None:
        """Pause the whole queue, let it run empty, or open it again. For the administrator; it survives a restart."""
        await asyncio.to_thread(app.queue.set_mode, body.mode)
        await note(app, request, account(request).name, f"set the queue to {body.mode}")

    return api


def anonymous_json(app: App, record: JobRecord) -> dict[str, Any]:
    """Return a job for the administrator: its owner and size, without content."""
    live, waiting = app.jobs.unfinished.live.get(record.id), app.queue.waiting(record)
    return {
        "id": record.id, "owner": record.owner, "kind": record.kind, "state": record.state, "paused": record.paused,
        "asked": live.pictures if live else record.asked, "made": record.made, "created": record.created,
        "fraction": live.fraction if live else float(record.ended), "ahead": waiting.ahead, "wait": waiting.seconds,
    }
