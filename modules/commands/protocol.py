"""HTTP as uvicorn speaks it, whose refusals of what is no HTTP look like all others."""

from __future__ import annotations

import json

from uvicorn.protocols.http.h11_impl import H11Protocol

from modules.api.access import SECURITY_HEADERS
from modules.api.errors import body_of
from modules.base.errors import WebUIError


class PlainSpoken(H11Protocol):
    def send_400_response(self, msg: str) -> None:
        """Called for bytes that are no request; there is none to hand to the application."""
        body = json.dumps(body_of(WebUIError("That is no HTTP request.", "Its first line or a header cannot be read."))).encode()
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close", "Cache-Control": "no-store"}
        lines = ["HTTP/1.1 400 Bad Request", *(f"{name}: {value}" for name, value in (headers | SECURITY_HEADERS).items()), "", ""]
        self.transport.write("\r\n".join(lines).encode() + body)
        self.transport.close()
