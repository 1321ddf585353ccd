"""Requests that are being answered, by what they were let in with: they end when that no longer stands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from modules.app.authentication import Credential
from modules.base.errors import Unauthenticated


class OpenRequests:
    """stands: is a credential still good?"""

    def __init__(self, stands: Callable[[Credential], bool]) -> None:
        self._stands = stands
        self._open: dict[asyncio.Task[None], Credential] = {}
        self._ended: set[asyncio.Task[None]] = set()

    async def run(self, credential: Credential, answer: Coroutine[Any, Any, None]) -> None:
        """Raises Unauthenticated where the credential has fallen meanwhile."""
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
        """Look at all of them, after accounts, sessions or tokens have changed; whoever changed them is answered."""
        for task, credential in self._open.items():
            if task is not asyncio.current_task() and not self._stands(credential):
                self._ended.add(task)
                task.cancel()

    def __len__(self) -> int:
        return len(self._open)
