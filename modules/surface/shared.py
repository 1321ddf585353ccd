"""A1111's `modules.shared`: settings, flags, state and models, as extensions know them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from modules.plugins.host import Host
from modules.surface.binding import view
from modules.surface.options import (
    OptionDiv as OptionDiv,
)
from modules.surface.options import (
    OptionHTML as OptionHTML,
)
from modules.surface.options import (
    OptionInfo as OptionInfo,
)
from modules.surface.options import (
    Options,
)
from modules.surface.options import (
    options_section as options_section,
)
from modules.surface.shared_cmd_options import cmd_opts as namespace_of_flags
from modules.surface.util import html_path as html_path
from modules.surface.util import listfiles as listfiles
from modules.surface.util import walk_files as walk_files


def made_options(host: Host) -> Options:
    return Options()


# name → how the surface makes it for the bound host; made when it is first read
VIEWS: Mapping[str, Callable[[Host], Any]] = {
    "opts": made_options,
    "cmd_opts": lambda host: namespace_of_flags(),
    "parser": lambda host: None,
}


def __getattr__(name: str) -> Any:
    if name in VIEWS:
        return view(name, VIEWS[name])
    raise AttributeError(f"module 'modules.shared' has no attribute {name!r}")
