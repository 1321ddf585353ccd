"""The parameters of jobs that put a picture into words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import ConfigDict

from modules.base.fields import Number, Param, Text

CAPTION_FOLDER = "captions"      # in the cache; a folder for each account


@dataclass(frozen=True, kw_only=True)
class Interrogation:
    """The parameters of such a job: the picture, the model, and how captions are searched for."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    image: Annotated[str, Param("Picture", Text(1, 500), "A picture that was sent to /easel/v1/inputs.")] = ""
    captioner: Annotated[
        str, Param("Caption model", Text(1, 500), "A file in models/BLIP; empty is the first there is.")
    ] = ""
    num_beams: Annotated[int, Param("BLIP: num_beams", Number(1, 16), "Captions that are followed side by side.")] = 1
    min_length: Annotated[int, Param("BLIP: minimum description length", Number(1, 128), "In tokens.")] = 24
    max_length: Annotated[int, Param("BLIP: maximum description length", Number(1, 256), "In tokens.")] = 48

    @property
    def file_name(self) -> str:
        """The name of the file that the caption is in; a later one of the same picture takes its place."""
        parts = (self.image.partition(".")[0][:32], self.num_beams, self.min_length, self.max_length)
        return "-".join(map(str, parts)) + ".txt"
