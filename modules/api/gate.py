"""The part of gradio that the page needs: its document, its code and its style sheets. All other routes are closed.

Plain ASGI, between the door and gradio. gradio draws the page in the browser; it calls no function of ours, so it takes
no values, keeps no files, has no queue and no sessions here. Functions of extensions are the exception (page_calls.py).
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from modules.api.forwarding import inner_path
from modules.api.page_calls import CALLS_PREFIX, PageCalls
from modules.base.errors import NotFound

READ_METHODS = ("GET", "HEAD")
ROUTES = ("/", "/theme.css", "/favicon.ico")
FOLDERS: Mapping[str, str] = {      # code and style sheets → how long a browser may keep them
    "/assets/": "private, max-age=604800",      # the file names change with the content
    "/static/": "private, no-cache",
    "/easel/page/": "private, no-cache",
}
# of a request; gradio is not told what is taken compressed, or it does that itself, and worse than compression.py
PASSED_HEADERS = frozenset(
    {b"host", b"accept", b"accept-language", b"user-agent", b"if-none-match", b"if-modified-since"}
)


class Gate:
    """The ASGI application that passes reading requests to `page`, without query and cookies."""

    def __init__(self, page: ASGIApp, calls: PageCalls | None = None) -> None:
        """calls: passes calls of extensions' functions; None if the page has none"""
        self.page, self.calls = page, calls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 4404})
            return
        path = inner_path(scope)
        if self.calls and path.startswith(f"{CALLS_PREFIX}/"):
            await self.calls(scope, receive, send)
            return
        check_route(path, scope["method"])
        asked = {
            **scope,
            "query_string": b"",
            "headers": [pair for pair in scope["headers"] if pair[0] in PASSED_HEADERS],
        }
        answer = GradioResponse(send, keeping(path))
        await self.page(asked, receive, answer.send)
        answer.check()


class GradioResponse:
    """A response of gradio; an error is held back and answered in our shape."""

    def __init__(self, send: Send, keeping: str) -> None:
        self._send, self._keeping = send, keeping
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            MutableHeaders(scope=message).setdefault("Cache-Control", self._keeping)
        if self.status < 400:
            await self._send(message)

    def check(self) -> None:
        """Raise gradio's error, if it is one."""
        if self.status >= 400:
            raise HTTPException(self.status if self.status in (404, 405, 500) else 404)


def check_route(path: str, method: str) -> None:
    """Raise NotFound for a closed path, or 405 for a method that does not read."""
    if path not in ROUTES and not path.startswith(tuple(FOLDERS)):
        raise NotFound("There is nothing at that address.", "The addresses of the API are at /docs.")
    if method not in READ_METHODS:
        raise HTTPException(405, headers={"Allow": ", ".join(READ_METHODS)})


def keeping(path: str) -> str:
    """Return the Cache-Control of a path."""
    return next((how for folder, how in FOLDERS.items() if path.startswith(folder)), "private, no-store")
