"""pydantic 2 with the few habits of pydantic 1 that extensions have; for extension modules alone."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any, ClassVar

import pydantic
from pydantic import BaseModel

NOT_HABITS = ("v1",)        # what extensions ask for by name is pydantic's own


class Config:
    """What a model's own `Config` may inherit from."""


class OldModel(BaseModel):
    """pydantic's BaseModel: `Optional[…]` without a default may be left out, and there is a `__config__`."""

    __config__: ClassVar[type] = Config

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Give what may be None a default, as version 1 does."""
        super().__pydantic_init_subclass__(**kwargs)
        optional = [field for field in cls.model_fields.values() if field.is_required() and may_be_none(field)]
        for field in optional:
            field.default = None
        if optional:
            cls.model_rebuild(force=True)


def may_be_none(field: Any) -> bool:
    return type(None) in getattr(field.annotation, "__args__", ())


def old_root_validator(*args: Any, **kwargs: Any) -> Any:
    """pydantic's root_validator, which no longer runs after another validator has failed."""
    if not kwargs.get("pre"):
        kwargs.setdefault("skip_on_failure", True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        if args and callable(args[0]):
            return pydantic.root_validator(**kwargs)(args[0])
        return quiet(pydantic.root_validator(*args, **kwargs))


def quiet(decorate: Callable[..., Any]) -> Callable[..., Any]:
    """Return a decorator that does not tell that it is an old one."""

    @wraps(decorate)
    def decorated(function: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            return decorate(function)

    return decorated


class PydanticModule(ModuleType):
    """pydantic as extension modules see it."""

    def __init__(self) -> None:
        super().__init__("pydantic", pydantic.__doc__)
        self.__path__ = pydantic.__path__
        self.BaseModel, self.root_validator = OldModel, old_root_validator

    def __getattr__(self, name: str) -> Any:
        return getattr(pydantic, name)
