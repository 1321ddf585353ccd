"""Declared fields: all that form, API, infotext and grid need is declared once, on the field.

A request (`Txt2Img`) and the settings are frozen dataclasses whose fields are `Annotated[type, Param(…)]`:
a type-checker sees the type, pydantic reads the limits, the form reads the widget.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import MISSING, asdict, dataclass, fields
from functools import cache, partial
from typing import Any, ClassVar, TypeVar, get_type_hints

from annotated_types import Ge, GroupedMetadata, Le, MaxLen, Predicate
from pydantic import AfterValidator, BeforeValidator, TypeAdapter, ValidationError, WithJsonSchema
from pydantic_core import PydanticCustomError

from modules.base.errors import Invalid
from modules.base.files import stays_below
from modules.base.limits import MAX_ITEMS, MAX_NAME, MAX_SETTING

T = TypeVar("T")
Limits = Iterator[object]      # annotations as pydantic reads them


@dataclass(frozen=True)
class Widget:
    """A field's control; its limits are the API's bounds too."""

    def limits(self) -> Limits:
        yield from ()


@dataclass(frozen=True)
class Slider(Widget):
    """A slider. `limits_of_api`: the API's limits, if wider than the slider's."""

    low: float
    high: float
    step: float = 1
    limits_of_api: tuple[float, float] | None = None

    def limits(self) -> Limits:
        low, high = self.limits_of_api or (self.low, self.high)
        yield Ge(low)
        yield Le(high)


@dataclass(frozen=True)
class Number(Widget):
    """A number box; `low` and `high` are optional."""

    low: float | None = None
    high: float | None = None

    def limits(self) -> Limits:
        if self.low is not None:
            yield Ge(self.low)
        if self.high is not None:
            yield Le(self.high)


@dataclass(frozen=True)
class Choice(Widget):
    """One value of a list: a tuple of values, or the name of a list that page and API look up (`"samplers"`)."""

    of: str | tuple[str, ...]

    def limits(self) -> Limits:
        yield MaxLen(MAX_NAME)
        if not isinstance(self.of, str):
            yield AfterValidator(partial(one_of, self.of))
            yield WithJsonSchema({"type": "string", "enum": [*self.of]})


def one_of(known: tuple[str, ...], value: str) -> str:
    """Return the value itself. Raises PydanticCustomError for an unknown one."""
    if value not in known:
        raise PydanticCustomError("not_offered", "There are: {known}", {"known": ", ".join(known)})
    return value


@dataclass(frozen=True)
class Radio(Choice):
    """One of a few values, all of them visible."""

    of: tuple[str, ...]


@dataclass(frozen=True)
class Choices(Widget):
    """Several values of a list."""

    of: str | tuple[str, ...]

    def limits(self) -> Limits:
        yield MaxLen(MAX_ITEMS)


@dataclass(frozen=True)
class Checkbox(Widget):
    pass


@dataclass(frozen=True)
class Numbers(Widget):
    """A list of numbers, typed with commas between; `most` limits their count."""

    most: int

    def limits(self) -> Limits:
        yield MaxLen(self.most)
        yield BeforeValidator(split_numbers)


def split_numbers(value: Any) -> Any:
    """Split a text at commas; return any other value unchanged."""
    return [part for part in value.replace(",", " ").split() if part] if isinstance(value, str) else value


@dataclass(frozen=True)
class Text(Widget):
    lines: int = 1
    longest: int = MAX_SETTING

    def limits(self) -> Limits:
        yield MaxLen(self.longest)


@dataclass(frozen=True)
class BelowOutputs(Text):
    """A folder below the outputs, or a pattern of names there."""

    longest: int = 1_000

    def limits(self) -> Limits:
        yield from super().limits()
        yield Predicate(stays_below)


@dataclass(frozen=True)
class Colour(Text):
    """A colour as in CSS: #ffffff, or its name."""

    longest: int = 50

    def limits(self) -> Limits:
        yield from super().limits()
        yield AfterValidator(known_colour)


def known_colour(value: str) -> str:
    """Return the value itself. Raises PydanticCustomError for what is no colour."""
    from PIL import ImageColor  # the entry checks flags without it

    try:
        ImageColor.getrgb(value)
    except ValueError:
        raise PydanticCustomError("no_colour", "This is no colour: write it like #ffffff") from None
    return value


def place_as_text(value: Any) -> Any:
    """Return the choice by text: A1111's form sends its index, API clients often its name."""
    return str(value) if type(value) is int else value


OR_PLACE = BeforeValidator(place_as_text)
UNSET: Any = object()


@dataclass(frozen=True)
class Param(GroupedMetadata):
    """A field's declaration beside its type, name and API default."""

    label: str
    widget: Widget
    help: str                    # one sentence, shown beside the control and in the API's schema
    infotext: str = ""           # key in the PNG text; `Size-1`, `Size-2` are written `Size: 512x768`; "" = not written
    always: bool = False         # written even at its default
    shapes: bool = False         # it shapes every picture: written wherever it is not at its default
    form: Any = UNSET            # the form's default, where A1111's differs from the API's
    section: str = ""            # settings: A1111's section
    server: bool = False         # settings: only the administrator's, the same for all

    __is_annotated_types_grouped_metadata__: ClassVar = True

    def __iter__(self) -> Limits:
        yield from self.widget.limits()


def once_a_class(compute: Callable[[type], T]) -> Callable[[type], T]:
    """Cache a function of a class."""
    return cache(compute)


@once_a_class
def declared_params(cls: type) -> dict[str, Param]:
    """Return field name → Param, in declared order; fields without a Param are left out."""
    hints = get_type_hints(cls, include_extras=True)
    params = {}
    for field in fields(cls):
        found = [meta for meta in getattr(hints[field.name], "__metadata__", ()) if isinstance(meta, Param)]
        if found:
            params[field.name] = found[0]
    return params


@once_a_class
def checker(cls: type) -> TypeAdapter[Any]:
    """Return a validator that makes a declared class's values; building it takes some milliseconds."""
    return TypeAdapter(cls)


def within_limits(params: Any, label: Callable[[str], str], where: str = "") -> Any:
    """Return a declared value if all its fields are within their limits. Raises Invalid, of a script's argument.

    label: a field's name as whoever wrote it knows it; where: words behind the value
    """
    try:
        return checker(type(params)).validate_python(asdict(params))
    except ValidationError as error:
        first = error.errors()[0]
        raise Invalid(
            f"{label(str(first['loc'][0]))} cannot be {first['input']!r:.80}{where}.", f"{first['msg']}.",
            field="script_args",
        ) from error


@once_a_class
def defaults(cls: type) -> dict[str, Any]:
    """Return field name → the API's default."""
    found: dict[str, Any] = {}
    for each in fields(cls):
        if each.default is not MISSING:
            found[each.name] = each.default
        elif each.default_factory is not MISSING:
            found[each.name] = each.default_factory()
    return found


def with_values(declared: T, **values: Any) -> T:
    """Return a frozen declared value with fields changed; itself if they have these values already.

    The other fields are taken over as they are: thousands of cells of a plot are made so, and `replace`, which sets all
    of them anew, takes thirty times as long. Raises KeyError for a name that is no field.
    """
    standing = vars(declared)
    changes = {name: value for name, value in values.items() if standing[name] != value}
    if not changes:
        return declared
    changed = object.__new__(type(declared))
    vars(changed).update(standing, **changes)
    return changed


def at_default(values: object, name: str) -> bool:
    """Return whether a declared class's field has the API's default."""
    return getattr(values, name) == defaults(type(values))[name]


def form_defaults(cls: type) -> dict[str, Any]:
    """Return field name → the form's start value."""
    own = defaults(cls)
    return {name: own[name] if param.form is UNSET else param.form for name, param in declared_params(cls).items()}
