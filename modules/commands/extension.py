"""`webui.py extension …`: for authors of extensions."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from modules.api.extension_routes import ExtensionRoutes, start_extension_routes
from modules.base.bootstrap import say
from modules.base.errors import Invalid
from modules.commands.assemble import assemble
from modules.commands.extension_author import AUTHOR_COMMANDS, add_author_commands, package_extension
from modules.commands.extension_install import add_install_command, install
from modules.commands.extension_switch import SWITCHES, add_switch_commands, switch
from modules.plugins.check import FAILS, PARTLY, WORKS, Checked, check_extension
from modules.plugins.installing import use_site_folder
from modules.plugins.native import DECLARING_FILE
from modules.settings.flags import Flags, Parser

LONGEST_CHECK = 300
SHOWN_REASON = 140         # characters of a reason in the table


def extension(flags: Flags, rest: Sequence[str]) -> int:
    """Carry out one of the commands; returns the exit code: 1 if an extension does not load."""
    parser = Parser(prog="webui.py extension", description="For authors of extensions.", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="load an extension, or a folder of them, and tell what is missing")
    check.add_argument("folder", type=Path)
    check.add_argument("--json", action="store_true", help="tell it as JSON")
    check.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)      # the process that loads one
    add_install_command(commands)
    add_switch_commands(commands)
    add_author_commands(commands)
    given = parser.parse_args(rest)
    if given.command == "install":
        return install(flags, given)
    if given.command in SWITCHES:
        return switch(flags, given)
    if given.command in AUTHOR_COMMANDS:
        return AUTHOR_COMMANDS[given.command](flags, given)
    folder = given.folder.resolve()
    if not folder.is_dir():
        raise Invalid(f"{given.folder} is no folder.", "Name an extension's folder, or one with several of them.")
    if given.command == "package":
        return package_extension(flags, given, without_problems(checked(flags, folder)))
    if given.alone:
        say(json.dumps(checked_here(flags, folder).plain()))
        return 0
    found = [checked(flags, each) for each in extension_folders(folder)]
    say(json.dumps([each.plain() for each in found], indent=1) if given.json else table(found))
    return int(any(each.state == FAILS for each in found))


def without_problems(found: Checked) -> Checked:
    """Return what was found of an extension. Raises Invalid if something is missing to it."""
    if found.state != WORKS:
        raise Invalid(f"{found.name} {found.state}: {reason(found)}", "Mend it first.")
    return found


def extension_folders(folder: Path) -> list[Path]:
    """Return the folder, or those in it if it has none of an extension's parts itself."""
    kinds = (DECLARING_FILE, "scripts", "javascript", "localizations", "preload.py", "install.py", "style.css")
    if any((folder / part).exists() for part in kinds):
        return [folder]
    return sorted((each for each in folder.iterdir() if each.is_dir()), key=lambda each: each.name.lower())


def checked(flags: Flags, folder: Path) -> Checked:
    """Check an extension in a process of its own, in an empty data folder."""
    with tempfile.TemporaryDirectory() as data:
        shutil.copytree(folder, Path(data, "extensions", folder.name), symlinks=True)
        packages = flags.paths.data_dir / "extensions-site"
        if packages.is_dir():
            Path(data, "extensions-site").symlink_to(packages)
        words = ["extension", "check", "--alone", str(folder), "--data-dir", data, "--skip-install"]
        if flags.paths.models.is_dir():
            words += ["--models-dir", str(flags.paths.models)]
        command = [sys.executable, str(flags.paths.root / "webui.py"), *words]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_CHECK, check=False, cwd=data)
        except subprocess.TimeoutExpired:
            return Checked(folder.name, FAILS, [f"It was not loaded in {LONGEST_CHECK} seconds."])
    last = next((line for line in reversed(done.stdout.splitlines()) if line.startswith("{")), "")
    if not last:
        reason = next((line for line in reversed(done.stderr.splitlines()) if line.strip()), "no reason was given")
        return Checked(folder.name, FAILS, [f"Python ended ({done.returncode}): {reason}"])
    return Checked(**json.loads(last))


def checked_here(flags: Flags, folder: Path) -> Checked:
    """Check an extension in this process."""
    from modules.ui import page

    use_site_folder(flags.paths.data_dir)
    app = assemble(replace(flags, skip_install=True))
    host, api = app.extensions, FastAPI()
    host.load(app, page=True)
    blocks, _ = page.build(app)
    host.end_loading()
    blocks.custom_mount_path = "/"      # so that its configuration is made
    configuration = blocks.get_config_file()
    start_extension_routes(host, api, blocks)
    tabs = [each["props"].get("label") for each in configuration["components"] if is_extension_tab(each)]
    return check_extension(host, folder.name, tabs, extension_addresses(api))


def is_extension_tab(component: Mapping[str, Any]) -> bool:
    return component["type"] == "tabitem" and "extension-tab" in (component["props"].get("elem_classes") or ())


def extension_addresses(api: FastAPI) -> list[str]:
    """Return the addresses that extensions have added to an application."""
    found = api.router.default
    apps = found.apps if isinstance(found, ExtensionRoutes) else ()
    return [str(getattr(route, "path", "")) for app in apps for route in app.routes]


def table(found: Sequence[Checked]) -> str:
    """Return the results as a table in Markdown, and their sum."""
    rows = ["| extension | state | has | what is missing |", "|---|---|---|---|"]
    rows += [f"| {each.name} | {each.state} | {what_it_has(each)} | {reason(each)} |" for each in found]
    counts = ", ".join(f"{state}: {sum(each.state == state for each in found)}" for state in (WORKS, PARTLY, FAILS))
    return "\n".join([*rows, "", f"{len(found)} extensions; {counts}."])


def what_it_has(each: Checked) -> str:
    """Return what an extension has, in a few words."""
    counted = {
        "scripts": len(each.scripts), "controls": each.controls, "tabs": len(each.tabs), "settings": each.settings,
        "routes": len(each.routes), "JavaScript files": each.javascript,
    }
    return ", ".join(f"{count} {name}" for name, count in counted.items() if count) or "data"


def reason(each: Checked) -> str:
    words = " ".join(each.problems).replace("|", "\\|").replace("\n", " ")
    if each.state != WORKS and each.packages:
        words += f" (not installed: {', '.join(each.packages)})"
    return words if len(words) <= SHOWN_REASON else words[: SHOWN_REASON - 1] + "…"

