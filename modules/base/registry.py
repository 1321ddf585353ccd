"""Tables of named things: samplers, schedules, upscalers …"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Generic, Protocol, TypeVar

from modules.base.errors import UnknownName


class Named(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def aliases(self) -> tuple[str, ...]: ...


T = TypeVar("T", bound=Named)


class Registry(Generic[T]):
    """Entries in the order they are listed; found by name or alias, in any case."""

    def __init__(self, kind: str, entries: Iterable[T] = ()) -> None:
        self.kind = kind
        self.entries: list[T] = []
        self._index: dict[str, T] = {}
        for entry in entries:
            self.add(entry)

    def add(self, entry: T) -> None:
        self.entries.append(entry)
        for name in (entry.name, *entry.aliases):
            self._index.setdefault(name.casefold(), entry)

    def get(self, name: str) -> T | None:
        return self._index.get(name.casefold())

    def __getitem__(self, name: str) -> T:
        """Return the entry of that name or alias. Raises UnknownName with a suggestion."""
        entry = self.get(name)
        if entry is None:
            raise UnknownName(self.kind, name, self.names)
        return entry

    def __iter__(self) -> Iterator[T]:
        return iter(self.entries)

    @property
    def names(self) -> list[str]:
        return [entry.name for entry in self.entries]
