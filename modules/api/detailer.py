"""The detailer's routes: ADetailer's own, which its clients look for, and the finds of a picture."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter

from modules.api.routing import router
from modules.app.app import App
from modules.base.accounts import Role
from modules.base.fields import checker
from modules.library.detectors import detector_titles
from modules.params.detailer import DetailerTab

ADETAILER_VERSION = "24.11.1"      # whose fields these are


def routes(app: App) -> APIRouter:
    api = router("detailer", "/adetailer/v1", Role.GUEST)

    @api.get("/version")
    def version() -> dict[str, str]:
        """The version of ADetailer whose fields are understood."""
        return {"version": ADETAILER_VERSION}

    @api.get("/schema")
    def schema() -> dict[str, Any]:
        """A tab's fields as a JSON schema."""
        return checker(DetailerTab).json_schema()

    @api.get("/ad_model")
    async def ad_model() -> dict[str, list[str]]:
        """The detectors that there are."""
        return {"ad_model": await asyncio.to_thread(detector_titles, app.models)}

    return api
