"""The parameters of jobs that look at the library's pictures with an image encoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Interval
from pydantic import ConfigDict

from modules.base.fields import Number, Param, Text


@dataclass(frozen=True, kw_only=True)
class PictureEmbedding:
    """The parameters of such a job: which encoder, and the picture that is looked at first."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    encoder: Annotated[
        str, Param("CLIP image encoder", Text(1, 500), "A file in models/clip_vision; empty is the first there is.")
    ] = ""
    picture: Annotated[
        int, Interval(ge=0, le=2**53), Param("First picture", Number(), "The id of a picture of the library.")
    ] = 0
