"""Hooks for extensions: `Hooks` lists them, and each is called in one place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, ParamSpec

from modules.base.border import logged

P = ParamSpec("P")


@dataclass(frozen=True)
class Listener(Generic[P]):
    call: Callable[P, object]
    owner: str

    def __str__(self) -> str:
        return f"{self.owner}: {getattr(self.call, '__qualname__', self.call)}"


class Hook(Generic[P]):
    """One hook. A listener that fails is logged and skipped: it must not cost the user the picture."""

    def __init__(self) -> None:
        self.listeners: list[Listener[P]] = []

    def add(self, call: Callable[P, object], owner: str = "easel") -> None:
        self.listeners.append(Listener(call, owner))

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> None:
        for listener in self.listeners:
            call = partial(listener.call, *args, **kwargs)
            logged(call, failure=f"{listener} failed; carrying on without it")


@dataclass
class Hooks:
    """The table of hooks."""

    app_started: Hook[...] = field(default_factory=Hook)      # (app, fastapi): routes may still be added
    # (the checkpoint's title); called in the worker's thread, as the next is
    model_loaded: Hook[...] = field(default_factory=Hook)
    extension_out: Hook[...] = field(default_factory=Hook)    # (name, why): it failed in a worker's own process
    image_saved: Hook[...] = field(default_factory=Hook)      # (path, infotext): in the outputs folder, and recorded
