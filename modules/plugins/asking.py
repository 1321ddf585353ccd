"""For whom an extension's code answers a request: A1111's functions are not told, so the request's context is."""

from __future__ import annotations

import sys
from contextvars import ContextVar

from modules.base.accounts import Account

# set for the routes of extensions, in the context of each request alone
ROUTE_ACCOUNT: ContextVar[Account] = ContextVar("route_account")


def account_of_request() -> Account | None:
    """Return the account of the request that is being answered here, by a route or an event of the page; else None."""
    if account := ROUTE_ACCOUNT.get(None):
        return account
    if page := sys.modules.get("gradio.context"):       # nobody imports it only to ask
        request = page.LocalContext.request.get(None)
        return request.request.scope.get("account") if request and request.request else None
    return None
