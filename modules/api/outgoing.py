"""Outgoing responses: common headers, and one shape for libraries' errors and unexpected ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http.client import responses

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import Message, Receive, Scope, Send

from modules.api.errors import CODES, refusal_body
from modules.api.incoming import IncomingBody

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "frame-ancestors 'self'",
    "Referrer-Policy": "same-origin",
}
LONGEST_DETAIL = 500      # bytes of a library's sentence
OF_THE_TEXT = frozenset({"content-type", "content-length"})      # headers of a body


class OutgoingResponse:
    """A `send`.

    An error in plain text, which only libraries write, is held until the application has returned, and then answered
    in our shape.
    """

    def __init__(self, send: Send, body: IncomingBody, count: Callable[[int], None]) -> None:
        """count: called with the status when the response begins"""
        self.headers: Mapping[str, str] = SECURITY_HEADERS
        self.started = self._sized = False
        self._send, self._body, self._count = send, body, count
        self._held: Message | None = None      # the start of such a response
        self._text = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._held = message if in_plain_text(message) else None
            if self._held is None:
                self.started = True
                self._count(message["status"])
                self._complete(message)
                await self._send(message)
        elif self._held is not None and message["type"] == "http.response.body":
            self._text += message.get("body", b"")[:LONGEST_DETAIL - len(self._text)]
        else:
            await self._send(message)

    def _complete(self, start: Message) -> None:
        """Add the common and caching headers; an error before the end of a large body closes the connection."""
        headers = MutableHeaders(scope=start)
        self._sized = "content-length" in headers
        for name, value in self.headers.items():
            headers.setdefault(name, value)
        # a versioned file is revalidated each time, everything else is not stored
        headers.setdefault("Cache-Control", "private, no-cache" if "etag" in headers else "private, no-store")
        if start["status"] >= 400 and self._body.pending:
            headers["Connection"] = "close"

    async def finish(self, scope: Scope, receive: Receive) -> None:
        """Send the held error."""
        if self._held is None:
            return
        status, headers = self._held["status"], Headers(raw=self._held["headers"])
        body = refusal_body(
            CODES.get(status, "bad_request"),
            self._text.decode(errors="replace") or f"{responses.get(status, 'Refused')}.",
        )
        kept = {name: value for name, value in headers.items() if name not in OF_THE_TEXT}
        await JSONResponse(body, status, kept)(scope, receive, self.send)

    async def end(self, scope: Scope) -> None:
        """Cut a response short; if its length was announced, the HTTP server closes the connection."""
        if scope["type"] == "websocket":
            await self._send({"type": "websocket.close", "code": 4401})
        elif not self._sized:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def fail(self, scope: Scope, receive: Receive) -> str:
        """Answer an unexpected error, unless a response has begun.

        Returns the id by which the client can report it.
        """
        body = refusal_body("internal", "Something went wrong inside Easel.", "The server's log tells more.")
        if scope["type"] == "http" and not self.started:
            await JSONResponse(body, 500)(scope, receive, self.send)
        return body["request_id"]


def in_plain_text(start: Message) -> bool:
    return start["status"] >= 400 and Headers(raw=start["headers"]).get("content-type", "").startswith("text/plain")
