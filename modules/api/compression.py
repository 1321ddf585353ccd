"""Compression of text (gzip) for clients that accept it. Plain ASGI, in front of everything."""

from __future__ import annotations

import asyncio
import zlib

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COMPRESSIBLE_TYPES = frozenset({
    "text/html", "text/css", "text/plain", "text/javascript",
    "application/javascript", "application/json", "application/manifest+json", "image/svg+xml",
})
AS_IT_IS = ("/sdapi/", "/internal/")      # mostly base64 pictures: much work for little
SMALLEST_COMPRESSED = 1024                           # bytes; smaller bodies are not compressed
THREADED_LENGTH = 2**16                              # bytes; larger parts are compressed in a thread
LEVEL = 6
GZIP = 16 + zlib.MAX_WBITS                # makes zlib write gzip's header


class Compressed:
    """The compressing ASGI application. Each part of a stream is compressed and sent at once."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        inside = scope.get("path", "").removeprefix(scope.get("root_path", ""))
        if scope["type"] != "http" or inside.startswith(AS_IT_IS) or not takes_gzip(Headers(scope=scope)):
            await self.app(scope, receive, send)
        else:
            await self.app(scope, receive, CompressingSend(send))


def takes_gzip(headers: Headers) -> bool:
    """Return whether the client accepts gzip (RFC 9110): it is named, with a weight above 0."""
    accepted = dict(
        coding.replace(" ", "").lower().partition(";q=")[::2]
        for coding in headers.get("accept-encoding", "").split(",")
    )
    return (accepted.get("gzip", "0") or "1").strip("0.") != ""


class CompressingSend:
    """A `send` that compresses. The start is held until the first part shows the length."""

    def __init__(self, send: Send) -> None:
        self.send = send
        self.start: Message | None = None
        self.gzip: zlib._Compress | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and fit(message):
            self.start = message
        elif (start := self.start) is not None and message["type"] == "http.response.body":
            self.start = None
            await self.begin(start, message)
        elif self.gzip is not None and message["type"] == "http.response.body":
            await self.send({**message, "body": await compressed_body(self.gzip, message)})
        else:
            await self.send(message)

    async def begin(self, start: Message, message: Message) -> None:
        whole = not message.get("more_body", False)
        headers = MutableHeaders(scope=start)
        headers.add_vary_header("Accept-Encoding")
        if whole and len(message.get("body", b"")) < SMALLEST_COMPRESSED:
            await self.send(start)
            await self.send(message)
            return
        self.gzip = zlib.compressobj(LEVEL, zlib.DEFLATED, GZIP)
        body = await compressed_body(self.gzip, message)
        headers["Content-Encoding"] = "gzip"
        del headers["Content-Length"], headers["Accept-Ranges"]
        if whole:
            headers["Content-Length"] = str(len(body))
        if (tag := headers.get("etag", "")).startswith('"'):
            headers["ETag"] = f"W/{tag}"      # weak, since the bytes differ
        await self.send(start)
        await self.send({**message, "body": body})


async def compressed_body(gzip: zlib._Compress, message: Message) -> bytes:
    body, mode = message.get("body", b""), zlib.Z_SYNC_FLUSH if message.get("more_body", False) else zlib.Z_FINISH

    def pack() -> bytes:
        return gzip.compress(body) + gzip.flush(mode)

    return await asyncio.to_thread(pack) if len(body) > THREADED_LENGTH else pack()


def fit(start: Message) -> bool:
    headers = Headers(raw=start["headers"])
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    return start["status"] == 200 and kind in COMPRESSIBLE_TYPES and "content-encoding" not in headers
