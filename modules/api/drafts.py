"""/easel/v1/drafts: what an account's forms held last, on whichever device, for the page that it opens next."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import Field

from modules.api.routing import KnownFields, account, router
from modules.app.app import App
from modules.base.accounts import Account, Role
from modules.base.errors import Conflict, NotFound
from modules.base.limits import MAX_ID, JsonObject
from modules.store.drafts import AccountDrafts, FormDraft

DeviceName = Annotated[str, Field(max_length=MAX_ID, description="A name that the browser gave itself.")]
SeenRevision = Annotated[int, Field(ge=0, le=2**53, description="The newest revision that the writer knew; 0: none.")]


class KeptForm(KnownFields):
    """A new version of a form's draft."""

    value: JsonObject
    device: DeviceName
    seen: SeenRevision = 0


def routes(app: App) -> APIRouter:
    api = router("drafts", "/easel/v1", Role.GUEST)

    @api.get("/drafts")
    def drafts(request: Request) -> dict[str, Any]:
        """The newest version of each of your drafts, sketches too, by name: its revision, moment, age and device.

        `age` is in seconds, by the server's clock alone: a browser's may go wrong.
        """
        if account(request).is_local:
            return {}
        now, versions = time.time(), drafts_of(app, account(request)).versions()
        return {name: {**asdict(each), "age": max(0.0, now - each.changed)} for name, each in versions.items()}

    @api.get("/drafts/{name}")
    def draft(name: FormDraft, request: Request) -> dict[str, Any]:
        """A form's draft: its version, and its `value`."""
        found = drafts_of(app, account(request)).of(name)
        if found is None:
            raise NotFound("There is no such draft.", "It is kept once something was changed in that form.")
        return found.as_json()

    @api.post("/drafts/{name}")
    def keep_draft(name: FormDraft, body: KeptForm, request: Request) -> dict[str, Any]:
        """Keep what a form holds now: the last writer wins.

        `replaced` is what another device had kept meanwhile, and you did not know; null if there is nothing such.
        """
        mine, content = drafts_of(app, account(request)), json.dumps(body.value, ensure_ascii=False).encode()
        version, before = mine.write(name, content, body.device, body.seen)
        return {**asdict(version), "replaced": before and before.as_json()}

    return api


def drafts_of(app: App, caller: Account) -> AccountDrafts:
    """Return the caller's drafts. Raises Conflict on a server without accounts."""
    if caller.is_local:
        raise Conflict("A server without accounts keeps no drafts.", "Each browser keeps its own.")
    return app.data_of(caller.name).drafts
