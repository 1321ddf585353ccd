"""Generation data as a form of declared fields and back, with nothing resolved or filled in. No torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modules.base.errors import Invalid
from modules.params.img2img import NAMED_VALUES
from modules.params.infotext import SIZE, parse_infotext, split_infotext
from modules.params.infotext_edit import (
    NEGATIVE_KEY,
    PROMPT_KEY,
    SIDE_ENDINGS,
    edited_infotext,
    infotext_values,
    same_value,
)
from modules.params.txt2img import Txt2Img
from modules.prompts.grammar import emphasised
from modules.requests.paste import EXTRAS, IMG2IMG, REQUESTS, tab_of
from modules.requests.pasted_fields import as_type, field_keys
from modules.requests.read_fields import read_fields
from modules.settings.options import Settings, change_settings

LARGEST_SHOWN = 2**64      # of a whole number; a longer one is kept as a text


@dataclass(frozen=True)
class DataParts:
    """Generation data in parts, as written.

    tab: whose fields they are
    settings: settings that the text names; unknown: all other pairs, in their order
    """

    tab: str
    fields: dict[str, Any]
    settings: dict[str, Any]
    unknown: list[tuple[str, str]]


def data_parts(text: str) -> DataParts:
    """Return the parts of generation data. Any text is accepted."""
    tab = tab_of(text, parse_infotext(text, emphasised))
    values = with_sides(infotext_values(text), tab)
    fields, settings = {}, {}
    taken = set()
    for name, key in keys_of_fields(tab).items():
        value = told_value(tab, name, values[key]) if key in values else None
        if value is not None:
            fields[name] = value
            taken |= {key, key.removesuffix(SIDE_ENDINGS[0]), key.removesuffix(SIDE_ENDINGS[1])}
    for key, name in field_keys(Settings).items():
        value = finite_value(as_type(Settings, name, values[key])) if key in values and key not in taken else None
        if value is not None:
            settings[name] = value
            taken.add(key)
    unknown = [(key, value) for key, value in split_infotext(text).pairs.items() if key not in taken]
    return DataParts(tab, fields, settings, unknown)


def with_sides(values: Mapping[str, str], tab: str) -> dict[str, str]:
    """Return the values with the sides of each size that has fields of its own."""
    found = dict(values)
    for key in keys_of_fields(tab).values():
        size = SIZE.fullmatch(values.get(key[:-2], "")) if key.endswith(SIDE_ENDINGS) else None
        if size:
            found[key] = size[1 + SIDE_ENDINGS.index(key[-2:])]
    return found


def keys_of_fields(tab: str) -> dict[str, str]:
    """Return the key in generation data of each field of a tab that has one."""
    if tab == EXTRAS:
        return {"prompt": PROMPT_KEY, "negative_prompt": NEGATIVE_KEY}
    keys = {name: key for key, name in field_keys(REQUESTS[tab]).items()}
    return keys | ({name: key for name, (key, _) in NAMED_VALUES.items()} if tab == IMG2IMG else {})


def told_value(tab: str, name: str, text: str) -> Any:
    """Return a field's value of its type, or None if it cannot be one."""
    if tab == IMG2IMG and name in NAMED_VALUES:
        return NAMED_VALUES[name][1].get(text)
    return finite_value(as_type(REQUESTS.get(tab, Txt2Img), name, text))


def finite_value(value: Any) -> Any:
    """Return a value that JSON can hold, or None."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return None if isinstance(value, int) and abs(value) > LARGEST_SHOWN else value


# Back --------------------------------------------------------------------------------------------


def written_data(parts: DataParts) -> str:
    """Return generation data of their parts, in A1111's order. Raises Invalid."""
    pairs = {key: value for key, value in parts.unknown if value}
    return edited_infotext("", {**changes_by_key(parts.tab, parts.fields, parts.settings), **pairs})


def checked_changes(text: str, tab: str, fields: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return changes of generation data by their keys, within the limits of their fields. Raises Invalid.

    What is in the data already may be beyond its field's limits.
    """
    keys, values = keys_of_fields(tab), with_sides(infotext_values(text), tab)
    new = {
        name: value for name, value in fields.items()
        if name in keys and value is not None and not same_value(values.get(keys[name], ""), value)
    }
    if tab != EXTRAS:
        read_fields(REQUESTS[tab], new)
    change_settings(Settings(), {name: value for name, value in settings.items() if value is not None})
    return changes_by_key(tab, fields, settings)


def changes_by_key(tab: str, fields: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields and settings by their keys in generation data; None takes a value away. Raises Invalid.

    fields: by name, or by key for pairs of no field
    """
    keys, keys_of_settings = keys_of_fields(tab), {name: key for key, name in field_keys(Settings).items()}
    for name in settings:
        if name not in keys_of_settings:
            raise Invalid(f"The setting {name!r:.80} has no place in generation data.", "Leave it out.", name[:80])
    told = {name: pair_value(name, in_words(tab, name, value)) for name, value in {**fields, **settings}.items()}
    return {keys.get(name) or keys_of_settings.get(name, name): told[name] for name in fields} | {
        keys_of_settings[name]: told[name] for name in settings
    }


def in_words(tab: str, name: str, value: Any) -> Any:
    if tab != IMG2IMG or name not in NAMED_VALUES:
        return value
    return next((word for word, meaning in NAMED_VALUES[name][1].items() if meaning == value), value)


def pair_value(name: str, value: Any) -> Any:
    """Return the value of a pair of no field. Raises Invalid for a list or an object."""
    if isinstance(value, str | int | float | None):
        return value
    raise Invalid(f"{name[:80]} must be a text or a number.", "Send it as a text.", name[:80])


def data_key(tab: str, name: str) -> str:
    """Return the key of a field, of a setting, or of itself."""
    settings = {name: key for key, name in field_keys(Settings).items()}
    return keys_of_fields(tab).get(name) or settings.get(name, name)
