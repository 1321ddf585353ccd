"""`webui.py extension install`: what extensions want installed is installed, as their installers say."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from modules.base.bootstrap import say
from modules.base.errors import UnknownName
from modules.commands.assemble import assemble
from modules.plugins.host import Host
from modules.plugins.installers import Installers, end_with_starter, install_needs, write_report
from modules.plugins.manifest import Extension, find_extensions
from modules.settings.flags import Flags


def add_install_command(commands: Any) -> None:
    install = commands.add_parser("install", help="install what extensions want installed: all, or those named")
    install.add_argument("names", nargs="*", metavar="NAME")
    install.add_argument("--alone", type=Path, help=argparse.SUPPRESS)      # the process that runs one
    install.add_argument("--report", type=Path, help=argparse.SUPPRESS)


def install(flags: Flags, given: argparse.Namespace) -> int:
    """Run the installers of the named extensions, or of all; returns the exit code: 1 if one has failed."""
    if given.alone:
        end_with_starter()
        write_report(given.report, install_needs(opened_host(flags, given.alone), Extension(given.alone)))
        return 0
    known = {each.name: each for each in find_extensions(flags.paths.extensions)}
    for name in given.names:
        if name not in known:
            raise UnknownName("extension", name, known)
    installers, failed = Installers(flags), 0
    for name in given.names or known:
        report = installers.run(known[name])
        failed += report.state == "failed"
        say(f"{name}: {report.state}")
        for note in report.notes:
            say(f"  {note}")
    return int(failed > 0)


def opened_host(flags: Flags, folder: Path) -> Host:
    """Return a host of one extension, none of whose files is loaded."""
    host = Host(folder.parent)
    host.find(lambda extension: "" if extension.folder == folder else "Another one is installed.")
    host.bind(assemble(flags))
    return host
