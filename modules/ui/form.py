"""A request as a form: one component for each declared field, placed where a tab wants it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from gradio.components import Component

from modules.base.fields import declared_params, form_defaults
from modules.ui.placing import Placing
from modules.ui.widgets import Lists, component
from modules.ui.words import Words

T = TypeVar("T")

# A1111's element ids that differ from the API's field names.
ELEM_IDS: Mapping[str, str] = {
    "negative_prompt": "neg_prompt",
    "sampler_name": "sampling",
    "n_iter": "batch_count",
    "hr_second_pass_steps": "hires_steps",
    "refiner_switch_at": "switch_at",
    "scale_by": "scale",
    "extras_upscaler_2_visibility": "upscaler_2_visibility",
    "upscaler": "upscaler_index",
    "denoising_curve": "denoising_strength_curve",
    "iterate": "checkbox_iterate",
    "same_seed": "checkbox_iterate_batch",
    "position": "prompt_position",
    "text": "prompt_txt",
    "name": "custom_name",
    "method": "interp_method",
    "multiplier": "interp_amount",
    "more": "shares",
    "vae": "bake_in_vae",
    "block_weights": "blocks",
    "discard": "discard_weights",
    "config": "config_source",
    "add_recipe": "add_merge_recipe",
    "refiner_checkpoint": "checkpoint",
}
# Those in which A1111 does not name the tab.
WHOLE_ELEM_IDS: Mapping[str, str] = {
    "hr_prompt": "hires_prompt",
    "hr_negative_prompt": "hires_neg_prompt",
    "hr_checkpoint_name": "hr_checkpoint",
    "hr_sampler_name": "hr_sampler",
    "hr_scheduler": "hr_scheduler",
}


@dataclass(frozen=True)
class TabFields:
    """A tab's own part of a form, by field.

    controls: components, not rendered yet, for fields that are declared without a control
    held: start values of fields without a control, which the page's scripts fill in
    """

    controls: Mapping[str, Component] = field(default_factory=dict)
    held: Mapping[str, Any] = field(default_factory=dict)


NO_OWN_FIELDS = TabFields()


def elem_id(tab: str, name: str) -> str:
    """Return the element id of a field's control."""
    return WHOLE_ELEM_IDS.get(name) or f"{tab}_{ELEM_IDS.get(name, name)}"


class Form(Generic[T]):
    """The components of `request`, not rendered yet: `place` renders some of them, `rest` all others."""

    def __init__(
        self, request: type[T], tab: str, lists: Lists, words: Words, own: TabFields = NO_OWN_FIELDS
    ) -> None:
        self.request = request
        start, held = form_defaults(request), dict(own.held)
        self.components: dict[str, Component] = {
            name: component(param, start[name], lists, words, elem_id=elem_id(tab, name), render=False)
            for name, param in declared_params(request).items() if name not in held
        } | dict(own.controls)
        self.defaults: dict[str, Any] = {
            name: start.get(name, component.value) for name, component in self.components.items()
        } | held
        self.placing = Placing()
        self._waiting = dict(self.components)

    def place(self, *names: str) -> None:
        for name in names:
            self.placing.place(self._waiting.pop(name))

    def rest(self) -> None:
        self.place(*list(self._waiting))
