"""The page's document: gradio's, with our head, so that theme, form and early clicks work before it is rendered."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from functools import lru_cache

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

FOR_GOOD = "public, max-age=31536000, immutable"
# gradio's files with a hash of the content in their names
HASHED = re.compile(r"/assets/[\w.-]+-[\w-]{8}\.(?:js|css|woff2?)")
# a link to a file that we do not have, to a sheet that ours holds, and a script for pages inside other pages
SPARED = re.compile(
    rb'<link rel="manifest"[^>]*>|<link rel="stylesheet" crossorigin [^>]*>'
    rb"|<script>(?:(?!</script>).)*iframeResizer\.contentWindow(?:(?!</script>).)*</script>", re.DOTALL,
)
FIRST_MODULE = b'<script type="module"'
HEAD_END = b"</head>"      # gradio's scripts stand before it and run after ours, since they are modules


class Document:
    """The application that inserts `head(scope)` into the document at `/`; all other paths are gradio's.

    An unchanged document costs a 304, a file with a hash nothing. first: stands before gradio's scripts
    """

    def __init__(self, page: ASGIApp, head: Callable[[Scope], str], first: str = "") -> None:
        self.page, self.head, self.first = page, head, first

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        inside = scope.get("path", "").removeprefix(scope.get("root_path", ""))
        if scope["type"] != "http" or scope["method"] != "GET" or inside not in ("", "/"):
            await self.page(scope, receive, for_good(send) if HASHED.fullmatch(inside) else send)
            return
        reply = Reply()
        await self.page(scope, receive, reply.take)
        if reply.is_page:
            reply.put_first(self.first.encode())
            reply.insert(self.head(scope).encode(), Headers(scope=scope).get("if-none-match", ""))
        await send(reply.start)
        await send({"type": "http.response.body", "body": reply.body})


@lru_cache(maxsize=2)      # gradio's document is the same for all until an extension changes the page
def without_spared(document: bytes) -> bytes:
    return SPARED.sub(b"", document)


def for_good(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 200:
            MutableHeaders(scope=message)["Cache-Control"] = FOR_GOOD
        await send(message)

    return sending


class Reply:
    """A response, collected whole."""

    def __init__(self) -> None:
        self.start: Message = {}
        self.body = b""

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.start = message
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    @property
    def is_page(self) -> bool:
        return self.start["status"] == 200 and Headers(raw=self.start["headers"]).get("content-type", "").startswith(
            "text/html"
        )

    def put_first(self, element: bytes) -> None:
        """Insert an element before the document's first module."""
        self.body = self.body.replace(FIRST_MODULE, element + FIRST_MODULE, 1)

    def insert(self, head: bytes, known: str) -> None:
        """Insert the head into the document.

        known: the ETag of the browser's copy
        """
        before, end, after = without_spared(self.body).rpartition(HEAD_END)
        self.body = before + head + end + after
        tag = f'"{hashlib.sha256(self.body).hexdigest()[:32]}"'
        if tag in known:
            self.start["status"], self.body = 304, b""
        headers = MutableHeaders(scope=self.start)
        headers["ETag"], headers["Cache-Control"] = tag, "private, no-cache"
        headers["Content-Length"] = str(len(self.body))
