"""What becomes of an extension here: it is loaded, its controls, tabs, settings and routes are made, and all is told.

For its author, and for the table in docs/extensions-compat.md. It is run in a process of its own, since what an
extension's code does cannot be taken back.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from modules.plugins.host import IN_USE, Host
from modules.plugins.manifest import Extension
from modules.plugins.scripts import TABS, LoadedScript

WORKS, PARTLY, FAILS = "loads", "partly", "does not load"
HOOK_NAMES = (
    "setup", "before_process", "process", "before_process_batch", "after_extra_networks_activate", "process_batch",
    "process_before_every_sampling", "on_mask_blend", "post_sample", "before_hr", "postprocess_batch",
    "postprocess_batch_list", "postprocess_image", "postprocess_maskoverlay", "postprocess_image_after_composite",
    "postprocess", "run",
)


@dataclass
class Checked:
    """What was found of an extension."""

    name: str
    state: str = WORKS
    problems: list[str] = field(default_factory=list)       # sentences
    scripts: list[str] = field(default_factory=list)        # titles
    hooks: list[str] = field(default_factory=list)          # that its scripts override
    callbacks: list[str] = field(default_factory=list)
    controls: int = 0
    tabs: list[str] = field(default_factory=list)
    settings: int = 0
    routes: list[str] = field(default_factory=list)
    javascript: int = 0
    packages: list[str] = field(default_factory=list)       # that it imports and that are not installed
    seconds: float = 0.0

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def check_extension(host: Host, name: str) -> Checked:
    """Tell what has become of an extension of a loaded host, and build its tabs and routes."""
    state = host.state_of(name)
    found = Checked(name, javascript=len(state.extension.javascript), packages=missing_packages(state.extension))
    scripts = [each for tab in TABS for each in host.scripts(tab) if each.extension == name]
    found.scripts = sorted({each.title for each in scripts})
    found.hooks = sorted({hook for each in scripts for hook in overridden_hooks(each)})
    found.controls = sum(len(each.controls) for each in scripts)
    found.settings = list(host.owners.values()).count(name)
    build_tabs(host, name, found)
    build_routes(host, name, found)
    found.callbacks = sorted(moment for moment in host.callbacks.moments() if of_extension(host, moment, name))
    found.problems = list(dict.fromkeys([*filter(None, [state.why]), *state.told]))
    found.seconds = round(sum(state.seconds.values()), 2)
    if state.state != IN_USE:
        found.state = FAILS
    elif found.problems:
        found.state = PARTLY
    return found


def overridden_hooks(loaded: LoadedScript) -> Iterator[str]:
    """Yield the hooks that a script's class overrides."""
    kind = type(loaded.script)
    for name in HOOK_NAMES:
        home = next((each for each in kind.__mro__ if name in vars(each)), None)
        if home is not None and not home.__module__.startswith("modules.surface"):
            yield name


def of_extension(host: Host, moment: str, name: str) -> list[Any]:
    return [each for each in host.listeners(moment) if each.extension == name]


def build_tabs(host: Host, name: str, found: Checked) -> None:
    """Make the extension's tabs and their configuration, as a page would."""
    import gradio

    for listener in of_extension(host, "ui_tabs", name):
        for block, title, _ in host.told_call(name, "ui_tabs", listener.function) or ():
            found.tabs.append(str(title))
            host.told_call(name, "page", configured, gradio, block)


def configured(gradio: Any, block: Any) -> None:
    """Render a tab into a page of its own, and make the page's configuration."""
    with gradio.Blocks() as page:
        block.render()
    page.get_config_file()


def build_routes(host: Host, name: str, found: Checked) -> None:
    """Let the extension add its routes to an application that nobody serves."""
    from fastapi import FastAPI

    app = FastAPI()
    before = len(app.routes)
    for listener in of_extension(host, "app_started", name):
        host.told_call(name, "app_started", listener.function, None, app)
    found.routes = [str(getattr(route, "path", "")) for route in app.routes[before:]]


def missing_packages(extension: Extension) -> list[str]:
    """Return the packages that its files import and that cannot be found, as far as reading the files shows."""
    from importlib.util import find_spec

    own = {path.stem for path in extension.folder.rglob("*.py")} | {path.name for path in extension.folder.iterdir()}
    given = {"modules", "launch", "gradio", "scripts", "extensions", *own, *sys.stdlib_module_names}
    names = {name for path in extension.folder.rglob("*.py") for name in imported_names(path)}
    return sorted(name for name in names - given if find_spec(name) is None)


def imported_names(path: Path) -> set[str]:
    """Return the first parts of the modules that a file imports; none if it cannot be read."""
    try:
        tree = ast.parse(path.read_text("utf-8", errors="replace"))
    except (SyntaxError, ValueError, OSError):
        return set()
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found

