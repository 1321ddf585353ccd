"""What all our routes have in common: who asks, JSON taken strictly and in bounded size, refusals documented."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass, fields
from functools import partial
from itertools import islice
from typing import Any, NoReturn

from fastapi import APIRouter, Depends, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator
from starlette.datastructures import Headers
from starlette.types import Scope

from modules.api.errors import Refusal
from modules.base.accounts import Account, Role
from modules.base.errors import TooLarge, UnsupportedMedia, WebUIError
from modules.base.limits import MAX_BODY, MAX_DEPTH, MAX_ESCAPES, MAX_ID, MAX_JSON

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
MOST_UNKNOWN = 20      # fields that one refusal names
LONG_JSON = 2**16      # bytes from which on it is read in a thread


def router(tag: str, prefix: str, may: Role) -> APIRouter:
    """may: who, at least, is let in to its routes"""
    refusals: dict[int | str, dict[str, Any]] = {"4XX": {"model": Refusal, "description": "Refused, and why"}}
    return APIRouter(prefix=prefix, tags=[tag], route_class=StrictRoute, responses=refusals,
                     dependencies=[Depends(Permission(may))])


def inner_path(scope: Scope) -> str:
    """The path below `--subpath`."""
    return scope["path"].removeprefix(scope.get("root_path", ""))


@dataclass(frozen=True)
class Permission:
    """A route's declaration of who may."""

    role: Role

    def __call__(self, request: Request) -> None:
        """Raises Forbidden."""
        account(request).check(self.role)


def account(request: Request) -> Account:
    """Who asks, as the door has found out; without the door nobody is let in."""
    found: Account = request.scope["account"]
    return found


def owner(request: Request) -> str:
    """The name of who asks."""
    return account(request).name


class KnownFields(BaseModel):
    """What a route of ours takes: a field that it does not know is named in a refusal,
    lest it look as if it had worked.
    """

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def with_few_unknown(cls, given: Any) -> Any:
        return without_many_unknown(cls.model_fields, given)


def few_unknown(cls: type[Any]) -> BeforeValidator:
    """The same for a declared class that forbids unknown fields."""
    return BeforeValidator(partial(without_many_unknown, [each.name for each in fields(cls)]))


def without_many_unknown(known: Collection[str], given: Any) -> Any:
    """A million fields cost no million problems: of those that are not known, some are left."""
    if not isinstance(given, Mapping):
        return given
    unknown = islice((name for name in given if name not in known), MOST_UNKNOWN)
    return {name: given[name] for name in known if name in given} | {name[:MAX_ID]: None for name in unknown}


class StrictRoute(APIRoute):
    """A route to which nothing but JSON is posted, and that as RFC 8259 has it."""

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def strict(request: Request) -> Response:
            request = StrictRequest(request.scope, request.receive)
            if request.method in ("POST", "PATCH"):      # what is PUT is a picture, or JSON
                request.check_kind()
                await request.body()      # here, where a refusal is still answered as such
            return await handle(request)

        return strict


class StrictRequest(Request):
    content: bytes | None = None
    parsed: Any = None      # what it says, after that was asked for
    largest = MAX_BODY

    def check_kind(self) -> None:
        """Raises UnsupportedMedia."""
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind and not kind.endswith(("/json", "+json")):
            raise UnsupportedMedia("Send JSON.", "Set the header Content-Type: application/json.")

    async def body(self) -> bytes:
        """Raises TooLarge, before reading if the client says how much it will send."""
        if self.content is None:
            check_size(declared_size(self.headers), self.largest)
            parts, size = [], 0
            async for part in self.stream():
                parts.append(part)
                check_size(size := size + len(part), self.largest)
            self.content = b"".join(parts)
        return self.content

    async def json(self) -> Any:
        if self.parsed is None:
            body = await self.body()
            self.parsed = await asyncio.to_thread(strict_json, body) if len(body) > LONG_JSON else strict_json(body)
        return self.parsed


def declared_size(headers: Headers) -> int:
    """Bytes of the body that its client has announced, 0 if it has not.

    Raises WebUIError for what is no number, or said in two ways.
    """
    length = headers.get("content-length", "0")
    # a proxy before us may have believed the other one
    if "content-length" in headers and "transfer-encoding" in headers:
        raise WebUIError(
            "Content-Length and Transfer-Encoding contradict each other.", "Leave them to the HTTP library."
        )
    if not (length.isascii() and length.isdecimal() and len(length) <= 20):
        raise WebUIError("The header Content-Length is not a number.", "Leave it to the HTTP library.")
    return int(length)


def check_size(size: int, largest: int = MAX_BODY) -> None:
    if size > largest:
        raise TooLarge(f"The request has more than {largest >> 20} MB.", "Send less at once.")


def strict_json(body: bytes) -> Any:
    """Raises JSONDecodeError, also for what Python's parser lets through or cannot hold, or would be very long at."""
    try:
        check_count(body)
        value = json.loads(body.decode("utf-8-sig"), parse_constant=no_number, parse_float=parse_finite)
        check_depth(value)
        if b"\\u" in body:
            json.dumps(value, ensure_ascii=False).encode()      # half a surrogate pair is no character
        return value
    except json.JSONDecodeError:
        raise
    except (ValueError, RecursionError) as error:
        raise json.JSONDecodeError(f"not JSON that can be read ({type(error).__name__})", "", 0) from error


def check_count(body: bytes) -> None:
    """Raises JSONDecodeError where there is more in JSON than any request says: counted outside its texts,
    before it is taken apart.
    """
    if body.count(b"\\") > MAX_ESCAPES:
        raise json.JSONDecodeError(f"more than {MAX_ESCAPES:,} escaped characters", "", 0)
    parts = body.replace(rb"\\", b"").replace(rb"\"", b"").split(b'"', 2 * MAX_JSON + 2)      # every second is a text
    outside = b"".join(parts[::2])
    if len(parts) // 2 + sum(map(outside.count, (b",", b"[", b"{"))) > MAX_JSON:
        raise json.JSONDecodeError(f"more than {MAX_JSON:,} values", "", 0)


def check_depth(value: Any) -> None:
    """Raises JSONDecodeError for values in values in values …,
    which whoever writes them down again could not go into.
    """
    level = [value]
    for _ in range(MAX_DEPTH):
        within = (part.values() if isinstance(part, dict) else part for part in level if isinstance(part, dict | list))
        level = [each for inner in within for each in inner]
        if not level:
            return
    raise json.JSONDecodeError(f"more than {MAX_DEPTH} levels", "", 0)


def parse_finite(text: str) -> float:
    return number if math.isfinite(number := float(text)) else no_number(text)


def no_number(text: str) -> NoReturn:
    raise json.JSONDecodeError(f"{text} is no number", "", 0)
