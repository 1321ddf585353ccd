"""The border where any error stops: one job's, one file's or one listener's ends nothing else."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
log = logging.getLogger(__name__)


def outcome(do: Callable[..., T], *how: Any) -> T | Exception:
    """The result of `do`, or the error it raised, for the caller to tell."""
    try:
        return do(*how)
    except Exception as error:       # noqa: BLE001  whatever it is, it concerns this call alone
        return error


def logged(do: Callable[..., Any], *how: Any, failure: str = "") -> None:
    """Do what must stop nothing else, such as a preview or an event; an executor would keep its error to itself.

    failure: what the log says of an error, instead of the function's name
    """
    error = outcome(do, *how)
    if isinstance(error, Exception):
        log.error("%s", failure or f"{getattr(do, '__qualname__', do)} failed", exc_info=error)
