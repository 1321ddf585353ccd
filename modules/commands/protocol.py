"""HTTP by uvicorn, with our form of error for malformed requests, and a time limit for their heads."""

from __future__ import annotations

import asyncio
import json
from functools import cache
from http import HTTPStatus

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from modules.api.errors import body_of
from modules.api.outgoing import SECURITY_HEADERS
from modules.base.errors import TooLarge, WebUIError
from modules.base.limits import MAX_BODY

HEAD_SECONDS = 30      # for a request's first line and headers
READING_SECONDS = 30      # in which a client takes some more of its response
LEAST_READ = 2**16      # bytes in that time
MOST_CONNECTIONS = 2000      # at once, where the system lets a process have as many


def raise_file_limit() -> None:
    """Raise the limit of open files as far as the system allows: it starts with fewer."""
    try:
        import resource
    except ImportError:      # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * MOST_CONNECTIONS if hard == resource.RLIM_INFINITY else min(hard, 2 * MOST_CONNECTIONS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@cache
def connection_limit() -> int:
    """Return half of the limit of open files: pictures, models and the database need some too."""
    try:
        import resource
    except ImportError:
        return MOST_CONNECTIONS
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MOST_CONNECTIONS if soft == resource.RLIM_INFINITY else min(MOST_CONNECTIONS, soft // 2)


class PlainSpoken(H11Protocol):
    """One connection, closed if its client sends nothing, sends too slowly, or does not read the response."""

    head_seconds: float = HEAD_SECONDS
    reading_seconds: float = READING_SECONDS
    most: int = 0      # connections, 0 for `connection_limit`
    head_deadline: asyncio.TimerHandle | None = None
    reading_deadline: asyncio.TimerHandle | None = None
    heard = 0.0      # when it last sent something, by the loop's clock

    def connection_made(self, transport: asyncio.Transport) -> None:      # type: ignore[override]
        super().connection_made(transport)
        self.heard = self.loop.time()
        self.watch_head()
        if len(self.connections) > (self.most or connection_limit()):
            self.make_room()

    def data_received(self, data: bytes) -> None:
        self.heard = self.loop.time()
        super().data_received(data)
        if chunk_bytes(self.conn) > MAX_BODY and not self.transport.is_closing():
            self.refuse_chunk()
        self.watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self.forget_head()
        self.forget_reader()
        super().connection_lost(exc)

    def make_room(self) -> None:
        """Close the connection that has been idle longest; the newest if none is idle."""
        others = [each for each in self.connections if isinstance(each, PlainSpoken) and each is not self]
        idle = min((each for each in others if each.is_idle), key=lambda each: each.heard, default=self)
        idle.transport.abort()

    @property
    def is_idle(self) -> bool:
        """Return whether the connection is between requests, or before its first one is whole."""
        return self.cycle is None or self.cycle.response_complete

    def watch_head(self) -> None:
        """Limit the time for a request's head, and for the rest of a body that is no longer read.

        Between requests uvicorn has a time limit of its own.
        """
        unheard_body = self.conn.their_state is h11.SEND_BODY and self.cycle.response_complete
        if self.conn.their_state is not h11.IDLE and not unheard_body:
            self.forget_head()
        elif self.head_deadline is None:
            self.head_deadline = self.loop.call_later(self.head_seconds, self.head_is_late)

    def forget_head(self) -> None:
        if self.head_deadline is not None:
            self.head_deadline.cancel()
            self.head_deadline = None

    def head_is_late(self) -> None:
        """Close the connection, unless a response is being sent: after it uvicorn's time limit counts."""
        self.head_deadline = None
        if self.is_idle and not self.transport.is_closing():
            self.transport.close()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY:
            self.watch_head()

    def pause_writing(self) -> None:
        """Start a time limit for the client to read, since its unread response is too long."""
        super().pause_writing()
        self.watch_reader()

    def resume_writing(self) -> None:
        self.forget_reader()
        super().resume_writing()

    def watch_reader(self) -> None:
        unread = self.transport.get_write_buffer_size()
        self.reading_deadline = self.loop.call_later(self.reading_seconds, self.reader_is_late, unread)

    def reader_is_late(self, unread: int) -> None:
        """Close the connection of a client that has read next to nothing of its response."""
        if self.transport.get_write_buffer_size() > unread - LEAST_READ:
            self.transport.abort()
        else:
            self.watch_reader()

    def forget_reader(self) -> None:
        if self.reading_deadline is not None:
            self.reading_deadline.cancel()
            self.reading_deadline = None

    def refuse_chunk(self) -> None:
        """Close the connection over a chunk that is larger than any body: what it announces need not be waited for."""
        if self.cycle is None or self.cycle.response_started:
            self.transport.close()
        else:
            self.refuse(TooLarge(f"A part of the request has more than {MAX_BODY >> 20} MB.", "Send less at once."))

    def send_400_response(self, msg: str) -> None:
        """Answer malformed bytes; there is no request to pass to the application."""
        self.refuse(WebUIError("That is no HTTP request.", "Its first line or a header cannot be read."))

    def refuse(self, error: WebUIError) -> None:
        """Answer without the application, and close the connection."""
        body = json.dumps(body_of(error)).encode()
        headers = {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Connection": "close",
            "Cache-Control": "no-store",
        }
        lines = [
            f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}",
            *(f"{name}: {value}" for name, value in (headers | SECURITY_HEADERS).items()),
            "",
            "",
        ]
        self.transport.write("\r\n".join(lines).encode() + body)
        self.transport.close()


def chunk_bytes(connection: h11.Connection) -> int:
    """Return how much of a chunk that was announced has not come yet."""
    return getattr(connection._reader, "_bytes_in_chunk", 0)
