"""A budget of pixels decoded at a time over all requests: a picture's few bytes can be many megabytes of pixels."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from modules.base.errors import Busy
from modules.base.memory import return_free_memory

MOST_DECODED_PIXELS = 64_000_000      # at a time: one picture of the largest size, or several small ones
LARGE_PIXELS = 4_000_000      # of which the memory is returned to the system after use
MOST_WAITING = 64             # requests, whose bodies are in memory while they wait
DECODING_WAIT = 60.0               # s


class DecodingBudget:
    """The budget, shared by all requests of one event loop. A waiting request holds no thread."""

    def __init__(
        self, pixels: int = MOST_DECODED_PIXELS, patience: float = DECODING_WAIT, waiting: int = MOST_WAITING
    ) -> None:
        self.pixels, self.patience, self.most_waiting = pixels, patience, waiting
        self.free, self.waiting = pixels, 0
        self._freed = asyncio.Condition()

    @asynccontextmanager
    async def room(self, pixels: int) -> AsyncIterator[None]:
        """Wait for room to decode so many pixels. Raises Busy if too many requests wait, or after too long."""
        pixels = min(pixels, self.pixels)
        async with self._freed:
            await self._take(pixels)
        try:
            yield
        finally:
            async with self._freed:
                self.free += pixels
                self._freed.notify_all()
            if pixels >= LARGE_PIXELS:
                await asyncio.to_thread(return_free_memory)

    async def _take(self, pixels: int) -> None:
        if self.free < pixels:
            await self._wait(pixels)
        self.free -= pixels

    async def _wait(self, pixels: int) -> None:
        if self.waiting >= self.most_waiting:
            raise busy()
        self.waiting += 1
        try:
            await asyncio.wait_for(self._freed.wait_for(lambda: self.free >= pixels), self.patience)
        except TimeoutError as error:
            raise busy() from error
        finally:
            self.waiting -= 1


def busy() -> Busy:
    return Busy("Too many large pictures are being read at the moment.", "Send it again in a little while.")
