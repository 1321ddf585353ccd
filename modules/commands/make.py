"""Model files from the terminal: `python3 webui.py make merge one.safetensors two.safetensors multiplier=0.5`.

Fields are written `name=value`, since some have the names of A1111's server flags.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modules.app.fair_queue import FILES
from modules.app.permissions import MAKE_MODELS
from modules.base.errors import Invalid
from modules.base.fields import declared_params, defaults
from modules.commands.assemble import assemble, terminal_process
from modules.commands.generate import carry_out
from modules.requests.kinds import JOB_KINDS
from modules.requests.read_fields import read_fields
from modules.requests.submit import Submission
from modules.settings.flags import Flags


def make(flags: Flags, arguments: Sequence[str]) -> int:
    """Make the model file and print its path; returns the exit code."""
    with terminal_process(flags.paths) as held:
        app = assemble(flags, held)
        return carry_out(app, read_words(arguments))


def read_words(arguments: Sequence[str]) -> Submission:
    """Parse a job kind without a device, its files, and its other fields as name=value.

    Raises Invalid or UnknownName.
    """
    kinds = {kind.name: kind for kind in JOB_KINDS if kind.lane == FILES and kind.right == MAKE_MODELS}
    name, *words = arguments or [""]
    if name not in kinds:
        raise Invalid(f"There is nothing called {name!r:.100} to make.", f"There are: {', '.join(kinds)}.")
    request = kinds[name].request
    given = dict(word.split("=", 1) for word in words if "=" in word)
    return Submission(
        name, read_fields(request, files_as_fields(request, [word for word in words if "=" not in word]) | given)
    )


def files_as_fields(request: type, files: Sequence[str]) -> dict[str, Any]:
    """Return the files as the field `models`, or one by one as the first declared fields."""
    if not files:
        return {}
    return (
        {"models": list(files)}
        if "models" in defaults(request)
        else dict(zip(declared_params(request), files, strict=False))
    )
