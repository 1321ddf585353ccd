"""A1111's `modules.call_queue`: its one lock for the GPU. Easel's engine takes pictures from everybody at once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from threading import RLock
from typing import Any

from modules.plugins.host import Host
from modules.surface.binding import view


def made_lock(host: Host) -> Any:
    return RLock()


def wrap_queued_call(func: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function; calls of it wait for one another."""

    @functools.wraps(func)
    def called(*args: Any, **kwargs: Any) -> Any:
        with view("queue_lock", made_lock):
            return func(*args, **kwargs)

    return called


def wrap_gradio_gpu_call(func: Callable[..., Any], extra_outputs: Any = None) -> Callable[..., Any]:
    """Return the function; an error becomes the last output's text, as A1111's pages expect."""
    return wrap_gradio_call(wrap_queued_call(func), extra_outputs)


def wrap_gradio_call(
    func: Callable[..., Any], extra_outputs: Any = None, add_stats: bool = False
) -> Callable[..., Any]:
    @functools.wraps(func)
    def called(*args: Any, **kwargs: Any) -> Any:
        return list(func(*args, **kwargs))

    return called


wrap_gradio_call_no_job = wrap_gradio_call


def __getattr__(name: str) -> Any:
    if name == "queue_lock":
        return view("queue_lock", made_lock)
    raise AttributeError(f"module 'modules.call_queue' has no attribute {name!r}")
