"""What of gradio the page needs; all else that gradio serves is closed. Plain ASGI, between the door and gradio.

gradio draws the page and hands its values to our functions: it keeps no files for anybody, has no queue and no sessions here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from modules.api.routing import StrictRequest, inner_path, owner
from modules.base.errors import Forbidden, Invalid, NotFound

READ, CALL = ("GET", "HEAD"), ("POST",)
RUN = "/gradio_api/run/predict"
ROUTES: Mapping[str, tuple[str, ...]] = {"/": READ, "/theme.css": READ, "/favicon.ico": READ, RUN: CALL}
FOLDERS: Mapping[str, str] = {      # code and style sheets → how long a browser may keep them
    "/assets/": "private, max-age=604800",      # their names change with their content
    "/static/": "private, no-cache",
    "/easel/page/": "private, no-cache",
}
HEADERS = frozenset({b"host", b"accept", b"accept-encoding", b"user-agent", b"if-none-match", b"if-modified-since"})      # of a request
FILE_WORDS = frozenset({"path", "url", "orig_name", "meta", "_type", "is_stream"})      # keys by which gradio knows a file
DEEPEST = 16              # of values in values
MOST_SESSIONS = 1000      # of one account


class CallRequest(StrictRequest):
    largest = 32 * 2**20      # bytes: the generation data of a folder's pictures


class Gate:
    def __init__(self, page: ASGIApp, functions: Mapping[int, int]) -> None:
        """functions: number → how many values it takes"""
        self.page, self.functions = page, functions
        self.sessions = PageSessions()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 4404})
            return
        path = inner_path(scope)
        check_route(path, scope["method"])
        asked = {**scope, "query_string": b"", "headers": [pair for pair in scope["headers"] if pair[0] in HEADERS]}
        if path == RUN:
            body = await self.checked_call(CallRequest(scope, receive))
            asked["headers"] += [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
            receive = once(body, receive)
        answer = Answer(send, keeping(path))
        await self.page(asked, receive, answer.send)
        answer.check()

    async def checked_call(self, request: CallRequest) -> bytes:
        """The call as gradio gets it: the function's number and its values, nothing else."""
        request.check_kind()
        call = await read_call(request)
        self.sessions.check(call.get("session_hash"), owner(request))
        number, values = call.get("fn_index"), call.get("data")
        if type(number) is not int or number not in self.functions:
            raise NotFound("The page has no such function.", "Reload the page: the server may have been updated.")
        wanted = self.functions[number]
        if not isinstance(values, list) or len(values) != wanted:
            raise Invalid(f"The function takes {wanted} values.", "Reload the page: the server may have been updated.", field="data")
        check_values(values)
        return json.dumps({"fn_index": number, "data": values}).encode()


class PageSessions:
    """The names that open pages go by: each belongs to the account that used it first."""

    def __init__(self) -> None:
        self._owners: dict[str, str] = {}      # latest last

    def check(self, session: Any, account: str) -> None:
        """Raises NotFound for somebody else's."""
        if session is None:
            return
        if not isinstance(session, str) or len(session) > 100:
            raise Invalid("That is no name of a page's session.", "Reload the page.", field="session_hash")
        if self._owners.get(session, account) != account:
            raise NotFound("There is no such session.", "Reload the page.")
        self._owners.pop(session, None)
        self._owners[session] = account
        for oldest in [name for name, whose in self._owners.items() if whose == account][:-MOST_SESSIONS]:
            del self._owners[oldest]


class Answer:
    """gradio's answer on its way out; what is no success is kept back, to be said in our words."""

    def __init__(self, send: Send, keeping: str) -> None:
        self._send, self._keeping = send, keeping
        self.status, self.body = 0, b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            MutableHeaders(scope=message).setdefault("Cache-Control", self._keeping)
        if self.status < 400:
            await self._send(message)
        else:
            self.body += message.get("body", b"")

    def check(self) -> None:
        """Raises what gradio refused."""
        if self.status == 500 and (said := said_by_function(self.body)):
            raise Invalid(said)
        if self.status >= 400:
            raise HTTPException(self.status if self.status in (404, 405, 500) else 404)


def check_route(path: str, method: str) -> None:
    allowed = ROUTES.get(path) or (READ if path.startswith(tuple(FOLDERS)) else ())
    if not allowed:
        raise NotFound("There is nothing at that address.", "The addresses of the API are at /docs.")
    if method not in allowed:
        raise HTTPException(405, headers={"Allow": ", ".join(allowed)})


def keeping(path: str) -> str:
    return next((how for folder, how in FOLDERS.items() if path.startswith(folder)), "private, no-store")


async def read_call(request: CallRequest) -> Mapping[str, Any]:
    try:
        call = await request.json()
    except json.JSONDecodeError as error:
        raise Invalid(f"That is no JSON: {error}.", "Send the function's number and its values.") from error
    if not isinstance(call, dict):
        raise Invalid("A call is a JSON object.", "Send the function's number and its values.")
    return call


def check_values(values: list[Any]) -> None:
    """No value of a control is a file, in whatever it is wrapped: the page's own files go by the names /easel/v1/inputs gives."""
    waiting = [(value, 1) for value in values]
    while waiting:
        value, depth = waiting.pop()
        if depth > DEEPEST:
            raise Invalid("The values are nested too deeply.", f"At most {DEEPEST} levels are read.", field="data")
        if isinstance(value, dict):
            if found := FILE_WORDS & value.keys():
                raise Forbidden(f"A value of the page cannot name a file ({', '.join(sorted(found))}).", "Upload pictures to /easel/v1/inputs.")
            waiting += [(inner, depth + 1) for inner in value.values()]
        elif isinstance(value, list):
            waiting += [(inner, depth + 1) for inner in value]


def once(body: bytes, receive: Receive) -> Receive:
    """A request's messages: this body, then whatever comes."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receiving() -> Message:
        return waiting.pop() if waiting else await receive()

    return receiving


def said_by_function(body: bytes) -> str:
    """The sentence of a `gr.Error`; "" for a failure that says nothing."""
    try:
        said = json.loads(body).get("error")
    except (ValueError, AttributeError):
        return ""
    return said if isinstance(said, str) else ""
