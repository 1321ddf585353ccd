"""Compression of text for clients that accept it: gzip, and for files that are kept for good Brotli where it is taken.

Such files are compressed once, better than what changes, and better still for later visitors. Plain ASGI, in front of
everything.
"""

from __future__ import annotations

import asyncio
import gzip
import threading
import zlib
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial

import brotli
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
BROTLI_QUALITY = 9       # the first visitor waits for it
BEST_BROTLI = 11         # for later ones: takes fifteen times as long for a tenth less
ROOM_FOR_FILES = 2**25                    # bytes of them in memory
GZIP = 16 + zlib.MAX_WBITS                # makes zlib write gzip's header
CODINGS: Mapping[str, Callable[[bytes], bytes]] = {      # of whole files, the better first
    "br": partial(brotli.compress, quality=BROTLI_QUALITY), "gzip": partial(gzip.compress, compresslevel=9, mtime=0),
}


class Compressed:
    """The compressing ASGI application. Each part of a stream is compressed and sent at once."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.kept = KeptFiles()
        self.improver = Improver(self.kept.improve)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers, path = Headers(scope=scope), scope.get("path", "")
        inside = path.removeprefix(scope.get("root_path", ""))
        if scope["type"] != "http" or inside.startswith(AS_IT_IS) or not takes(headers, "gzip"):
            await self.app(scope, receive, send)
        elif scope.get("method") != "GET":
            await self.app(scope, receive, CompressingSend(send))
        else:
            await self.answer(scope, receive, send, next(coding for coding in CODINGS if takes(headers, coding)))

    async def answer(self, scope: Scope, receive: Receive, send: Send, coding: str) -> None:
        name = scope.get("path", ""), coding
        if (known := self.kept.find(name)) is not None:
            await send_whole(known, send)
        else:
            await self.app(scope, receive, WholeSend(CompressingSend(send), coding, partial(self.keep, name)))

    def keep(self, name: tuple[str, str], start: Message, body: bytes, text: bytes) -> None:
        """Keep a file.

        text: what it says, uncompressed
        """
        if self.kept.keep(name, start, body) and name[1] == "br":
            self.improver.add(name, text)


class KeptFiles:
    """Files that are kept for good, as they were sent compressed, by path and coding."""

    def __init__(self) -> None:
        self._files: dict[tuple[str, str], tuple[Message, bytes]] = {}
        self._room = ROOM_FOR_FILES

    def find(self, name: tuple[str, str]) -> tuple[Message, bytes] | None:
        return self._files.get(name)

    def keep(self, name: tuple[str, str], start: Message, body: bytes) -> bool:
        """Keep a file, if there is room and it is new; return whether it is kept now."""
        if len(body) > self._room or name in self._files:
            return False
        self._room -= len(body)
        self._files[name] = start, body
        return True

    def improve(self, name: tuple[str, str], body: bytes) -> None:
        """Put a shorter body in the place of a file's."""
        start, known = self._files[name]
        if len(body) < len(known):
            better = {**start, "headers": list(start["headers"])}
            MutableHeaders(scope=better)["Content-Length"] = str(len(body))
            self._files[name] = better, body


class Improver:
    """Compresses files once more, as well as Brotli can, one after the other in a thread that ends with them."""

    def __init__(self, improve: Callable[[tuple[str, str], bytes], None]) -> None:
        self._improve = improve
        self._waiting: deque[tuple[tuple[str, str], bytes]] = deque()
        self._lock = threading.Lock()
        self._working = False

    def add(self, name: tuple[str, str], text: bytes) -> None:
        with self._lock:
            self._waiting.append((name, text))
            if not self._working:
                self._working = True
                threading.Thread(target=self._run, name="compression", daemon=True).start()

    def _run(self) -> None:
        while (given := self._next()) is not None:
            name, text = given
            self._improve(name, brotli.compress(text, quality=BEST_BROTLI))

    def _next(self) -> tuple[tuple[str, str], bytes] | None:
        with self._lock:
            self._working = bool(self._waiting)
            return self._waiting.popleft() if self._waiting else None


class WholeSend:
    """A `send` that compresses files that are kept for good, each whole, and passes all else to `others`."""

    def __init__(self, others: CompressingSend, coding: str, keep: Callable[[Message, bytes, bytes], None]) -> None:
        self.others, self.coding, self.keep = others, coding, keep
        self.start: Message | None = None
        self.body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and fit(message) and is_for_good(message):
            self.start = message
        elif self.start is None or message["type"] != "http.response.body":
            await self.others(message)
        else:
            self.body += message.get("body", b"")
            if not message.get("more_body", False):
                await self.finish(self.start)

    async def finish(self, start: Message) -> None:
        body = await asyncio.to_thread(CODINGS[self.coding], self.body)
        headers = MutableHeaders(scope=start)
        headers.add_vary_header("Accept-Encoding")
        headers["Content-Encoding"], headers["Content-Length"] = self.coding, str(len(body))
        del headers["Accept-Ranges"], headers["ETag"], headers["Last-Modified"]      # nobody asks for it again
        self.keep(start, body, self.body)
        await send_whole((start, body), self.others.send)


async def send_whole(file: tuple[Message, bytes], send: Send) -> None:
    start, body = file
    await send({**start, "headers": list(start["headers"])})
    await send({"type": "http.response.body", "body": body})


def is_for_good(start: Message) -> bool:
    keeping = Headers(raw=start["headers"]).get("cache-control", "")
    return "public" in keeping and "immutable" in keeping


def takes(headers: Headers, wanted: str) -> bool:
    """Return whether the client accepts a coding (RFC 9110): it is named, with a weight above 0."""
    accepted = dict(
        coding.replace(" ", "").lower().partition(";q=")[::2]
        for coding in headers.get("accept-encoding", "").split(",")
    )
    return (accepted.get(wanted, "0") or "1").strip("0.") != ""


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


async def compressed_body(packer: zlib._Compress, message: Message) -> bytes:
    body, mode = message.get("body", b""), zlib.Z_SYNC_FLUSH if message.get("more_body", False) else zlib.Z_FINISH

    def pack() -> bytes:
        return packer.compress(body) + packer.flush(mode)

    return await asyncio.to_thread(pack) if len(body) > THREADED_LENGTH else pack()


def fit(start: Message) -> bool:
    headers = Headers(raw=start["headers"])
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    return start["status"] == 200 and kind in COMPRESSIBLE_TYPES and "content-encoding" not in headers
