"""The fields of a training, in groups, as the page's form draws them. No torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any, get_args, get_origin, get_type_hints

from modules.base.fields import Choice, Number, Param, Text, declared_params, defaults
from modules.params.training import FileOptions, NetworkOptions, SampleOptions, Training
from modules.params.training_course import CourseOptions, LossOptions
from modules.params.training_data import DatasetOptions
from modules.params.training_methods import TRAINING_METHODS
from modules.requests.training import NOT_OBEYED

GROUPS: Mapping[str, type[Any]] = {
    "Duration, rates, optimiser": CourseOptions, "Network": NetworkOptions, "Pictures and captions": DatasetOptions,
    "Noise, loss, precision": LossOptions, "Samples and validation": SampleOptions, "Files": FileOptions,
}
REST = "More"
APART = {"resume", "datasets", *NOT_OBEYED}      # what a form does not ask


def training_fields() -> dict[str, Any]:
    """Return the form's groups of fields, and each method's name, title and defaults."""
    return {
        "groups": [{"title": title, "fields": list(described_fields(names))} for title, names in group_names().items()],
        "methods": [
            {"name": each.name, "title": each.title, "defaults": dict(each.defaults), "kind": each.kind}
            for each in TRAINING_METHODS.values()
        ],
    }


def group_names() -> dict[str, list[str]]:
    """Return title → names of fields; those of no group come last."""
    found = {title: [each.name for each in fields(cls)] for title, cls in GROUPS.items()}
    placed = {name for names in found.values() for name in names}
    return found | {REST: [each.name for each in fields(Training) if each.name not in placed]}


def described_fields(names: list[str]) -> Iterator[dict[str, Any]]:
    params, usual, kinds = declared_params(Training), defaults(Training), get_type_hints(Training)
    for name in names:
        if name in params and name not in APART:
            yield {"name": name, "usual": usual[name], **field_facts(params[name], kinds[name])}


def field_facts(param: Param, kind: Any) -> dict[str, Any]:
    """Return a field's words and how it is typed: bool, choice, number, numbers, words or text."""
    widget, facts = param.widget, {"label": param.label, "help": param.help}
    types = set(get_args(kind)) or {kind}
    if bool in types:
        return facts | {"kind": "bool", "open": type(None) in types}
    if get_origin(kind) is tuple:
        return facts | {"kind": "numbers" if types & {int, float} else "words"}
    if isinstance(widget, Choice):
        return facts | {"kind": "choice", "of": widget.of}
    if isinstance(widget, Number) and types & {int, float}:
        return facts | {"kind": "number", "low": widget.low, "high": widget.high, "whole": float not in types}
    return facts | {"kind": "text", "lines": widget.lines if isinstance(widget, Text) else 1}
