"""A1111's `modules.cmd_args`: a parser that knows the flags, and never ends the program."""

from __future__ import annotations

import argparse
from typing import Any

from modules.surface.binding import bound_host


class FlagParser(argparse.ArgumentParser):
    """The flags as they are: neither the command line is read again nor the program ended."""

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:  # type: ignore[override]
        from modules.surface.shared_cmd_options import cmd_opts

        return cmd_opts()

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:  # type: ignore[override]
        return self.parse_args(), []

    def exit(self, status: int = 0, message: str | None = None) -> Any:
        raise RuntimeError(message or "The flags could not be read.")


def __getattr__(name: str) -> Any:
    if name != "parser":
        raise AttributeError(f"module 'modules.cmd_args' has no attribute {name!r}")
    views = bound_host().views
    return views.setdefault("parser", FlagParser(add_help=False))
