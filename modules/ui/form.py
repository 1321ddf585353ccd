"""A request as a form: one component for each declared field, placed where a tab wants it, read back as the request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from gradio.components import Component
from pydantic import ValidationError

from modules.base.errors import Invalid
from modules.base.fields import checker, declared, form_defaults
from modules.ui.widgets import Lists, component
from modules.ui.words import Words

T = TypeVar("T")

# Where A1111's element ids differ from the API's field names.
ELEM_IDS: Mapping[str, str] = {
    "negative_prompt": "neg_prompt",
    "sampler_name": "sampling",
    "n_iter": "batch_count",
    "scale_by": "scale",
    "extras_upscaler_2_visibility": "upscaler_2_visibility",
    "upscaler": "upscaler_index",
    "denoising_curve": "denoising_strength_curve",
    "iterate": "checkbox_iterate",
    "same_seed": "checkbox_iterate_batch",
    "position": "prompt_position",
    "text": "prompt_txt",
}

# In place of pydantic's own words, by its names of errors.
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


class Form(Generic[T]):
    """The components of `request`, not rendered yet: `place` renders some, `rest` those that nobody placed."""

    def __init__(self, request: type[T], tab: str, lists: Lists, words: Words, others: Mapping[str, Component] | None = None) -> None:
        """others: components, not rendered yet, for fields that are declared without a control"""
        self.request = request
        self.words = words
        start = form_defaults(request)
        self.components: dict[str, Component] = {
            name: component(param, start[name], lists, words, elem_id=f"{tab}_{ELEM_IDS.get(name, name)}", render=False)
            for name, param in declared(request).items()
        } | dict(others or {})
        self.defaults = {name: start.get(name, component.value) for name, component in self.components.items()}
        self._waiting = dict(self.components)

    def place(self, *names: str) -> None:
        for name in names:
            self._waiting.pop(name).render()

    def rest(self) -> None:
        self.place(*list(self._waiting))

    @property
    def names(self) -> list[str]:
        return list(self.components)

    def read(self, values: Sequence[Any]) -> T:
        """The request from the components' raw values, in declared order. Raises Invalid naming the field as it is labelled."""
        given = dict(zip(self.names, values, strict=True))
        try:
            return checker(self.request).validate_python(given)
        except ValidationError as error:
            raise self.refusal(error, given) from error

    def refusal(self, error: ValidationError, given: Mapping[str, Any]) -> Invalid:
        first = error.errors()[0]
        name = str(first["loc"][0])
        label = self.words(declared(self.request)[name].label if name in declared(self.request) else name)
        if given[name] in (None, ""):
            return Invalid(f"{label} is empty.", "Fill it in, or reload the page to start from the defaults.", name)
        return Invalid(f"{label} cannot be {str(given[name])[:80]!r}.", self.hint(first["type"], first["msg"], first.get("ctx", {})), name)

    def hint(self, kind: str, said: str, limits: Mapping[str, Any]) -> str:
        """In our words where we have any, else in pydantic's."""
        return self.words(HINTS[kind]).format(**limits) if kind in HINTS else f"{said}."
