"""Where components come into the page: with extensions each is announced to them, and theirs stand beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from html import escape
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.context import Context

from modules.plugins.host import IN_USE, CallFailed, Host, surface
from modules.plugins.scripts import LoadedScript

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
    """The placing of components in a tab whose page has extensions.

    The order is A1111's: scripts, then callbacks before a component; callbacks, then scripts after it.
    """

    extended = True

    def __init__(self, host: Host, tab: str, slots: SlotDrawings | None = None) -> None:
        """slots: what draws the arguments of extensions of Easel's own API, by slot"""
        self.host, self.scripts, self.slots = host, host.scripts(tab), slots or {}
        self._drawn: set[int] = set()       # places of scripts

    def place(self, component: Any) -> Any:
        from modules.plugins.gradio3 import adopt

        adopt(component)
        given = announced_arguments(component)
        for script in self.scripts:
            self._announce("before_component", script, component, given)
        self._call_back("before_component", component, given)
        component.render()
        self._call_back("after_component", component, given)
        for script in self.scripts:
            self._announce("after_component", script, component, given)
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
                with undone_after_error():
                    self.host.call(script.extension, "ui", script.draw)
            except CallFailed as error:
                gr.HTML(f'<p class="extension-failed">{escape(str(error))}</p>', padding=False)
        if group is not None and not group.children:
            undo()

    def controls(self) -> dict[str, Component]:
        return {
            control_name(place, number): control
            for place, script in enumerate(self.scripts)
            for number, control in enumerate(script.controls)
            if place in self._drawn and hasattr(control, "change") and not isinstance(control, gr.State)
        }

    def facts(self) -> list[dict[str, Any]]:
        return [
            {"title": script.title, "always_on": script.always_on, "controls": [
                control_name(place, number) for number, _ in enumerate(script.controls)
            ]}
            for place, script in enumerate(self.scripts)
        ]

    def _announce(self, moment: str, script: LoadedScript, component: Any, given: Mapping[str, Any]) -> None:
        """Call a script's callbacks for this element id, then its method of that name."""
        waiting = getattr(script.script, f"on_{moment}_elem_id") or ()
        for elem_id, function in waiting:
            if elem_id == given["elem_id"]:
                self._told(script.extension, moment, function, surface("scripts").OnComponent(component))
        if getattr(type(script.script), moment) is not getattr(surface("scripts").Script, moment):
            self._told(script.extension, moment, getattr(script.script, moment), component, **given)

    def _call_back(self, moment: str, component: Any, given: Mapping[str, Any]) -> None:
        for listener in self.host.listeners(moment):
            self._told(listener.extension, moment, listener.function, component, **given)

    def _told(self, extension: str, moment: str, function: Any, *args: Any, **kwargs: Any) -> None:
        """Call an extension that is still in use; what it drew before an error is removed."""
        if self.host.state_of(extension).state != IN_USE:
            return
        try:
            with undone_after_error():
                self.host.call(extension, moment, function, *args, **kwargs)
        except CallFailed:
            pass        # logged, and counted: it is off after three


def control_name(place: int, number: int) -> str:
    """Return the name of a script's control in the page's store."""
    return f"{place}.{number}"


def announced_arguments(component: Any) -> dict[str, Any]:
    """Return the arguments that A1111 announces a component with: those of its constructor."""
    given = dict(getattr(component, "constructor_args", None) or {})
    return given | {name: getattr(component, name, None) for name in ("elem_id", "label", "value")}


@contextmanager
def undone_after_error() -> Iterator[Any]:
    """Remove from the page what is drawn within, if that ends with an error; or when the yielded function is called."""
    parent, config = Context.block, Context.root_block.default_config
    children, blocks, functions = list(parent.children), set(config.blocks), set(config.fns)

    def undo() -> None:
        Context.block = parent
        parent.children[:] = children
        for table, known in ((config.blocks, blocks), (config.fns, functions)):
            for number in set(table) - known:
                del table[number]

    try:
        yield undo
    except BaseException:      # whatever ended it, its half of the page goes
        undo()
        raise
