"""Entries of the audit log: who did what, from where. Of what was typed they have names alone."""

from __future__ import annotations

import asyncio

from fastapi import Request

from modules.api.access import client_address
from modules.api.routing import account
from modules.app.app import App
from modules.base.accounts import LOCAL_OWNER

LONGEST_SUBJECT = 200      # characters


async def note(app: App, request: Request, name: str, action: str, subject: str = "") -> None:
    """Add an entry to the audit log."""
    await asyncio.to_thread(app.authenticator.store.note, name, action, subject, client_address(request.scope))


def note_own(app: App, request: Request, action: str, subject: str = "") -> None:
    """Add an entry of what the caller has done; the local account has nobody who would read it."""
    name = account(request).name
    if name != LOCAL_OWNER:
        app.authenticator.store.note(name, action, subject[:LONGEST_SUBJECT], client_address(request.scope))
