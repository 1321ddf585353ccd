"""Pictures of styles: a small JPEG for each, under a name made of the style's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from modules.base.errors import NotFound
from modules.base.files import discard, write_atomically


@dataclass(frozen=True)
class StylePreviews:
    """folders: by rising precedence; the last one is written to."""

    folders: Sequence[Path]

    def stamp(self, name: str) -> str:
        """Return a text that changes with the style's picture; "" if it has none."""
        try:
            return f"{self._path(name).stat().st_mtime_ns:x}"
        except OSError:
            return ""

    def read(self, name: str) -> bytes:
        """Return a style's picture. Raises NotFound."""
        try:
            return self._path(name).read_bytes()
        except OSError as error:
            raise NotFound("That style has no picture.", "Choose one in the styles' dialog.") from error

    def write(self, name: str, jpeg: bytes) -> None:
        """Set a style's picture. Raises DiskFull or Unwritable."""
        write_atomically(self.folders[-1] / preview_name(name), jpeg)

    def move(self, was: str, name: str) -> None:
        """Let a renamed style keep its own picture."""
        if was != name and (path := self.folders[-1] / preview_name(was)).is_file():
            self.write(name, path.read_bytes())
            discard(path)

    def remove(self, name: str) -> None:
        discard(self.folders[-1] / preview_name(name))

    def _path(self, name: str) -> Path:
        paths = [folder / preview_name(name) for folder in self.folders]
        return next((path for path in reversed(paths) if path.is_file()), paths[-1])


def preview_name(style: str) -> str:
    return f"{sha256(style.encode(errors='surrogatepass')).hexdigest()[:24]}.jpg"
