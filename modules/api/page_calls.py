"""The calls of an extended page: gradio's routes for the functions of extensions, and for no others.

A call belongs to the account that opened the page, and names only files of that page. Plain ASGI, behind the gate.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from modules.api.forwarding import inner_path
from modules.api.routing import check_size, strict_json
from modules.app.page_sessions import PageSession, PageSessions, without_addresses
from modules.base.accounts import Role
from modules.base.errors import Invalid, NotFound
from modules.base.limits import MAX_ID

CALLS_PREFIX = "/gradio_api"
FILE_ROUTE = f"{CALLS_PREFIX}/file="
CALL_FIELDS = ("data", "event_data", "fn_index", "trigger_id", "session_hash")
CANCEL_FIELDS = ("session_hash", "fn_index", "event_id")
CALL_HEADERS = frozenset({b"host", b"accept", b"user-agent", b"content-type", b"range"})
LARGEST_REPLY = 64 * 2**20      # bytes of a direct call's answer


@dataclass(frozen=True)
class Asked:
    """A request for one of gradio's routes."""

    scope: Scope
    receive: Receive
    send: Send

    @property
    def account(self) -> str:
        name: str = self.scope["account"].name
        return name

    def query(self, name: str) -> str:
        return parse_qs(self.scope["query_string"].decode("latin-1")).get(name, [""])[0][:MAX_ID]


class PageCalls:
    """The application that passes extensions' calls to gradio. Without a function it passes none."""

    def __init__(self, page: ASGIApp, functions: Collection[int], sessions: PageSessions) -> None:
        """functions: the numbers of extensions' functions"""
        self.page, self.functions, self.sessions = page, frozenset(functions), sessions
        self.routes: dict[tuple[str, str], Callable[[Asked], Awaitable[None]]] = {
            ("POST", f"{CALLS_PREFIX}/queue/join"): self.join,
            ("GET", f"{CALLS_PREFIX}/queue/data"): self.follow,
            ("POST", f"{CALLS_PREFIX}/cancel"): self.cancel,
            ("POST", f"{CALLS_PREFIX}/upload"): self.upload,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises NotFound for a closed route, Forbidden for a guest's call or a file that is not the page's."""
        path, method, asked = inner_path(scope), scope["method"], Asked(scope, receive, send)
        route = self.routes.get((method, path))
        if method == "GET" and path.startswith(FILE_ROUTE):
            route = self.file
        elif method == "POST" and path.startswith(f"{CALLS_PREFIX}/run/"):
            route = self.run
        if route is None or not self.functions:
            raise NotFound("There is nothing at that address.", "The addresses of the API are at /docs.")
        scope["account"].check(Role.MEMBER)
        await route(asked)

    async def join(self, asked: Asked) -> None:
        """Queue a call."""
        _, call = await self._checked_call(asked)
        await self._ask(asked, f"{CALLS_PREFIX}/queue/join", body=call)

    async def run(self, asked: Asked) -> None:
        """Make a call whose answer is the response."""
        session, call = await self._checked_call(asked)
        answer = await self._ask(asked, f"{CALLS_PREFIX}/run/predict", body=call, keep=True)
        self.sessions.give(session, json.loads(answer))
        await reply(asked.send, answer)

    async def follow(self, asked: Asked) -> None:
        """Stream the answers of a session's calls."""
        name = asked.query("session_hash")
        session = self.sessions.claim(name, asked.account)
        heard = EventReader(lambda value: self.sessions.give(session, value))
        await self._ask(asked, f"{CALLS_PREFIX}/queue/data", {"session_hash": name}, heard=heard.read)

    async def cancel(self, asked: Asked) -> None:
        body = await read_object(asked.receive)
        self.sessions.claim(body.get("session_hash"), asked.account)
        known = {name: body.get(name) for name in CANCEL_FIELDS}
        await self._ask(asked, f"{CALLS_PREFIX}/cancel", body=json.dumps(known).encode())

    async def upload(self, asked: Asked) -> None:
        """Keep files for the account's next call."""
        answer = await self._ask(asked, f"{CALLS_PREFIX}/upload", {"upload_id": asked.query("upload_id")}, keep=True)
        self.sessions.uploaded(json.loads(answer), asked.account)
        await reply(asked.send, answer)

    async def file(self, asked: Asked) -> None:
        """Send a file that one of the account's pages may name."""
        path = inner_path(asked.scope).removeprefix(FILE_ROUTE)
        if not self.sessions.may_read(path, asked.account):
            raise NotFound("There is no such file.", "Files of a page are there while it is open.")
        await self._ask(asked, inner_path(asked.scope))

    async def _checked_call(self, asked: Asked) -> tuple[PageSession, bytes]:
        """Return the caller's session, and the call as gradio may have it. Raises NotFound, Invalid or Forbidden."""
        body = await read_object(asked.receive)
        number = body.get("fn_index")
        if type(number) is not int or number not in self.functions:      # True and 1.0 are no numbers of functions
            raise NotFound("There is no such function.", "Reload the page.")
        session = self.sessions.claim(body.get("session_hash"), asked.account)
        if not isinstance(body.get("data"), list):
            raise Invalid("A call has a list of values.", "Reload the page.", "data")
        call = without_addresses({name: body.get(name) for name in CALL_FIELDS})
        self.sessions.check(session, call)
        return session, json.dumps(call).encode()

    async def _ask(
        self, asked: Asked, path: str, query: dict[str, str] | None = None, body: bytes | None = None,
        keep: bool = False, heard: Callable[[bytes], None] | None = None,
    ) -> bytes:
        """Pass a request to gradio; its answer goes to the client, or is returned if `keep`.

        body: in place of the request's own; heard: called with each part of the answer. Raises HTTPException.
        """
        headers = [pair for pair in asked.scope["headers"] if pair[0] in CALL_HEADERS]
        if body is not None:
            headers = [pair for pair in headers if pair[0] != b"content-type"]
            headers.append((b"content-type", b"application/json"))
        answer = CallAnswer(None if keep else asked.send, heard)
        root = asked.scope.get("root_path", "")
        scope = {
            **asked.scope, "path": root + path, "raw_path": (root + path).encode(), "headers": headers,
            "query_string": urlencode(query or {}).encode(),
        }
        await self.page(scope, given_body(body, asked.receive) if body is not None else counted(asked.receive),
                        answer.send)
        answer.check()
        return answer.content


class CallAnswer:
    """gradio's answer to a call: passed on, or kept; an error is held back and raised in our shape."""

    def __init__(self, send: Send | None, heard: Callable[[bytes], None] | None) -> None:
        self._send, self._heard = send, heard
        self.status, self.content = 0, b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        body = message.get("body", b"")
        if self._heard and self.status < 400:
            self._heard(body)
        if self._send and self.status < 400:
            await self._send(message)
        else:
            self.content += body[:LARGEST_REPLY - len(self.content)]

    def check(self) -> None:
        if self.status >= 400:
            raise HTTPException(self.status if self.status in (404, 405, 413, 422, 500, 503) else 400)


class EventReader:
    """A reader of server-sent events: `hear` is called with the value of each, however its text is cut."""

    def __init__(self, hear: Callable[[Any], None]) -> None:
        self._hear, self._text = hear, b""

    def read(self, part: bytes) -> None:
        *events, self._text = (self._text + part).split(b"\n\n")
        for event in events:
            if event.startswith(b"data:"):
                self._hear(json.loads(event.removeprefix(b"data:")))


async def read_object(receive: Receive) -> dict[str, Any]:
    """Return a request's JSON object. Raises Invalid or TooLarge."""
    content, more = b"", True
    limited = counted(receive)
    while more:
        message = await limited()
        content += message.get("body", b"")
        more = message.get("more_body", False)
    try:
        found = strict_json(content)
    except ValueError as error:
        raise Invalid("That is not JSON.", "Send a JSON object.") from error
    if not isinstance(found, dict):
        raise Invalid("That is no JSON object.", "Send a JSON object.")
    return found


def counted(receive: Receive) -> Receive:
    """Return a `receive` that raises TooLarge beyond the largest body of a request."""
    size = 0

    async def receiving() -> Message:
        nonlocal size
        message = await receive()
        check_size(size := size + len(message.get("body", b"")))
        return message

    return receiving


def given_body(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives this body, and then what the client does."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def receiving() -> Message:
        return waiting.pop() if waiting else await receive()

    return receiving


async def reply(send: Send, content: bytes) -> None:
    """Answer with JSON."""
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})
