"""Hollow modules: names that extensions import, of programs that are not here. Importing works, using one is told."""

from __future__ import annotations

from collections.abc import Collection
from types import ModuleType
from typing import Any, NoReturn

from modules.base.errors import WebUIError

# the packages of A1111's model code and of what it was built on, which Easel does not use
HOLLOW_PACKAGES = (
    "ldm", "sgm", "k_diffusion", "open_clip", "clip", "taming", "torchvision", "basicsr", "network", "network_lora",
    "extra_networks_lora",
)


class NotHere(WebUIError, AttributeError):
    """An extension used something that Easel does not have in that form."""

    status, code = 500, "not_here"

    def __init__(self, path: str) -> None:
        super().__init__(
            f"Easel has no {path}.", "The extension reaches into code of A1111's that Easel does not have in that form."
        )


class HollowType(type):
    """The metaclass of hollow names: they can be read, subclassed and compared, but neither called nor written to."""

    path: str

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return hollow(f"{cls.path}.{name}")

    def __setattr__(cls, name: str, value: object) -> None:
        if name.startswith("__"):
            return super().__setattr__(name, value)
        raise NotHere(f"{cls.path}.{name}")

    def __call__(cls, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotHere(cls.path)

    def __iter__(cls) -> NoReturn:
        raise NotHere(cls.path)

    def __getitem__(cls, item: object) -> NoReturn:
        raise NotHere(cls.path)


def hollow(path: str) -> HollowType:
    """Return a hollow name: a class without anything, which tells its path when it is used."""
    return HollowType(path.rpartition(".")[2], (), {"path": path, "__module__": path.rpartition(".")[0]})


class HollowModule(ModuleType):
    """A module all of whose names, or the given ones, are hollow."""

    def __init__(self, name: str, names: Collection[str] | None = None) -> None:
        """names: those that it has; None: any"""
        super().__init__(name, "Not here: importing its names works, using one is told.")
        self.__path__: list[str] = []
        self._names = names

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or (self._names is not None and name not in self._names):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        found = hollow(f"{self.__name__}.{name}")
        setattr(self, name, found)
        return found
