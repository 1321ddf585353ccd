"""Texts of ours that browsers keep for good: their addresses change with them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

FOR_GOOD = "public, max-age=31536000, immutable"
CONTENT_TYPES = {"js": "text/javascript", "css": "text/css"}
PLACE = "/easel/page"      # the assets' path below the page's address


@dataclass(frozen=True)
class Built:
    """A text served under a name that contains its hash, so that browsers may keep it for good."""

    stem: str
    ending: str
    text: str

    @cached_property
    def name(self) -> str:
        return f"{self.stem}-{hashlib.sha256(self.text.encode()).hexdigest()[:12]}.{self.ending}"

    @property
    def path(self) -> str:
        return f"{PLACE}/{self.name}"

    def response(self) -> Response:
        return Response(self.text, media_type=CONTENT_TYPES[self.ending], headers={"Cache-Control": FOR_GOOD})

    def route(self) -> Route:
        def answer(_: Request) -> Response:
            return self.response()

        return Route(self.path, answer)
