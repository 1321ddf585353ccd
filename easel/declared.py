"""Classes of declared fields, and where in an extension's files a declaration stands."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

from modules.base.fields import declared_params, defaults

OWN_FOLDER = str(Path(__file__).parent)


class DeclarationError(Exception):
    """A declaration that cannot be; the message names the extension's file and line."""


def declared_class(cls: type[Any]) -> type[Any]:
    """Return a class of declared fields as a frozen dataclass. Raises DeclarationError, naming the field."""
    where = place_of(cls)
    try:
        # now, as its module may be imported anew before a request is checked
        kinds = get_type_hints(cls, include_extras=True)
        cls.__annotations__ = {name: kinds[name] for name in inspect.get_annotations(cls)}
        made = cls if is_frozen(cls) else dataclass(frozen=True)(cls)
        declared = declared_params(made)
    except (TypeError, NameError) as error:
        raise DeclarationError(f"{where}: {cls.__name__} cannot be declared: {error}.") from error
    for each in fields(made):
        if each.name not in declared:
            example = f'{each.name}: Annotated[float, Param("Label", Slider(0, 1), "What it does.")] = 0.0'
            raise DeclarationError(f"{where}: {cls.__name__}.{each.name} has no Param. Write {example}")
        if each.name not in defaults(made):
            raise DeclarationError(f"{where}: {cls.__name__}.{each.name} has no default.")
    return made


def is_frozen(cls: type[Any]) -> bool:
    """Return whether a class is a frozen dataclass itself, since it is declared for another script as well."""
    return "__dataclass_fields__" in vars(cls) and cls.__dataclass_params__.frozen


def place_of(thing: Any) -> str:
    """Return file and line of a function or class, as `extension.py:12`."""
    code = getattr(thing, "__code__", None)
    if code:
        return f"{Path(code.co_filename).name}:{code.co_firstlineno}"
    return caller()


def caller() -> str:
    """Return file and line of the nearest caller outside this file."""
    frame = inspect.currentframe()
    while frame and (frame.f_code.co_filename.startswith(OWN_FOLDER) or frame.f_code.co_filename == "<string>"):
        frame = frame.f_back
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}" if frame else "extension.py"
