"""Where components come into the page: with extensions each is announced to them, and theirs stand beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from html import escape
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.context import Context

from modules.plugins.announcing import Announcer, drawn_whole, undone_after_error
from modules.plugins.host import CallFailed, Host
from modules.plugins.scripts import LoadedScript, control_name

SlotDrawings = Mapping[str, Sequence[Callable[[], None]]]       # by slot: a part of the form


class Placing:
    """The placing of components in a form of a page without extensions."""

    extended = False

    def place(self, component: Any) -> Any:
        """Render a component and return it."""
        component.render()
        return component

    def section(self, name: str) -> None:
        """End a part of the form: "sampler", "accordions", "dimensions", "cfg" or "seed"."""

    def always_on(self) -> None:
        """Draw the controls of all always-on scripts that stand in no section."""

    def selectable(self) -> list[LoadedScript]:
        """Return the scripts of extensions that a person chooses."""
        return []

    def draw(self, script: LoadedScript) -> None:
        """Draw a script's controls."""

    def controls(self) -> dict[str, Component]:
        """Return the controls of extensions' scripts by their names in the page."""
        return {}

    def facts(self) -> list[dict[str, Any]]:
        """Return what the page's scripts need to know of those of extensions."""
        return []


class ExtendedPlacing(Placing):
    """The placing of components in a tab whose page has extensions."""

    extended = True

    def __init__(self, host: Host, tab: str, slots: SlotDrawings | None = None) -> None:
        """slots: what draws the arguments of extensions of Easel's own API, by slot"""
        self.host, self.scripts, self.slots = host, host.scripts(tab), slots or {}
        self.announcer = Announcer(host, self.scripts)
        self._drawn: set[int] = set()       # places of scripts

    def place(self, component: Any) -> Any:
        self.announcer.place(component)
        return component

    def section(self, name: str) -> None:
        for script in self.scripts:
            if script.always_on and script.script.section == name:
                self.draw(script)
        for draw in self.slots.get(name, ()):
            draw()

    def always_on(self) -> None:
        for place, script in enumerate(self.scripts):
            if script.always_on and place not in self._drawn:
                self.draw(script)
        for draw in self.slots.get("scripts", ()):
            draw()

    def selectable(self) -> list[LoadedScript]:
        return [script for script in self.scripts if not script.always_on]

    def draw(self, script: LoadedScript) -> None:
        """Draw a script's controls, in a group of their own; if they cannot be drawn, a line says why."""
        self._drawn.add(self.scripts.index(script))
        with undone_after_error() as undo, gr.Group() if script.script.create_group else nullcontext() as group:
            script.script.group = group
            try:
                self.host.call(script.extension, "ui", drawn_whole, partial(script.draw, self.host.ui_config))
            except CallFailed as error:
                gr.HTML(f'<p class="extension-failed">{escape(str(error))}</p>', padding=False)
        if group is not None and not group.children:
            undo()

    def controls(self) -> dict[str, Component]:
        """Return what stands in the page; an extension is told of a control that it never rendered."""
        blocks = Context.root_block.blocks if Context.root_block else None
        found = self._named_controls()
        if blocks is None:
            return found
        for name in [name for name, control in found.items() if control._id not in blocks]:
            place = int(name.partition(".")[0])
            self.host.tell(self.scripts[place].extension, self._unrendered(found.pop(name)))
        return found

    @staticmethod
    def _unrendered(control: Component) -> str:
        name = getattr(control, "label", None) or control.elem_id or ""
        return f"ui: {type(control).__name__} {name!r} was returned, but is not in the page; its value stays as it is."

    def _named_controls(self) -> dict[str, Component]:
        return {
            control_name(script, number): control
            for place, script in enumerate(self.scripts)
            for number, control in enumerate(script.controls)
            if place in self._drawn and hasattr(control, "change") and not isinstance(control, gr.State)
        }

    def facts(self) -> list[dict[str, Any]]:
        return [
            {"title": script.title, "always_on": script.always_on, "controls": [
                control_name(script, number) for number, _ in enumerate(script.controls)
            ]}
            for script in self.scripts
        ]


class ExtrasPlacing(ExtendedPlacing):
    """The placing of components in the Extras tab: extensions' scripts stand below Easel's own controls."""

    def place(self, component: Any) -> Any:
        """Render a component, of which extensions' scripts of pictures hear nothing."""
        component.render()
        return component
