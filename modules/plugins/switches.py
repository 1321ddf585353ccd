"""Which extensions are loaded: switched off by flags or settings, or left out since Easel ended while loading."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from modules.base.files import write_atomically
from modules.plugins.manifest import Extension
from modules.settings.file import SettingsFile
from modules.settings.flags import LOOPBACK, Flags

# settings that name extensions, as lists
DISABLED = "disabled_extensions"                # A1111's
ENABLED_EXAMPLES = "enabled_examples"           # the examples in use
ENABLED_FOR_OTHERS = "enabled_for_others"       # those that somebody has switched on beyond loopback
NOT_FOR_OTHERS = "Others can reach this server: it is off until somebody switches it on."
LARGEST_NOTE = 64 * 2**10       # bytes of the files here


class LoadingMarker:
    """The name of the extension that is being loaded, in a file: one that is left over tells which ended Easel."""

    def __init__(self, cache: Path, process: str) -> None:
        """process: "server" or "worker", each of which loads them"""
        self.path = cache / f"extension-loading-{process}"
        self.crashed_path = cache / "extensions-that-ended-easel"

    def learn(self) -> None:
        """Note the extension of the last start's marker among those that are left out; called before loading."""
        name = small_text(self.path)
        if name and name not in self.crashed():
            self._write(self.crashed_path, "\n".join([*self.crashed(), name]))
        self.path.unlink(missing_ok=True)

    @contextmanager
    def during(self, name: str) -> Iterator[None]:
        """Have the extension's name in the file while its code runs."""
        self._write(self.path, name)
        try:
            yield
        finally:
            self.path.unlink(missing_ok=True)

    def crashed(self) -> list[str]:
        """Return the names of the extensions that are left out."""
        return small_text(self.crashed_path).split("\n") if self.crashed_path.is_file() else []

    def forgive(self, name: str) -> None:
        """Let an extension be loaded again."""
        self._write(self.crashed_path, "\n".join(each for each in self.crashed() if each != name))

    def _write(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.encode())


def small_text(path: Path) -> str:
    """Return a small file's text; "" if there is none."""
    with suppress(OSError):
        if path.stat().st_size <= LARGEST_NOTE:
            return path.read_text("utf-8", errors="replace")
    return ""


def switched_off_by_name(flags: Flags, foreign: Mapping[str, Any], extension: Extension) -> str:
    """Return why an extension is off that a flag or the settings name; "" if none does.

    A part of Easel is off only so: in A1111 it is no extension, and stays when all extensions are off.
    """
    if extension.name in flags.disable_extensions:
        return "Easel was started without it."
    return "It is switched off." if extension.name in foreign.get(DISABLED, ()) else ""


def keep_switch(settings: SettingsFile, cache: Path, extension: Extension, enabled: bool, for_others: bool) -> None:
    """Note that an extension is on or off from the next start; one that ended Easel is tried again.

    for_others: whether to switch it on means beyond loopback too
    """
    named = {ENABLED_EXAMPLES: enabled} if extension.is_example else {DISABLED: not enabled}
    if for_others or not enabled:
        named[ENABLED_FOR_OTHERS] = enabled
    for key, listed in named.items():
        others = [each for each in settings.foreign.get(key, ()) if each != extension.name]
        settings.keep(key, [*others, extension.name] if listed else others)
    if enabled:
        LoadingMarker(cache, "server").forgive(extension.name)      # of every process: they share the list


def waits_for_consent(flags: Flags, foreign: Mapping[str, Any], extension: Extension) -> bool:
    """Return whether an extension with code is off since others can reach the server, and nobody has switched it on.

    What an A1111 extension keeps from one person's picture, the next person's may see. Those that come with Easel keep
    nothing.
    """
    if flags.host in LOOPBACK or extension.is_example or extension.is_part:
        return False
    return extension.has_code and extension.name not in foreign.get(ENABLED_FOR_OTHERS, ())


def switched_off(flags: Flags, foreign: Mapping[str, Any], marker: LoadingMarker) -> Callable[[Extension], str]:
    """Return a function that says why an extension is not to be loaded; "" if it is.

    foreign: A1111's settings `disabled_extensions` and `disable_all_extensions`, ENABLED_EXAMPLES, ENABLED_FOR_OTHERS
    """
    crashed = marker.crashed()

    def why(extension: Extension) -> str:
        if flags.disable_all_extensions or flags.disable_extra_extensions:
            return "Easel was started without extensions."
        if foreign.get("disable_all_extensions", "none") != "none":
            return "The settings switch all extensions off."
        if by_name := switched_off_by_name(flags, foreign, extension):
            return by_name
        if extension.is_example and extension.name not in foreign.get(ENABLED_EXAMPLES, ()):
            return "It is one of Easel's examples; switch it on to try it."
        if waits_for_consent(flags, foreign, extension):
            return NOT_FOR_OTHERS
        if extension.name in crashed:
            return "Easel ended while it was being loaded; switch it on to try again."
        return ""

    return why
