"""The writing of pictures that extensions are told of: before, when they may change them, and after."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from PIL import Image

from modules.base.errors import Invalid
from modules.base.files import NoteName, no_note
from modules.imaging.save import Destination, FileFormat
from modules.pipelines.result import SideImage
from modules.plugins.host import CallFailed, Host, surface
from modules.settings.options import Settings
from modules.worker.saving import Sheet, saved_with_others


@dataclass(frozen=True)
class ToldFile:
    """A picture on its way into the outputs.

    texts: further texts of its file; beside: images saved with it
    """

    image: Image.Image
    infotext: str
    texts: Mapping[str, str] = field(default_factory=dict)
    beside: Sequence[SideImage] = ()


@dataclass(frozen=True)
class ToldSaving:
    """Writes the pictures of one job; note: tells its owner."""

    host: Host
    outputs: Path           # the owner's
    note: Callable[[str], None]

    @property
    def heard(self) -> bool:
        """True if an extension wants to know what is saved."""
        return bool(self.host.listeners("before_image_saved") or self.host.listeners("image_saved"))

    def save(self, p: Any, file: ToldFile, place: Destination, s: Settings, note: NoteName = no_note) -> Path | None:
        """Write a picture as extensions want it; returns its path if the file shows the very picture.

        note: called before a file of the very picture gets its name
        Raises Invalid for a folder that is none of the outputs', DiskFull or Unwritable.
        """
        how = picture_format(s, file.image)
        path = next(each for each in place.names(how.name, "") if not each.exists())
        params = self.told_before(p, file.image, path, {**file.texts, "parameters": file.infotext})
        target = self.allowed(Path(params.filename), place.folder)
        pairs = {key: str(text) for key, text in params.pnginfo.items() if key != "parameters"}
        text = str(params.pnginfo.get("parameters", ""))
        sheet = Sheet(params.image, how, text if s.enable_pnginfo else "", pairs, file.beside)
        own = Destination(target.parent, target.stem, numbered=False, replaces=place.replaces)
        same = params.image is file.image or params.image.tobytes() == file.image.tobytes()
        shown = same and text == file.infotext
        written, problem = saved_with_others(sheet, own, "", s, note if shown else no_note)
        if problem:
            self.note(f"What belongs to a picture could not be saved. {problem}")
        self.told_after(params, written)
        return written if shown else None

    def told_before(self, p: Any, image: Image.Image, path: Path, texts: Mapping[str, str]) -> Any:
        """Return A1111's parameters of a file that is to be written, as extensions leave them."""
        params = surface("script_callbacks").ImageSaveParams(image, p, str(path), dict(texts))
        self.call("before_image_saved", params)
        return params

    def told_after(self, params: Any, written: Path) -> None:
        params.filename = str(written)
        self.call("image_saved", params)

    def allowed(self, path: Path, folder: Path | None = None) -> Path:
        """Return a path that an extension has named, below the owner's outputs. Raises Invalid.

        folder: another one that is allowed, where the job was asked to write
        """
        outputs = self.outputs.resolve()
        whole = path if path.is_absolute() else outputs / path
        if not any(whole.resolve().is_relative_to(each.resolve()) for each in (outputs, folder or outputs)):
            raise Invalid(f"An extension wants to save to {path}.", "Only folders below the outputs are written to.")
        return whole

    def call(self, moment: str, params: Any) -> None:
        for listener in self.host.listeners(moment):
            try:
                self.host.call(listener.extension, moment, listener.function, params)
            except CallFailed as error:
                self.note(f"{error}; the picture was saved without it.")


def picture_format(s: Settings, image: Image.Image) -> FileFormat:
    return FileFormat(s.samples_format, s.jpeg_quality, s.webp_lossless).fitting(image.size)


def names_from(path: Path) -> Iterator[Path]:
    """Yield a path, and further ones with a number if it is taken."""
    yield path
    yield from (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in count(1))
