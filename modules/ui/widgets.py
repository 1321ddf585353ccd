"""A declared field as a gradio component: label, help, limits and options come from its Param."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.base.fields import (
    BelowOutputs,
    Checkbox,
    Choice,
    Choices,
    Colour,
    Number,
    Numbers,
    Param,
    Radio,
    Slider,
    Text,
    Widget,
)
from modules.requests.choices import Lists
from modules.ui.words import Words

EXACT = 2**53      # larger integers are inexact in a browser


def component(param: Param, value: Any, lists: Lists, words: Words, **placing: Any) -> Component:
    """Return the control of one field; `placing` (elem_id, render …) goes to gradio."""
    common = {"label": words(param.label), "info": words(param.help), "value": value, "interactive": True, **placing}
    return MAKERS[type(param.widget)](param.widget, lists, common)


def slider(widget: Slider, lists: Lists, common: dict[str, Any]) -> Component:
    return gr.Slider(widget.low, widget.high, step=widget.step, buttons=[], **common)


def number_box(widget: Number, lists: Lists, common: dict[str, Any]) -> Component:
    """Return a number box; a text box if the numbers are larger than a browser can hold."""
    if widget.high is not None and widget.high > EXACT:
        digits = gr.InputHTMLAttributes(autocomplete="off", spellcheck=False)
        return gr.Textbox(**common | {"value": str(common["value"])}, max_lines=1, html_attributes=digits)
    return gr.Number(minimum=widget.low, maximum=widget.high, **common)


def dropdown(widget: Choice, lists: Lists, common: dict[str, Any]) -> Component:
    """Return a dropdown, or a fixed value if there can be only one."""
    return gr.Dropdown(
        choice_list(widget.of, lists), visible=not isinstance(widget.of, tuple) or len(widget.of) > 1, **common
    )


def radio(widget: Radio, lists: Lists, common: dict[str, Any]) -> Component:
    return gr.Radio(list(widget.of), **common)


def several(widget: Choices, lists: Lists, common: dict[str, Any]) -> Component:
    """Return a control for several values: a list that never changes is short enough to be seen whole."""
    choices = choice_list(widget.of, lists)
    if isinstance(widget.of, tuple):
        return gr.CheckboxGroup(choices, **common | {"value": list(common["value"])})
    return gr.Dropdown(choices, **common | {"value": list(common["value"])}, multiselect=True, visible=bool(choices))


def checkbox(widget: Checkbox, lists: Lists, common: dict[str, Any]) -> Component:
    return gr.Checkbox(**common)


def text_box(widget: Text, lists: Lists, common: dict[str, Any]) -> Component:
    """Return a text box; one of several lines grows by our style sheet: gradio measures it twice after each key."""
    most = widget.lines if widget.lines > 1 else 6
    return gr.Textbox(lines=widget.lines, max_lines=most, max_length=widget.longest, **common)


def numbers(widget: Numbers, lists: Lists, common: dict[str, Any]) -> Component:
    """Return a text box, whose text the request parses as a list."""
    return gr.Textbox(**common | {"value": ", ".join(map(str, common["value"]))}, max_lines=1)


def choice_list(of: str | tuple[str, ...], lists: Lists) -> list[str | tuple[str, str]]:
    return list(lists[of]() if isinstance(of, str) else of)


MAKERS: Mapping[type[Widget], Callable[[Any, Lists, dict[str, Any]], Component]] = {
    Slider: slider,
    Number: number_box,
    Numbers: numbers,
    Choice: dropdown,
    Radio: radio,
    Choices: several,
    Checkbox: checkbox,
    Text: text_box,
    Colour: text_box,
    BelowOutputs: text_box,
}
