#!/usr/bin/env python3
"""Easel's one entry: `python3 webui.py [serve | generate | make | worker | users | data | backup | test | …]`.

Needs a Python of 3.11 or newer and nothing else: the first start makes .venv beside this file and installs into it.
An older Python must still be able to read this file, to be told so: hence the plain syntax and the late imports.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
OLDEST = (3, 11)


def too_old(version: tuple) -> str:
    """What to tell someone whose Python has this version; "" if it will do."""
    if tuple(version[:2]) >= OLDEST:
        return ""
    return "Easel needs Python {}.{} or newer; this is {}.\nFor example: python3.11 webui.py\n".format(
        OLDEST[0], OLDEST[1], ".".join(str(part) for part in version[:3]))


def main(arguments: list) -> int:
    """The exit code: 1 if Easel cannot run here, 2 if the command line makes no sense."""
    complaint = too_old(sys.version_info)
    if complaint:
        sys.stderr.write(complaint)
        return 1
    sys.path.insert(0, str(ROOT))
    from modules.base.errors import Invalid, UnknownName, WebUIError

    try:
        return run(arguments)
    except WebUIError as error:
        sys.stderr.write("{}\n{}\n".format(error, error.hint))
        return 2 if isinstance(error, (Invalid, UnknownName)) else 1
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped.\n")
        return 130


def run(arguments: list) -> int:
    from modules.base import bootstrap
    from modules.base.errors import UnknownName

    bootstrap.settle(os.environ)
    named = bool(arguments) and not arguments[0].startswith("-")
    command, rest = (arguments[0], arguments[1:]) if named else ("serve", arguments)
    if command not in COMMANDS:
        raise UnknownName("command", command, COMMANDS)
    return COMMANDS[command](rest) or 0


def serve(arguments: list) -> int:
    """The page and the API, until Ctrl+C."""
    from modules.base import bootstrap
    from modules.base.process_file import refuse_second
    from modules.settings.flags import parse_flags, without_secrets

    flags = parse_flags(arguments)
    arguments, secret = without_secrets(arguments)
    if secret:
        return bootstrap.hand_over(None, [__file__, "serve", *arguments], secret=secret)
    refuse_second(flags.paths.server_lock)
    sock = bootstrap.listen(flags.host, flags.port)
    bootstrap.require_writable(flags.paths.data_dir, "Choose another folder with --data-dir.")
    python = ready_python(not flags.skip_install, *for_gpu(flags.attention), *for_cluster(flags.worker == "ray"))
    wanted = not flags.no_tcmalloc and not os.environ.get("NO_TCMALLOC")
    preloaded = wanted and bootstrap.preload_allocator(os.environ)
    if python or preloaded:
        sock.close()        # the next process opens its own
        return bootstrap.hand_over(python, [__file__, "serve", *arguments])
    bootstrap.bound_arenas(os.environ)
    report(flags.notes)
    from modules.commands.serve import serve as start

    return start(flags, sock)


def generate(arguments: list) -> int:
    """Pictures from the terminal."""
    return in_terminal("generate", arguments)


def make(arguments: list) -> int:
    """Model files made of others, from the terminal."""
    return in_terminal("make", arguments)


def train(arguments: list) -> int:
    """A LoRA, an embedding or a hypernetwork trained from pictures, from the terminal."""
    return in_terminal("train", arguments)


def worker(arguments: list) -> int:
    """This machine as a worker of a server on another one."""
    return in_terminal("worker", arguments)


def users(arguments: list) -> int:
    """Accounts: added, listed, changed from the terminal, also while the server runs."""
    return in_terminal("users", arguments)


def data(arguments: list) -> int:
    """Pictures' generation data: shown, edited, stripped, compared from the terminal."""
    return in_terminal("data", arguments)


def extension(arguments: list) -> int:
    """Extensions, for their authors: checked."""
    return in_terminal("extension", arguments)


def backup(arguments: list) -> int:
    """Settings, styles, accounts and the database saved in one file, also while the server runs."""
    return in_terminal("backup", arguments)


def restore(arguments: list) -> int:
    """A backup put back in place."""
    return in_terminal("restore", arguments)


def in_terminal(command: str, arguments: list) -> int:
    """What modules/commands/ has under that name, given the flags and the other arguments."""
    from importlib import import_module

    from modules.base import bootstrap
    from modules.settings.flags import parse_known

    flags, rest = parse_known(arguments)
    bootstrap.require_writable(flags.paths.data_dir, "Choose another folder with --data-dir.")
    further = for_gpu(flags.attention) + for_cluster(command == "worker")
    python = ready_python(not flags.skip_install, *further)
    if python:
        return bootstrap.hand_over(python, [__file__, command, *arguments])
    report(flags.notes)
    return getattr(import_module("modules.commands." + command), command)(flags, rest)


def test(arguments: list) -> int:
    """pytest, in this file's folder, with these arguments."""
    return run_module("pytest", arguments, "requirements-test.txt")


def bench(arguments: list) -> int:
    """The benchmarks of these names, or all."""
    return run_module("benchmarks", arguments)


def docs(arguments: list) -> int:
    """The tables in docs/ written anew, from what the program declares."""
    return run_module("docs", arguments)


def run_module(module: str, arguments: list, *extra: str) -> int:
    from modules.base import bootstrap

    python = ready_python("--skip-install" not in arguments, *extra)
    rest = [argument for argument in arguments if argument != "--skip-install"]
    return bootstrap.hand_over(python, ["-m", module, *rest], ROOT)


def ready_python(install: bool, *extra: str) -> "Path | None":
    """The Python to go on with; None for the running one."""
    from modules.base import bootstrap

    requirements = [ROOT / name for name in ("requirements.txt", *extra)]
    return bootstrap.ready_python(ROOT / ".venv", requirements, install)


def for_gpu(attention: str) -> list:
    """The further requirements of an attention backend, where there is an NVIDIA GPU to use it."""
    import shutil

    return ["requirements-gpu.txt"] if attention == "xformers" and shutil.which("nvidia-smi") else []


def for_cluster(wanted: bool) -> list:
    """The further requirements of a worker on several machines."""
    return ["requirements-ray.txt"] if wanted else []


def report(notes: tuple) -> None:
    from modules.base import bootstrap

    for note in notes:
        bootstrap.say(note)


COMMANDS = {
    "serve": serve, "generate": generate, "make": make, "train": train, "worker": worker, "users": users, "data": data,
    "extension": extension, "backup": backup, "restore": restore, "test": test, "bench": bench, "docs": docs,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
