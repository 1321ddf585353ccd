"""The page's document: gradio's, with our head, so that theme, form and early clicks work before it is rendered."""

from __future__ import annotations

import hashlib
import json
import re
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from modules.ui.built import FOR_GOOD, PLACE, Built
from modules.ui.description import split_document

# gradio's files with a hash of the content in their names
HASHED = re.compile(r"/assets/[\w.-]+-[\w-]{8}\.(?:js|css|woff2?)")
OF_DOCUMENT = re.compile(rf"{PLACE}/(?:start|tabs)-[0-9a-f]{{12}}\.js")      # files that are made with the document
# a link to a file that we do not have, to a sheet that ours holds, and a script for pages inside other pages
SPARED = re.compile(
    rb'<link rel="manifest"[^>]*>|<link rel="stylesheet" crossorigin [^>]*>'
    rb"|<script>(?:(?!</script>).)*iframeResizer\.contentWindow(?:(?!</script>).)*</script>", re.DOTALL,
)
# their components come when one of them is opened, unless an extension looks for all of the page
LATER_TABS = frozenset({"tab_modelmerger", "tab_ti", "tab_settings"})
FIRST_MODULE = b'<script type="module"'
LARGEST_STORE = 8          # documents, and files of what is taken out of them
# headers with which gradio's document changes: it holds its own address, and its reply allows other origins
OF_THE_ADDRESS = re.compile(rb"host|origin|x-forwarded-[\w-]+|x-gradio-[\w-]+")
HEAD_END = b"</head>"      # gradio's scripts stand before it and run after ours, since they are modules

# what stands before gradio's scripts and what stands last, for a request and the file that is to run first
MakeHead = Callable[[Scope, Built], tuple[str, str]]


class Document:
    """The application that completes the document at `/` by what is ours; all other paths are gradio's.

    An unchanged document costs a 304, a file with a hash nothing. The description of the page is taken out of it, into
    files that have a hash too (description.py).
    """

    def __init__(self, page: ASGIApp, head: MakeHead, begin: Callable[[str], Built], steady: bool = True) -> None:
        """begin: returns the file of what runs first, from the script that completes gradio's description

        steady: gradio's document changes with the request's address alone, so it is made once for each
        """
        self.page, self.head, self.begin, self.steady = page, head, begin, steady
        self.pieces = lru_cache(LARGEST_STORE)(self.cut)
        self.later = LATER_TABS if steady else frozenset()
        self._documents: OrderedDict[Hashable, Reply] = OrderedDict()
        self._files: OrderedDict[str, Built] = OrderedDict()      # by the path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        inside = scope.get("path", "").removeprefix(scope.get("root_path", ""))
        if scope["type"] != "http" or scope["method"] != "GET":
            await self.page(scope, receive, send)
        elif inside in ("", "/"):
            reply = await self.gradios(scope, receive)
            await (self.completed(scope, reply) if reply.is_page else reply).sent(send)
        elif (file := await self.file(inside, scope, receive)) is not None:
            await file.response()(scope, receive, send)
        else:
            await self.page(scope, receive, for_good(send) if HASHED.fullmatch(inside) else send)

    async def file(self, path: str, scope: Scope, receive: Receive) -> Built | None:
        """Return our file at a path; a page that is open since before a restart may ask for one first."""
        if OF_DOCUMENT.fullmatch(path) and path not in self._files:
            root = {**scope, "path": scope.get("root_path", "") + "/", "raw_path": b"/"}
            reply = await self.gradios(root, receive)
            if reply.is_page:
                self.publish(reply)
        return self._files.get(path)

    async def gradios(self, scope: Scope, receive: Receive) -> Reply:
        """Return gradio's own answer."""
        about = tuple(pair for pair in scope["headers"] if OF_THE_ADDRESS.fullmatch(pair[0]))
        asked = scope.get("scheme"), scope["path"], scope.get("root_path"), scope.get("query_string"), about
        if asked in self._documents:
            return self._documents[asked]
        reply = Reply()
        await self.page(scope, receive, reply.take)
        if self.steady and reply.is_page:
            keep_newest(self._documents, asked, reply)
        return reply

    def completed(self, scope: Scope, reply: Reply) -> Reply:
        before, after, start = self.publish(reply)
        first, head = self.head(scope, start)
        inner, end, last = after.rpartition(HEAD_END)
        inner = inner.replace(FIRST_MODULE, first.encode() + FIRST_MODULE, 1)
        return reply.unless_known(before + inner + head.encode() + end + last, Headers(scope=scope))

    def publish(self, reply: Reply) -> tuple[bytes, bytes, Built]:
        """Publish the files of gradio's document; return what stands around the description, and what runs first."""
        before, after, files = self.pieces(reply.body)
        for file in files:
            keep_newest(self._files, file.path, file)      # also where others have come since
        return before, after, files[-1]

    def cut(self, document: bytes) -> tuple[bytes, bytes, list[Built]]:
        """Return what stands before and after the description of the page, and its files, what runs first the last."""
        document = SPARED.sub(b"", document)
        found = split_document(document, self.later)
        if not found:
            return b"", document, [self.begin("")]
        rest = [Built("tabs", "js", found.rest)] if found.rest else []
        named = "".join(f"window.easelRest = {json.dumps(each.name)};\n" for each in rest)
        return found.before, found.after, [*rest, self.begin(found.script + named)]


def keep_newest(store: OrderedDict[Any, Any], name: Hashable, value: Any) -> None:
    store[name] = value
    store.move_to_end(name)
    while len(store) > LARGEST_STORE:
        store.popitem(last=False)


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

    def unless_known(self, body: bytes, asked: Headers) -> Reply:
        """Return the response with this body; a 304 where the browser's copy is the same."""
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        known = tag in asked.get("if-none-match", "")
        reply = Reply()
        reply.body = b"" if known else body
        reply.start = {**self.start, "status": 304 if known else 200, "headers": list(self.start["headers"])}
        headers = MutableHeaders(scope=reply.start)
        headers["ETag"], headers["Cache-Control"] = tag, "private, no-cache"
        headers["Content-Length"] = str(len(reply.body))
        return reply

    async def sent(self, send: Send) -> None:
        await send(self.start)
        await send({"type": "http.response.body", "body": self.body})
