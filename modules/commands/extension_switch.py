"""`webui.py extension on` and `off`: extensions are switched at Easel's own computer."""

from __future__ import annotations

import argparse
from typing import Any

from modules.base.bootstrap import say
from modules.base.errors import UnknownName
from modules.base.process_file import ProcessFile
from modules.plugins.manifest import find_examples, find_extensions
from modules.plugins.switches import keep_switch
from modules.settings.file import SettingsFile
from modules.settings.flags import Flags

SWITCHES = {"on": True, "off": False}


def add_switch_commands(commands: Any) -> None:
    words = {"on": "switch extensions on, also for others who use this server", "off": "switch extensions off"}
    for name, help_text in words.items():
        commands.add_parser(name, help=help_text).add_argument("names", nargs="+", metavar="NAME")


def switch(flags: Flags, given: argparse.Namespace) -> int:
    """Switch the named extensions from the next start. Raises UnknownName, and AlreadyRunning while the server runs."""
    paths, enabled = flags.paths, SWITCHES[given.command]
    own = {each.name: each for each in find_extensions(paths.extensions)}
    known = own | {each.name: each for each in find_examples(paths.examples, own)}
    for name in given.names:
        if name not in known:
            raise UnknownName("extension", name, known)
    held = ProcessFile(paths.server_lock)       # it would write its own settings over these
    try:
        settings = SettingsFile(paths.settings_file)
        for name in given.names:
            keep_switch(settings, paths.cache, known[name], enabled, for_others=True)
            say(f"{name}: {given.command}")
    finally:
        held.release()
    return 0
