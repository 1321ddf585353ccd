"""The table of programs, and the function that asks each of them. Another program is a file here, and one row."""

from __future__ import annotations

from modules.base.registry import Registry
from modules.metadata.dialects.civitai import CIVITAI
from modules.metadata.dialects.comfyui import COMFYUI
from modules.metadata.dialects.dialect import Dialect, PictureTexts, ProgramData
from modules.metadata.dialects.drawthings import DRAW_THINGS
from modules.metadata.dialects.easydiffusion import EASY_DIFFUSION
from modules.metadata.dialects.fooocus import FOOOCUS, RUINED_FOOOCUS
from modules.metadata.dialects.infotexts import INFOTEXTS
from modules.metadata.dialects.invokeai import INVOKEAI
from modules.metadata.dialects.midjourney import MIDJOURNEY
from modules.metadata.dialects.mochidiffusion import MOCHI_DIFFUSION
from modules.metadata.dialects.novelai import NOVELAI
from modules.metadata.dialects.swarmui import SWARMUI

DIALECTS: Registry[Dialect] = Registry(
    "program",
    (
        INFOTEXTS,      # first: whoever writes A1111's text beside its own says it best there
        SWARMUI,
        FOOOCUS,
        RUINED_FOOOCUS,
        CIVITAI,
        INVOKEAI,
        NOVELAI,
        DRAW_THINGS,
        EASY_DIFFUSION,
        COMFYUI,
        MOCHI_DIFFUSION,
        MIDJOURNEY,
    ),
)


def programs_data(said: PictureTexts) -> tuple[ProgramData, ...]:
    """Return what each program says of a picture, in the table's order."""
    return tuple(found for dialect in DIALECTS if (found := dialect.read(said)))
