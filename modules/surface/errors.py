"""A1111's `modules.errors`: what is said of an error, in the log."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Callable
from typing import Any

from modules.base.border import outcome

log = logging.getLogger(__name__)


def report(message: str, *, exc_info: bool = False) -> None:
    log.error("%s", message, exc_info=exc_info)


def print_error_explanation(message: str) -> None:
    log.error("%s", message)


def display(e: Exception, task: str, *, full_traceback: bool = False) -> None:
    log.error("%s: %s", task or "error", type(e).__name__, exc_info=e)


def display_once(e: Exception, task: str) -> None:
    display(e, task)


def run(code: Callable[[], Any], task: str) -> None:
    """Call it; an error is logged."""
    error = outcome(code)
    if isinstance(error, Exception):
        display(error, task)


def format_traceback(tb: Any) -> list[list[str]]:
    frames = traceback.extract_tb(tb)
    return [[f"{frame.filename}, line {frame.lineno}, {frame.name}", frame.line or ""] for frame in frames]


def format_exception(e: BaseException, tb: Any) -> dict[str, Any]:
    return {"exception": str(e), "traceback": format_traceback(tb)}


def get_exceptions() -> list[dict[str, Any]]:
    return []


def record_exception() -> None:
    """Keep the error that is being handled: here the log has it."""
    if error := sys.exc_info()[1]:
        log.debug("An extension handled an error", exc_info=error)


def check_versions() -> None:
    """Say what versions of libraries are wrong: none is, they are pinned."""
