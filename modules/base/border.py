"""The border where any error stops: an error of one job, file or listener ends nothing else."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
log = logging.getLogger(__name__)


def outcome(do: Callable[..., T], *how: Any) -> T | Exception:
    """Return the result of `do`, or the error it raised."""
    try:
        return do(*how)
    except Exception as error:       # noqa: BLE001  whatever it is, it concerns this call alone
        return error


def logged(do: Callable[..., Any], *how: Any, failure: str = "") -> None:
    """Call `do` and log its error, for work that must stop nothing else, such as a preview or an event.

    failure: the log's text for an error, instead of the function's name
    """
    error = outcome(do, *how)
    if isinstance(error, Exception):
        log.error("%s", failure or f"{getattr(do, '__qualname__', do)} failed", exc_info=error)
