"""A1111's callbacks: functions that extensions register to be called at a named moment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class ExtensionListener:
    """A function that an extension wants to be called."""

    function: Callable[..., Any]
    extension: str      # the folder's name
    name: str = ""      # what metadata.ini knows it by
    file: Path | None = None        # the script that has registered it


class Callbacks:
    """Listeners by the moment they listen to, in the order of their registration."""

    def __init__(self) -> None:
        self._listeners: defaultdict[str, list[ExtensionListener]] = defaultdict(list)

    def add(self, moment: str, listener: ExtensionListener) -> None:
        self._listeners[moment].append(listener)

    def listeners(self, moment: str) -> list[ExtensionListener]:
        """Return the listeners of a moment: a list of the caller's own, since a listener may remove itself."""
        return list(self._listeners.get(moment, ()))

    def moments(self) -> list[str]:
        """Return the moments that have been listened to."""
        return list(self._listeners)

    def remove(self, unwanted: Callable[[ExtensionListener], bool]) -> None:
        """Remove the listeners for which `unwanted` is true."""
        for moment, listeners in self._listeners.items():
            self._listeners[moment] = [each for each in listeners if not unwanted(each)]

    def __bool__(self) -> bool:
        return any(self._listeners.values())
