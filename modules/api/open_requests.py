"""Open requests by their credentials: a request ends when its credential is no longer valid."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from modules.app.authentication import Credential
from modules.base.errors import Unauthenticated


class OpenRequests:
    """The open requests.

    stands: returns whether a credential is still valid
    """

    def __init__(self, stands: Callable[[Credential], bool]) -> None:
        self._stands = stands
        self._open: dict[asyncio.Task[None], Credential] = {}
        self._ended: set[asyncio.Task[None]] = set()

    async def run(self, credential: Credential, answer: Coroutine[Any, Any, None]) -> None:
        """Run an answer as long as its credential is valid. Raises Unauthenticated if it is no longer."""
        task = asyncio.ensure_future(answer)
        self._open[task] = credential
        try:
            await task
        except asyncio.CancelledError as error:
            if task not in self._ended:
                raise
            raise Unauthenticated("You are no longer logged in.", "Log in again.") from error
        finally:
            del self._open[task]
            self._ended.discard(task)

    def end_fallen(self) -> None:
        """End the requests whose credentials were revoked, except the one that did it."""
        for task, credential in self._open.items():
            if task is not asyncio.current_task() and not self._stands(credential):
                self._ended.add(task)
                task.cancel()

    def __len__(self) -> int:
        return len(self._open)
