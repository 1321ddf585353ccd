"""Server-sent events (WHATWG HTML, 9.2) of a record: whole at first, then the changes of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from modules.app.streams import Streams

# a comment is sent after so long, so that proxies keep the connection and a disconnect is noticed
QUIET_SECONDS = 15
KEEPALIVE_COMMENT = ": waiting\n\n"

# a function to call after each change → a function that stops that
WatchRecord = Callable[[Callable[[], object]], Callable[[], None]]
# returns the record as it is now, and whether it is the last one
ReadRecord = Callable[[], "tuple[dict[str, Any], bool]"]


async def record_events(
    watch: WatchRecord, read: ReadRecord, stopping: Callable[[], bool], seconds: float, limit: int = 0
) -> AsyncIterator[str]:
    """Yield the events of a record: the first and the last are whole.

    read: called in a thread; stopping: returns whether the server is about to end; seconds: between two events
    limit: the number of events, 0 without end
    """
    changed, loop = asyncio.Event(), asyncio.get_running_loop()
    known: dict[str, Any] = {}
    stop = watch(lambda: loop.call_soon_threadsafe(changed.set))
    try:
        while True:
            changed.clear()
            record, last = await asyncio.to_thread(read)
            if news := record if last else changes(known, record):
                yield f"data: {json.dumps(news)}\n\n"
                limit -= 1
            if last or limit == 0 or stopping():
                return
            known = record
            await asyncio.sleep(seconds)
            while not await happened(changed):
                yield KEEPALIVE_COMMENT
    finally:
        stop()


def changes(known: dict[str, Any], record: dict[str, Any]) -> dict[str, Any]:
    """Return the part of `record` that is not in `known`: prompts and pictures are long and seldom change."""
    return {name: value for name, value in record.items() if name not in known or known[name] != value}


async def happened(changed: asyncio.Event) -> bool:
    try:
        await asyncio.wait_for(changed.wait(), QUIET_SECONDS)
    except TimeoutError:
        return False
    return True


class EventResponse(StreamingResponse):
    """Events, counted among the account's open streams while they are sent; 429 in their place for one too many."""

    def __init__(self, streams: Streams, account: str, events: AsyncIterator[str]) -> None:
        super().__init__(events, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
        self.streams, self.account = streams, account

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self.streams.counted(self.account):
            await super().__call__(scope, receive, send)
