"""A1111's `modules.api.models`: the API's requests and replies."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


class ScriptArg(BaseModel):
    """An argument of a script."""

    label: str | None = None
    value: Any = None
    minimum: Any = None
    maximum: Any = None
    step: Any = None
    choices: list[Any] | None = None


class ScriptInfo(BaseModel):
    name: str | None = None
    is_alwayson: bool | None = None
    is_img2img: bool | None = None
    args: list[ScriptArg]
