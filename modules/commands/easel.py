"""Easel as a Python library: `Easel().txt2img("a red fox").image`.

The same path as the program's, without page and server.
"""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from PIL import Image

from modules.api.replies import failure
from modules.app.app import App
from modules.base.accounts import LOCAL_ACCOUNT, LOCAL_OWNER
from modules.base.bootstrap import settle
from modules.base.errors import Invalid
from modules.commands.assemble import assemble, start_worker, terminal_process
from modules.imaging.inputs import save_input
from modules.requests.form import read_submission
from modules.requests.submit import submit
from modules.settings.flag_types import any_path
from modules.settings.flags import ROOT, Flags
from modules.store.jobs import JobRecord

PictureSource = Image.Image | bytes | str | Path      # a picture, its file's content, or its path


@dataclass(frozen=True)
class Generated:
    """The pictures of one request, in order."""

    images: tuple[Image.Image, ...]
    infotexts: tuple[str, ...]         # each picture's generation data
    files: tuple[bytes, ...]           # each picture's file, with its generation data
    warnings: tuple[str, ...]          # such as names in the request that were not found

    @property
    def image(self) -> Image.Image:
        return self.images[0]

    @property
    def infotext(self) -> str:
        return self.infotexts[0]


class Easel:
    """Easel with one worker, which loads a model when the first picture needs it.

    models: the folder of Stable-diffusion, VAE, Lora …; by default the one beside webui.py.
    data:   the folder of settings, styles, saved pictures and hashes, as `--data-dir`. Without one there are A1111's
            default settings and nothing is kept after `close`.
    extensions: load those of the data folder.
    flags:  others of the command line, by their names: `no_half=True`, `use_cpu=("all",)`.
    """

    def __init__(
        self, models: str | Path | None = None, data: str | Path | None = None, *, extensions: bool = False,
        **flags: Any,
    ) -> None:
        settle(os.environ)
        self.keeps, self.closed = data is not None, False
        with ExitStack() as stack:
            program = Flags(
                data_dir=any_path(str(data or stack.enter_context(temporary_folder()))),
                models_dir=models_folder(models, data),
                **flags,
            )
            self.app: App = assemble(program, stack.enter_context(terminal_process(program.paths)))
            if extensions:
                self.app.extensions.load(self.app)
                stack.callback(self.app.extensions.unload)
            start_worker(self.app, resume=False)
            stack.callback(self.app.jobs.stop_worker)
            self._open = stack.pop_all()

    def txt2img(
        self, prompt: str, *, settings: Mapping[str, Any] | None = None, save: bool = False, **fields: Any
    ) -> Generated:
        """Make pictures from words.

        settings: as the API's `override_settings`, `{"sd_model_checkpoint": "dreamshaper"}`.
        save:     also write them to `outputs/` of the data folder.
        fields:   of `params/txt2img.py`; others are as the model suggests, or as on the page.
        Raises UnknownName, Invalid or the error that ended the job.
        """
        return self._generate("txt2img", {"prompt": prompt, **fields}, settings or {}, save)

    def img2img(
        self,
        image: PictureSource,
        prompt: str = "",
        *,
        mask: PictureSource | None = None,
        settings: Mapping[str, Any] | None = None,
        save: bool = False,
        **fields: Any,
    ) -> Generated:
        """Make a picture from another; with a `mask`, paint only its white parts.

        Fields: those of `params/img2img.py`.
        """
        sources = {"init_images": (self._kept(image),), "mask": self._kept(mask) if mask is not None else ""}
        return self._generate("img2img", {"prompt": prompt, **sources, **fields}, settings or {}, save)

    def close(self) -> None:
        """Stop the worker after the current step. Temporary data are deleted."""
        self.closed = True
        self._open.close()

    def __enter__(self) -> Easel:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _generate(self, kind: str, fields: Mapping[str, Any], overrides: Mapping[str, Any], save: bool) -> Generated:
        if self.closed:
            raise Invalid("This Easel is closed.", "Make another: Easel().")
        if save and not self.keeps:
            raise Invalid("There is no folder to save pictures in.", 'Name one: Easel(data="my-pictures").', "save")
        asked = replace(read_submission(self.app, LOCAL_ACCOUNT, kind, fields, overrides), save=save)
        submitted = submit(self.app, asked, LOCAL_ACCOUNT)
        try:
            record = self.app.jobs.wait(submitted.job)
        except KeyboardInterrupt:
            self.app.jobs.interrupt(submitted.job)
            raise
        if record.error:
            raise failure(record.error)
        return read_generated(record, submitted.notes)

    def _kept(self, source: PictureSource) -> str:
        """Store an input picture and return its name. Raises InvalidImage."""
        return save_input(self.app.data_of(LOCAL_OWNER).paths.inputs, picture_bytes(source))


def temporary_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="easel-", ignore_cleanup_errors=True)


def models_folder(models: str | Path | None, data: str | Path | None) -> Path | None:
    """Return the models' folder; None is that of the data folder. Raises Invalid."""
    if models is None:
        return None if data else ROOT / "models"
    if not (folder := any_path(str(models))).is_dir():
        raise Invalid(
            f"There is no folder {folder}.", "It is the one that holds Stable-diffusion, VAE, Lora …", "models"
        )
    return folder


def read_generated(record: JobRecord, notes: Sequence[str]) -> Generated:
    files = tuple(Path(picture.path).read_bytes() for picture in record.pictures)
    images = tuple(Image.open(io.BytesIO(file)) for file in files)
    return Generated(images, tuple(picture.infotext for picture in record.pictures), files, (*record.warnings, *notes))


def picture_bytes(source: PictureSource) -> bytes:
    """Return a picture's file."""
    if isinstance(source, bytes):
        return source
    if not isinstance(source, Image.Image):
        return Path(source).read_bytes()
    file = io.BytesIO()
    source.save(file, "PNG")
    return file.getvalue()

