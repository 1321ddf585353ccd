"""The table of programs, and the function that asks each of them. Another program is a file here, and one row."""

from __future__ import annotations

from modules.base.registry import Registry
from modules.metadata.dialects.comfyui import COMFYUI
from modules.metadata.dialects.dialect import Dialect, PictureTexts, ProgramData
from modules.metadata.dialects.infotexts import INFOTEXTS
from modules.metadata.dialects.novelai import NOVELAI

DIALECTS: Registry[Dialect] = Registry("program", (INFOTEXTS, NOVELAI, COMFYUI))


def programs_data(said: PictureTexts) -> tuple[ProgramData, ...]:
    """Return what each program says of a picture, in the table's order."""
    return tuple(found for dialect in DIALECTS if (found := dialect.read(said)))
