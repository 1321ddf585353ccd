"""A1111's `modules.interrogate`: pictures put into words, by the caption model that Easel has."""

from __future__ import annotations

from typing import Any

from modules.app.app import App
from modules.imaging.save import png
from modules.library.captioners import find_captioner
from modules.plugins.hollow import NotHere
from modules.requests.captions import captioned
from modules.surface.asking import asking_account
from modules.surface.binding import bound_host


class InterrogateModels:
    """`shared.interrogator`. A caption is a job like any other, so nothing is loaded or freed by hand."""

    skip_categories: tuple[str, ...] = ()

    def load(self) -> None:
        """Raise ModelMissing, which names the file, if there is no caption model."""
        find_captioner(self.program.models)

    def unload(self) -> None: ...
    def send_blip_to_ram(self) -> None: ...
    def send_clip_to_ram(self) -> None: ...
    def categories(self) -> list[Any]:
        return []

    def generate_caption(self, pil_image: Any) -> str:
        """Return what a picture shows, as BLIP says it. Raises ModelMissing or the error that ended the job."""
        return captioned(self.program, png(pil_image.convert("RGB"), ""), asking_account())

    def interrogate(self, pil_image: Any) -> str:
        return self.generate_caption(pil_image)

    @property
    def program(self) -> App:
        """The server, which has the jobs. Raises NotHere in a worker of its own process."""
        program = bound_host().program
        if not isinstance(program, App):
            raise NotHere("modules.shared.interrogator")
        return program
