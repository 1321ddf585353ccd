"""Scripts of extensions: their classes, an instance for each tab, and the arguments that their controls stand for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from modules.settings.ui_config import UiConfig

TABS = ("txt2img", "img2img")
EXTRAS_TAB = "extras"                       # the tab whose scripts work on finished pictures
SCRIPT_TABS = (*TABS, EXTRAS_TAB)


@dataclass
class LoadedScript:
    """An instance of an extension's `Script` in one tab."""

    script: Any                     # of the surface's `scripts.Script`
    extension: str                  # the folder's name
    tab: str
    title: str
    always_on: bool
    controls: list[Any] = field(default_factory=list)       # gradio components, in the order of the arguments
    args_from: int = 0              # its part of all arguments of the tab: args[args_from:args_to]
    args_to: int = 0
    place: int = 0                  # among all scripts of the tab, those that have failed meanwhile too
    drawn: bool = False             # whether it was asked for its controls

    def draw(self, config: UiConfig) -> list[Any]:
        """Make its controls where the caller's gradio layout stands, and return them; raises what it raises.

        config: says what they begin with
        """
        self.drawn = True
        controls = self.script.ui(self.script.is_img2img)
        self.controls = list(controls) if isinstance(controls, list | tuple) else [controls] if controls else []
        self.script.controls = self.controls
        place = f"customscript/{Path(self.script.filename or '').name}/{self.tab}"
        named: dict[str, Any] = {}
        for control in self.controls:       # of two with one label the file can name the first alone
            if label := getattr(control, "label", None):
                named.setdefault(label, control)
        for label, control in named.items():
            config.fill(f"{place}/{label}", control)
        return self.controls

    def numbered(self, begin: int) -> int:
        """Set its part of the arguments; returns where the next script's begins."""
        self.args_from, self.args_to = begin, begin + len(self.controls)
        self.script.args_from, self.script.args_to = self.args_from, self.args_to
        return self.args_to

    @property
    def defaults(self) -> list[Any]:
        """The arguments that its controls stand for as they are drawn, as `ui`'s functions get them."""
        from modules.plugins.gradio3 import default_value

        return [default_value(control) for control in self.controls]


@dataclass
class ExtrasScript(LoadedScript):
    """A script of the Extras tab: its controls have names."""

    names: list[str] = field(default_factory=list)      # of the arguments, in the order of the controls

    def draw(self, config: UiConfig) -> list[Any]:
        """As for other scripts; ui-config.json says nothing of these."""
        self.drawn = True
        found = self.script.ui()
        named = found if isinstance(found, dict) else {}
        self.names, self.controls = list(named), list(named.values())
        self.script.controls = dict(named)
        return self.controls


def extras_script(kind: type, extension: str) -> list[ExtrasScript]:
    """Make the instance of a class of Extras scripts; none if it has no name."""
    script: Any = kind()
    return [ExtrasScript(script, extension, EXTRAS_TAB, str(script.name), always_on=True)] if script.name else []


def control_name(script: LoadedScript, number: int) -> str:
    """Return the name of a script's control in the page's store."""
    return f"{script.place}.{number}"


def script_classes(module: ModuleType, base: type) -> Iterator[type]:
    """Yield the subclasses of `base` in a module's namespace, also those it has imported."""
    seen: set[type] = set()
    for each in list(vars(module).values()):
        if isinstance(each, type) and issubclass(each, base) and each is not base and each not in seen:
            seen.add(each)
            yield each


def instances(kind: type, extension: str, path: Path, tab: str, always_visible: object) -> list[LoadedScript]:
    """Make a tab's instance of a script class; none if the script does not show itself there.

    always_visible: what `show` returns for a script that is always on
    """
    script: Any = kind()
    script.filename = str(path)
    script.is_img2img = tab == "img2img"
    script.is_txt2img = not script.is_img2img
    script.tabname = tab
    shown = script.show(script.is_img2img)
    if not shown:
        return []
    always_on = shown is always_visible
    title = str(script.title())
    script.alwayson, script.name = always_on, title.lower()
    return [LoadedScript(script, extension, tab, title, always_on)]
