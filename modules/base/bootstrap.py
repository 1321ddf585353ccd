"""The checks before anything is loaded: the virtual environment, the port, the folder to write to.

Standard library only: this runs under the system's Python, before the first install.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import hashlib
import importlib.metadata
import importlib.util
import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import MutableMapping, Sequence
from pathlib import Path

from modules.base.errors import WebUIError
from modules.base.files import write_atomically

OLDEST, NEWEST = (3, 11), (3, 13)       # Pythons for which all of requirements.txt exists
TOO_NEW = " If it found no version of a package, this Python may be too new: try python3.12 webui.py"
MOVE = "Move Easel to a folder of your own, or change who may write there."
PIN = re.compile(r'(?<![\w.-])([\w.-]+)==([\w.+-]+)(?:\s*;\s*python_version\s*(>=|<)\s*"(\d+)\.(\d+)")?')
LIBRARY_FOLDERS = ("/usr/lib/*-linux-gnu", "/lib/*-linux-gnu", "/usr/lib64", "/lib64", "/usr/lib", "/usr/local/lib")
ALLOCATORS = ("libtcmalloc_minimal.so.[0-9]*", "libtcmalloc.so.[0-9]*")
MOST_ARENAS, M_ARENA_MAX = 2, -8      # the latter is malloc.h's
ENVIRONMENT = {
    "GRADIO_ANALYTICS_ENABLED": "False",        # nothing leaves this computer unasked
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "TRANSFORMERS_VERBOSITY": "error",          # their advice is for programmers
    "DIFFUSERS_VERBOSITY": "error",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONUTF8": "1",
}


class SetupFailed(WebUIError):
    """Easel cannot start on this machine as it is."""

    code, status = "setup_failed", 500


def settle(environ: MutableMapping[str, str]) -> None:
    """Set environment variables that libraries read on import; the user's own values stay."""
    for name, value in ENVIRONMENT.items():
        environ.setdefault(name, value)
    environ.pop("PYTHONHOME", None)     # another Python's library, which .venv would use too


# --- the allocator ---

def preload_allocator(environ: MutableMapping[str, str], folders: Sequence[str] = LIBRARY_FOLDERS) -> bool:
    """Make the next process of this environment start with tcmalloc, which returns memory that glibc's keeps.

    Returns False if the library is missing or loaded already. Linux only. Other preloaded libraries stay.
    """
    before = environ.get("LD_PRELOAD", "")
    if not sys.platform.startswith("linux") or "tcmalloc" in before:
        return False
    places = (path for folder in folders for name in ALLOCATORS for path in sorted(glob.glob(f"{folder}/{name}")))
    library = next(places, None)
    if library is None:
        return False
    environ["LD_PRELOAD"] = f"{library}:{before}" if before else library
    return True


def bound_arenas(environ: MutableMapping[str, str]) -> None:
    """Limit the arenas of glibc's allocator, here and in child processes: each thread's own keeps freed memory."""
    if sys.platform.startswith("linux") and "tcmalloc" not in environ.get("LD_PRELOAD", ""):
        environ.setdefault("MALLOC_ARENA_MAX", str(MOST_ARENAS))
        import ctypes

        with contextlib.suppress(OSError, AttributeError):      # another C library
            ctypes.CDLL(None).mallopt(M_ARENA_MAX, int(environ["MALLOC_ARENA_MAX"]))


# --- the virtual environment ---

def ready_python(venv: Path, requirements: Sequence[Path], install: bool) -> Path | None:
    """Return the Python that has all of `requirements`, or None if it is the running one.

    Makes `venv` and installs requirements without a valid stamp, unless `install` is False.
    Raises SetupFailed; the next start then resumes.
    """
    python = python_of(venv)
    version = python_version(python)
    missing = [file for file in requirements if not is_stamped(venv, file, version)]
    if not (install and missing):
        return None if is_running_in(venv) or version is None else python
    if all(is_satisfied(file) for file in requirements):
        return None
    make_venv(venv, version)
    for file in missing:
        install_requirements(venv, file)
    return python


def python_of(venv: Path) -> Path:
    return venv / "Scripts" / "python.exe" if os.name == "nt" else venv / "bin" / "python"


def is_running_in(venv: Path) -> bool:
    return venv.is_dir() and os.path.samefile(sys.prefix, venv)


def python_version(python: Path) -> tuple[int, int] | None:
    """Return its version, or None if it does not run or is too old: an upgrade may have removed `.venv`'s target."""
    ask = [str(python), "-I", "-S", "-c", "import sys; print(*sys.version_info[:2])"]
    try:
        major, minor = subprocess.run(ask, capture_output=True, text=True, check=True).stdout.split()
    except (OSError, ValueError, subprocess.CalledProcessError):
        return None
    version = int(major), int(minor)
    return version if version >= OLDEST else None


def stamp_path(venv: Path, requirements: Path) -> Path:
    return venv / f"{requirements.stem}.stamp"


def signature(requirements: Path, version: tuple[int, int]) -> str:
    """Return a stamp that changes with the list and with the Python."""
    return "{}.{} {}\n".format(*version, hashlib.sha256(requirements.read_bytes()).hexdigest())


def is_stamped(venv: Path, requirements: Path, version: tuple[int, int] | None) -> bool:
    stamp = stamp_path(venv, requirements)
    return version is not None and stamp.is_file() and stamp.read_text() == signature(requirements, version)


def is_satisfied(requirements: Path) -> bool:
    """Return whether the running Python has exactly these packages, whoever installed them."""
    try:
        wanted = pins(requirements.read_text(encoding="utf-8"), sys.version_info[:2])
        return all(importlib.metadata.version(name).split("+")[0] == pin for name, pin in wanted.items())
    except (ValueError, importlib.metadata.PackageNotFoundError):
        return False


def pins(text: str, version: tuple[int, int]) -> dict[str, str]:
    """Package → version, of lines `name==version`, perhaps with a `python_version` marker.

    Raises ValueError for lines of another form: those are pip's to judge.

    >>> pins('numpy==2.2; python_version < "3.11"  # why', (3, 10))
    {'numpy': '2.2'}
    """
    found = {}
    for line in text.splitlines():
        if not (line := line.partition("#")[0].strip()):
            continue
        if not (pin := PIN.fullmatch(line)):
            raise ValueError(line)
        name, wanted, than, major, minor = pin.groups()
        if not than or (version >= (int(major), int(minor))) == (than == ">="):
            found[name] = wanted
    return found


def make_venv(venv: Path, version: tuple[int, int] | None) -> None:
    """Make `venv`, or repair one without pip after an interruption; start afresh if its Python has changed."""
    changed = version is None or any(not stamp.read_text().startswith("{}.{} ".format(*version))
                                     for stamp in venv.glob("*.stamp"))
    if not changed and has_pip(python_of(venv)):
        return
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        raise without_venv()
    require_writable(venv if venv.exists() else venv.parent, MOVE)
    say(f"The Python that made {venv.name} is gone or has changed; making it again." if changed and venv.exists()
        else f"Making {venv.name} in {venv.parent} …")
    create(venv, clear=changed)
    if not has_pip(python_of(venv)):    # half a pip, which ensurepip mistakes for a whole one
        create(venv, clear=True)


def create(venv: Path, clear: bool) -> None:
    from venv import EnvBuilder  # late: Debian may lack it, see `without_venv`

    try:
        EnvBuilder(with_pip=True, clear=clear, symlinks=os.name != "nt").create(venv)
    except subprocess.CalledProcessError as error:
        raise SetupFailed("This Python could not put pip into .venv.", without_venv().hint) from error
    except OSError as error:
        raise SetupFailed(f"Cannot make {venv}: {error.strerror}.", "Make room or change the permissions.") from error
    except ValueError as error:  # PATH's separator in the path
        raise SetupFailed(
            f"Cannot make {venv}.", f"Move Easel to a folder without {os.pathsep!r} in its path."
        ) from error


def without_venv() -> SetupFailed:
    package = "python{}.{}-venv".format(*sys.version_info)
    return SetupFailed(f"The Python at {sys.executable} cannot make virtual environments.",
                       f"On Debian or Ubuntu: sudo apt install {package}. Elsewhere install Python from python.org.")


def has_pip(python: Path) -> bool:
    return subprocess.run([str(python), "-m", "pip", "--version"], capture_output=True).returncode == 0


def install_requirements(venv: Path, requirements: Path) -> None:
    """Run pip with visible progress, and stamp `venv` when all is installed."""
    require_writable(venv, MOVE)
    stamp_path(venv, requirements).unlink(missing_ok=True)
    say(f"Installing {requirements.name} into {venv}: once, and it may take minutes.")
    python = python_of(venv)
    pip = [str(python), "-u", "-m", "pip", "install", "--disable-pip-version-check", "-r", str(requirements)]
    if subprocess.run(pip, stdin=subprocess.DEVNULL, env={**os.environ, "PIP_USER": "0"}).returncode:
        raise SetupFailed(f"pip could not install {requirements.name}; its reason stands above.",
                          "Look at the network connection and the free space, then start again: it goes on from here."
                          + (TOO_NEW if sys.version_info[:2] > NEWEST else ""))
    version = python_version(python)
    if version is None:
        raise SetupFailed(f"The Python in {venv} does not run.", f"Delete {venv} and start again.")
    write_atomically(stamp_path(venv, requirements), signature(requirements, version).encode())


def hand_over(
    python: Path | None, arguments: Sequence[str], folder: Path | None = None, secret: Sequence[str] = ()
) -> int:
    """Run `python` (None: the running one) with these arguments, in `folder`; returns the exit code, if it returns.

    secret: arguments passed in the environment, since everybody on the machine may list a process's arguments
    """
    command = [str(python or sys.executable), *arguments]
    if secret:
        os.environ["COMMANDLINE_ARGS"] = f"{os.environ.get('COMMANDLINE_ARGS', '')} {shlex.join(secret)}".strip()
    if folder:
        os.chdir(folder)
    sys.stdout.flush()
    if os.name == "nt":                 # its exec returns to the shell at once
        return subprocess.run(command).returncode
    os.execv(command[0], command)


def say(line: str) -> None:
    """Print a line; that nobody reads it any more is no reason to stop."""
    try:
        print(line, flush=True)
    except OSError:      # a closed pipe: Python would fail on it once more at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


# --- the machine ---

def require_writable(folder: Path, hint: str) -> None:
    """Make `folder` if it is missing; raises SetupFailed with `hint` unless files can be made in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupFailed(f"Cannot make the folder {folder}: {error.strerror}.", hint) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SetupFailed(f"Easel may not write to {folder}.", hint)


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket, so that a port in use is noticed before anything slow; port 0 takes a free one.

    Raises SetupFailed.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        sock = socket.socket(family, kind, protocol)
    except OSError as error:
        raise unreachable(host, port, error) from error
    try:
        # Elsewhere this allows a restart at once; on Windows it would allow two servers on one port.
        sock.setsockopt(socket.SOL_SOCKET, getattr(socket, "SO_EXCLUSIVEADDRUSE", socket.SO_REUSEADDR), 1)
        sock.bind(address)
        sock.listen(128)
    except OSError as error:
        sock.close()
        raise unreachable(host, port, error) from error
    return sock


def unreachable(host: str, port: int, error: OSError) -> SetupFailed:
    if error.errno == errno.EADDRINUSE:
        return SetupFailed(f"Port {port} is busy: something else, perhaps another Easel, answers at {host}.",
                           f"Stop that, or choose another port: --port {port + 1 if port < 65535 else 7860}")
    if error.errno == errno.EACCES:
        return SetupFailed(f"Port {port} is not for everyone to use.", "Choose one above 1023: --port 7860")
    return SetupFailed(f"Cannot listen at {host}: {error.strerror}.",
                       "--server-name takes an address of this computer; leave it out to use 127.0.0.1.")
