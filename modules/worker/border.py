"""The job border: where any error of a job stops, so that it ends neither the worker nor anybody else's job."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
log = logging.getLogger(__name__)


def outcome(do: Callable[..., T], *how: Any) -> T | Exception:
    """The result of `do`, or the error it raised; whoever calls tells the job's owner."""
    try:
        return do(*how)
    except Exception as error:       # whatever it is: it is this job's, and told to its owner
        return error


def logged(do: Callable[..., Any], *how: Any) -> None:
    """Do what must stop nothing else, such as a preview or an event; an executor would keep its error to itself."""
    error = outcome(do, *how)
    if isinstance(error, Exception):
        log.error("%s failed", getattr(do, "__qualname__", do), exc_info=error)
