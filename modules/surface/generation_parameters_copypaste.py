"""A1111's older name of `modules.infotext_utils`."""

from __future__ import annotations

from typing import Any

from modules.surface import infotext_utils
from modules.surface.infotext_utils import *  # noqa: F403


def __getattr__(name: str) -> Any:
    return getattr(infotext_utils, name)
