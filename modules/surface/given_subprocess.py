"""`subprocess` as extensions have it: a call of pip is made as `launch.run_pip` makes it."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modules.surface.launch_utils import run_pip


def pip_words(command: Any) -> Sequence[str] | None:
    """Return the words after `pip` of a command; None if it does not call pip."""
    words = shlex.split(command) if isinstance(command, str) else [str(word) for word in command]
    if words[1:3] == ["-m", "pip"]:
        return words[3:]
    return words[1:] if words and Path(words[0]).name in ("pip", "pip3") else None


def run(command: Any, *args: Any, check: bool = False, **kwargs: Any) -> Any:
    """`subprocess.run`; of pip's commands `install` is carried out, and what only reads is pip's own."""
    words = pip_words(command)
    if words is None or words[:1] == ["show"]:
        return subprocess.run(command, *args, check=check, **kwargs)
    text = bool(kwargs.get("text") or kwargs.get("universal_newlines"))
    try:
        out, code = run_pip(shlex.join(words)), 0
    except RuntimeError as error:
        out, code = str(error), 1
    if code and check:
        raise subprocess.CalledProcessError(code, command, out)
    told = out if text else out.encode()
    return subprocess.CompletedProcess(command, code, told, told[:0])


def call(command: Any, *args: Any, **kwargs: Any) -> int:
    return int(run(command, *args, **kwargs).returncode)


def check_call(command: Any, *args: Any, **kwargs: Any) -> int:
    return int(run(command, *args, check=True, **kwargs).returncode)


def check_output(command: Any, *args: Any, **kwargs: Any) -> Any:
    return run(command, *args, check=True, **{"stdout": subprocess.PIPE, **kwargs}).stdout


def __getattr__(name: str) -> Any:
    return getattr(subprocess, name)
