"""`webui.py extension new|test|package|run`: an extension begun, tried, given to others, and its own commands."""

from __future__ import annotations

import argparse
import inspect
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from modules.base.bootstrap import say
from modules.base.errors import Invalid, UnknownName
from modules.commands.assemble import assemble
from modules.plugins.check import Checked
from modules.plugins.host import Host
from modules.plugins.native import named_native
from modules.plugins.new_extension import write_new_extension
from modules.plugins.packaging import write_package
from modules.settings.flags import Flags, Parser


def add_author_commands(commands: Any) -> None:
    """Add the commands' arguments. commands: argparse's subparsers"""
    new = commands.add_parser("new", help="write a small working extension with a test, to begin with")
    new.add_argument("name", help="such as warm-light")
    new.add_argument("--into", type=Path, help="the folder of extensions; that of the data folder by default")
    test = commands.add_parser("test", help="run an extension's tests with easel.testing: no server")
    test.add_argument("folder", type=Path)
    test.add_argument("options", nargs=argparse.REMAINDER, help="further arguments for pytest")
    package = commands.add_parser("package", help="write an extension as one zip file with a manifest")
    package.add_argument("folder", type=Path)
    package.add_argument("--to", type=Path, help="the file; NAME-VERSION.zip here by default")
    run = commands.add_parser("run", help="run a command that an extension adds")
    run.add_argument("name")
    run.add_argument("options", nargs=argparse.REMAINDER, help="the command and its flags")


def authors_folder(path: Path) -> Path:
    """Return a folder as it is on disk. Raises Invalid if there is none."""
    if not path.is_dir():
        raise Invalid(f"{path} is no folder.", "Name an extension's folder, or one with several of them.")
    return path.resolve()


def begin_extension(flags: Flags, given: argparse.Namespace) -> int:
    folder = write_new_extension(given.name, given.into or flags.paths.extensions)
    say(f"{folder} is there. Try it: python3 webui.py extension test {folder}")
    return 0


def test_extension(flags: Flags, given: argparse.Namespace) -> int:
    """Run an extension's tests in a process of its own; pytest's exit code is the command's."""
    folder = authors_folder(given.folder)
    tests = folder / "tests"
    if not tests.is_dir():
        raise Invalid(f"{folder.name} has no tests.", "Put them into its folder tests, in files such as test_it.py.")
    if not find_spec("pytest"):
        raise Invalid("pytest is not installed.", f"Install it: {sys.executable} -m pip install pytest.")
    paths = os.pathsep.join(filter(None, (str(flags.paths.root), os.environ.get("PYTHONPATH", ""))))
    words = ["-m", "pytest", "-p", "easel.testing", "--rootdir", str(folder), "--import-mode", "importlib"]
    command = [sys.executable, *words, "-p", "no:cacheprovider", "-q", str(tests), *given.options]
    return subprocess.run(command, cwd=folder, env={**os.environ, "PYTHONPATH": paths}, check=False).returncode


def package_extension(flags: Flags, given: argparse.Namespace, found: Checked) -> int:
    """Write an extension's zip file. found: what became of it when it was loaded"""
    folder = authors_folder(given.folder)
    facts = {"name": folder.name, "version": found.version or "0", "easel": found.easel, "licence": found.licence}
    target = given.to or Path(f"{folder.name}-{facts['version']}.zip")
    say(str(write_package(folder, facts, target)))
    return 0


def run_extension(flags: Flags, given: argparse.Namespace) -> int:
    """Run a command that an extension adds; what it returns is printed. Raises UnknownName or CallFailed."""
    app = assemble(replace(flags, skip_install=True))
    host: Host = app.extensions
    host.load(app)
    native = named_native(host.natives(), given.name)
    if native is None:
        raise UnknownName("extension", given.name, [each.name for each in host.natives()])
    word, *rest = given.options or [""]
    if word not in native.declaration.commands:
        raise UnknownName(f"command of {native.name}", word, native.declaration.commands)
    function = host.with_settings(native, native.declaration.commands[word])
    flags_of_it = vars(command_parser(native.name, word, function).parse_args(rest))
    answer = host.call(native.folder, word, partial(function, **flags_of_it))
    if answer is not None:
        say(str(answer))
    return 0


def command_parser(extension_name: str, word: str, function: Callable[..., Any]) -> Parser:
    """Return the parser of a command: its function's parameters are the flags."""
    about = (inspect.getdoc(function) or "").partition("\n")[0]
    parser = Parser(prog=f"webui.py extension run {extension_name} {word}", description=about, allow_abbrev=False)
    for name, parameter in inspect.signature(function).parameters.items():
        flag, usual = f"--{name.replace('_', '-')}", parameter.default
        if isinstance(usual, bool):
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=usual)
        else:
            parser.add_argument(flag, type=type(usual), default=usual, help=f"({usual})")
    return parser


AUTHOR_COMMANDS: dict[str, Callable[[Flags, argparse.Namespace], int]] = {
    "new": begin_extension, "test": test_extension, "run": run_extension,
}
