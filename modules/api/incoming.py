"""Incoming requests: a body with a deadline, and a valid Range."""

from __future__ import annotations

import asyncio
import re

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope

from modules.base.errors import Busy, TooSlow
from modules.base.limits import MAX_BODY

SMALL_BODY = 2**20      # bytes of a body that are read even if nothing uses them, so that the error arrives
BODY_SECONDS, SLOWEST = 60, 2**14      # for a small body; the least bytes a second of a larger one
MOST_BODY_BYTES = 6 * MAX_BODY      # of all requests at a time
ALWAYS_TAKEN = 2**16      # bytes of a body, however much others send
BYTES = "bytes="
BYTE_RANGE = re.compile(r"(\d{1,18})-(\d{0,18})|-\d{1,18}")


class BodyMemory:
    """The bytes of requests' bodies in memory, over all requests of one event loop."""

    def __init__(self, most: int = MOST_BODY_BYTES) -> None:
        self.most, self.held = most, 0


class IncomingBody:
    """A request's body while it is received: how much has come, and until when it may come."""

    seconds: float = BODY_SECONDS

    def __init__(self, headers: Headers, receive: Receive, memory: BodyMemory) -> None:
        self._receive, self._complete = receive, False
        self._memory, self._held = memory, 0
        self._deadline = 0.0      # unknown before somebody reads
        length = headers.get("content-length", "0")
        self.pending = "transfer-encoding" in headers or not length.isdecimal() or int(length[:20]) > SMALL_BODY

    async def receive(self) -> Message:
        """Return the next part. Raises TooSlow, or Busy if the bodies of all requests together are too large."""
        if self._complete:      # the next message is the client's disconnect
            return await self._receive()
        message = await self._in_time()
        self._hold(len(message.get("body", b"")))
        if not message.get("more_body", False):
            self.pending, self._complete = False, True
        return message

    def _hold(self, size: int) -> None:
        self._deadline += size / SLOWEST
        self._held += size
        self._memory.held += size
        if self._memory.held > self._memory.most and self._held > ALWAYS_TAKEN:
            self.pending = True
            raise Busy("Too much is being sent at the moment.", "Send it again in a little while.")

    def forget(self) -> None:
        """Release the body's memory, since the request has ended."""
        self._memory.held -= self._held
        self._held = 0

    async def _in_time(self) -> Message:
        now = asyncio.get_running_loop().time()
        self._deadline = self._deadline or now + self.seconds
        try:
            return await asyncio.wait_for(self._receive(), max(self._deadline - now, 0.001))
        except TimeoutError as error:
            self.pending = True
            raise TooSlow("The request's body comes too slowly.", "Send it at once.") from error


def with_readable_range(scope: Scope) -> Scope:
    """Return the request without a malformed Range, or one in another unit than bytes: RFC 9110, 14.2, ignores it."""
    return {
        **scope,
        "headers": [
            (name, value) for name, value in scope["headers"] if name != b"range" or is_range(value.decode("latin-1"))
        ],
    }


def is_range(text: str) -> bool:
    """Return whether it is a list of byte ranges, each with its first byte before its last."""
    if text[:len(BYTES)].lower() != BYTES:
        return False
    found = [BYTE_RANGE.fullmatch(part.strip(" \t")) for part in text[len(BYTES):].split(",")]
    return all(each and (not each[2] or int(each[1]) <= int(each[2])) for each in found)
