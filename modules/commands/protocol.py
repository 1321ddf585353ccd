"""HTTP as uvicorn speaks it, whose refusals of what is no HTTP look like all others,
and which waits for nobody for ever.
"""

from __future__ import annotations

import asyncio
import json

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from modules.api.errors import body_of
from modules.api.outgoing import SECURITY_HEADERS
from modules.base.errors import WebUIError

HEAD_SECONDS = 30      # for a request's first line and headers


class PlainSpoken(H11Protocol):
    head_seconds: float = HEAD_SECONDS
    head_deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:      # type: ignore[override]
        super().connection_made(transport)
        self.watch_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self.watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self.forget_head()
        super().connection_lost(exc)

    def watch_head(self) -> None:
        """Whoever has begun a request ends its head in time. Between requests uvicorn has a time of its own."""
        if self.conn.their_state is not h11.IDLE:
            self.forget_head()
        elif self.head_deadline is None:
            self.head_deadline = self.loop.call_later(self.head_seconds, self.head_is_late)

    def forget_head(self) -> None:
        if self.head_deadline is not None:
            self.head_deadline.cancel()
            self.head_deadline = None

    def head_is_late(self) -> None:
        """An answer that is still on its way is not cut off: its end has the time between requests."""
        self.head_deadline = None
        if self.conn.our_state is h11.IDLE and not self.transport.is_closing():
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Called for bytes that are no request; there is none to hand to the application."""
        body = json.dumps(
            body_of(WebUIError("That is no HTTP request.", "Its first line or a header cannot be read."))
        ).encode()
        headers = {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Connection": "close",
            "Cache-Control": "no-store",
        }
        lines = [
            "HTTP/1.1 400 Bad Request",
            *(f"{name}: {value}" for name, value in (headers | SECURITY_HEADERS).items()),
            "",
            "",
        ]
        self.transport.write("\r\n".join(lines).encode() + body)
        self.transport.close()
