"""Coroutines in tests that are plain functions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return apart(asyncio.run, coroutine)  # noqa: TID251


def apart(function: Callable[..., Any], *arguments: Any) -> Any:
    """Its result, from a thread of its own: while Playwright's browser is open, the main thread has a loop already."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(function, *arguments).result()
