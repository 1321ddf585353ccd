"""What becomes of an extension here: it is loaded, its controls, tabs, settings and routes are made, and all is told.

For its author, and for the table in docs/extensions-compat.md. It is run in a process of its own, since what an
extension's code does cannot be taken back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from modules.plugins.host import IN_USE, Host
from modules.plugins.requirements import missing_packages
from modules.plugins.scripts import SCRIPT_TABS, LoadedScript

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
    version: str = ""           # of an extension of Easel's own API, as the two after it
    easel: str = ""
    licence: str = ""

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def check_extension(host: Host, name: str, tabs: Sequence[str], routes: Sequence[str]) -> Checked:
    """Tell what has become of an extension of a host whose page has been built.

    tabs: titles of extensions' tabs; routes: addresses that extensions have added
    """
    state = host.state_of(name)
    found = Checked(name, javascript=len(state.extension.javascript), packages=missing_packages(state.extension))
    scripts = [each for tab in SCRIPT_TABS for each in host.scripts(tab) if each.extension == name]
    found.scripts = sorted({each.title for each in scripts})
    found.hooks = sorted({hook for each in scripts for hook in overridden_hooks(each)})
    found.controls = sum(len(each.controls) for each in scripts)
    found.settings = list(host.owners.values()).count(name)
    found.tabs, found.routes = list(tabs), list(routes)
    add_declared(host, name, found)
    found.callbacks = sorted(moment for moment in host.callbacks.moments() if of_extension(host, moment, name))
    found.problems = list(dict.fromkeys([*filter(None, [state.why]), *state.told]))
    found.seconds = round(sum(state.seconds.values()), 2)
    if state.state != IN_USE:
        found.state = FAILS
    elif found.problems:
        found.state = PARTLY
    return found


def add_declared(host: Host, name: str, found: Checked) -> None:
    """Add what an extension of Easel's own API declares."""
    for native in (each for each in host.natives() if each.folder == name):
        declared = native.declaration
        found.version, found.easel, found.licence = declared.version, declared.easel, declared.licence
        found.scripts.append(declared.title)
        found.hooks += sorted({each.moment.name for each in declared.listeners})
        found.controls += len(declared.params)


def overridden_hooks(loaded: LoadedScript) -> Iterator[str]:
    """Yield the hooks that a script's class overrides."""
    kind = type(loaded.script)
    for name in HOOK_NAMES:
        home = next((each for each in kind.__mro__ if name in vars(each)), None)
        if home is not None and not home.__module__.startswith("modules.surface"):
            yield name


def of_extension(host: Host, moment: str, name: str) -> list[Any]:
    return [each for each in host.listeners(moment) if each.extension == name]
