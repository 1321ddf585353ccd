"""Values by field name, checked into a request of the declared class; an error names the field. No torch."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from modules.base.errors import Invalid
from modules.base.fields import checker, declared_params
from modules.base.limits import MAX_ID

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")

# Replacements of pydantic's messages, by its names of errors.
HINTS: Mapping[str, str] = {
    "int_parsing": "A whole number belongs here.",
    "int_type": "A whole number belongs here.",
    "int_from_float": "A whole number belongs here.",
    "float_parsing": "A number belongs here.",
    "float_type": "A number belongs here.",
    "less_than_equal": "At most {le} is possible here.",
    "greater_than_equal": "At least {ge} is needed here.",
    "string_too_long": "At most {max_length} characters are possible here.",
}


def read_fields(cls: type[T], given: Mapping[str, Any], where: str = "") -> T:
    """Return a `cls` of the given values, with defaults for the others. Raises Invalid.

    where: put before a field's name in an error
    """
    check_known(given, [each.name for each in fields(cls)], where)
    try:
        return checker(cls).validate_python(dict(given))
    except ValidationError as error:
        raise field_refusal(cls, error, given, where) from error


def check_known(given: Collection[str], known: Collection[str], where: str = "") -> None:
    """Raise Invalid naming the first unknown field, and the closest known one."""
    for name in given:
        if name not in known:
            close = get_close_matches(name[:MAX_ID], known, n=1)
            hint = f"Did you mean {close[0]!r}?" if close else f"There are: {', '.join(known)}."
            raise Invalid(f"There is no field called {name!r:.{MAX_ID}}.", hint, where + name[:MAX_ID])


def field_refusal(cls: type[Any], error: ValidationError, given: Mapping[str, Any], where: str = "") -> Invalid:
    """Return the error for the first of pydantic's problems, with the field's label and, if there is one, our hint."""
    first = error.errors()[0]
    name = str(first["loc"][0])
    label = declared_params(cls)[name].label if name in declared_params(cls) else name
    if given.get(name) in (None, ""):
        return Invalid(f"{label} is empty.", "Fill it in, or reload the page to start from the defaults.", where + name)
    hint = HINTS[first["type"]].format(**first.get("ctx", {})) if first["type"] in HINTS else f"{first['msg']}."
    return Invalid(f"{label} cannot be {str(given[name])[:80]!r}.", hint, where + name)
