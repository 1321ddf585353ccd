"""The common parts of our routes: the caller, strict JSON of bounded size, documented errors."""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from types import UnionType
from typing import Annotated, Any, NoReturn, Union, get_args, get_origin, get_type_hints

from annotated_types import Interval
from fastapi import APIRouter, Depends, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator
from starlette.datastructures import Headers

from modules.api.errors import Refusal
from modules.base.accounts import Account, Role
from modules.base.errors import Invalid, TooLarge, UnsupportedMedia, WebUIError
from modules.base.limits import MAX_BODY, MAX_DEPTH, MAX_ESCAPES, MAX_ID, MAX_JSON

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
MOST_UNKNOWN = 20      # fields named in one error
LONG_JSON = 2**16      # bytes; longer JSON is read in a thread
ZERO_OR_ONE = Interval(ge=0, le=1)
PICTURE_TYPES = ("image/png", "image/jpeg", "image/webp", "image/avif", "image/gif", "image/bmp")


def router(tag: str, prefix: str, may: Role, route_class: type[APIRoute] | None = None) -> APIRouter:
    """Return a router.

    may: the least role of its routes' callers
    route_class: the class of its routes, a `StrictRoute` if not given
    """
    refusals: dict[int | str, dict[str, Any]] = {"4XX": {"model": Refusal, "description": "Refused, and why"}}
    return APIRouter(prefix=prefix, tags=[tag], route_class=route_class or StrictRoute, responses=refusals,
                     dependencies=[Depends(Permission(may))])


def sent_as(*kinds: str, none: str = "") -> dict[str, Any]:
    """Return what a route declares whose body is no JSON: its class of responses, and the content types it sends.

    none: when there is nothing to send, which is no error
    """
    replies: dict[int | str, dict[str, Any]] = {
        200: {"description": "The content", "content": {kind: {} for kind in kinds}}
    }
    if none:
        replies[204] = {"description": none}
    return {"response_class": Response, "responses": replies}


@dataclass(frozen=True)
class Permission:
    """A route's declaration of its least role."""

    role: Role

    def __call__(self, request: Request) -> None:
        """Raise Forbidden if the caller's role is lower."""
        account(request).check(self.role)


def words_pattern(words: Iterable[str]) -> str:
    """Return the pattern of some of these words with commas between, or of none."""
    word = "|".join(map(re.escape, words))
    return f"^(({word})(,({word}))*)?$"


def account(request: Request) -> Account:
    """Return the caller's account, which the door has set; without the door nobody is let in."""
    found: Account = request.scope["account"]
    return found


def owner(request: Request) -> str:
    """Return the caller's name."""
    return account(request).name


class KnownFields(BaseModel):
    """A body of our own routes: an unknown field is refused, since ignoring it would look as if it worked."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def with_few_unknown(cls, given: Any) -> Any:
        hints = {each.alias or name: each.annotation for name, each in cls.model_fields.items()}
        return with_own_types(hints, without_many_unknown(hints, given))


def few_unknown(cls: type[Any]) -> BeforeValidator:
    """Return the same checks for a declared class that forbids unknown fields."""
    hints = get_type_hints(cls, include_extras=True)
    return BeforeValidator(lambda given: with_own_types(hints, without_many_unknown(hints, given)))


def with_own_types(hints: Mapping[str, Any], given: Any, zero_or_one: bool = False) -> Any:
    """Return the fields; pydantic alone takes true for 1 and 0 for false.

    hints: types by field
    zero_or_one: 0 and 1 are false and true, as in A1111, and these are 0 and 1 where no other number is taken

    Raises Invalid naming the field.
    """
    if not isinstance(given, Mapping):
        return given
    for name in given.keys() & hints.keys():
        value, types = given[name], plain_types(hints[name])
        switch = zero_or_one and int in types and ZERO_OR_ONE in getattr(hints[name], "__metadata__", ())
        if isinstance(value, bool) and bool not in types and types & {int, float} and not switch:
            raise Invalid(f"{name} is a number, and was {json.dumps(value)}.", "Send a number.", name)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if number and bool in types and not types & {int, float} and not (zero_or_one and value in (0, 1)):
            raise Invalid(f"{name} is true or false, and was {value}.", "Send true or false.", name)
    return given


def plain_types(hint: Any) -> set[Any]:
    """Return the types that a hint allows, without their annotations."""
    if get_origin(hint) is Annotated:
        return plain_types(get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        return set().union(*map(plain_types, get_args(hint)))
    return {hint}


def without_many_unknown(known: Collection[str], given: Any) -> Any:
    """Return the fields with only some unknown ones: a million of them must not cost a million problems."""
    if not isinstance(given, Mapping):
        return given
    unknown = islice((name for name in given if name not in known), MOST_UNKNOWN)
    return {name: given[name] for name in known if name in given} | {name[:MAX_ID]: None for name in unknown}


class StrictRoute(APIRoute):
    """A route that accepts only JSON as body, strictly as in RFC 8259."""

    takes_files = False

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def strict(request: Request) -> Response:
            request = StrictRequest(request.scope, request.receive)
            if request.method in ("POST", "PATCH"):      # a PUT body is a picture, or JSON
                if not self.takes_files:
                    request.check_kind()
                await request.body()      # here, since an error is still answered as such
            return await handle(request)

        return strict


class FileRoute(StrictRoute):
    """A route whose body is a file, as it is."""

    takes_files = True


class StrictRequest(Request):
    content: bytes | None = None
    parsed: Any = None      # the JSON once it has been read
    largest = MAX_BODY

    def check_kind(self) -> None:
        """Raise UnsupportedMedia for another content type."""
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind and not kind.endswith(("/json", "+json")):
            raise UnsupportedMedia("Send JSON.", "Set the header Content-Type: application/json.")

    async def body(self) -> bytes:
        """Return the body. Raises TooLarge, before reading if the client announces the length."""
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
    """Return the announced bytes of the body, 0 if there is no announcement.

    Raises WebUIError for a malformed length, or two different ones.
    """
    length = headers.get("content-length", "0")
    # a proxy in front may have used the other one
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
    """Parse JSON. Raises JSONDecodeError also for values that Python's parser wrongly accepts or handles too slowly."""
    try:
        check_count(body)
        value = json.loads(body.decode("utf-8-sig"), parse_constant=no_number, parse_float=parse_finite)
        check_depth(value)
        if b"\\" in body and b"\\u" in body:      # one byte is found sooner than two in a picture's base64
            json.dumps(value, ensure_ascii=False).encode()      # a lone surrogate is no character
        return value
    except json.JSONDecodeError:
        raise
    except (ValueError, RecursionError) as error:
        raise json.JSONDecodeError(f"not JSON that can be read ({type(error).__name__})", "", 0) from error


def check_count(body: bytes) -> None:
    """Raise JSONDecodeError for more values than any request has, counted outside the texts before parsing."""
    escaped = body.count(b"\\")
    if escaped > MAX_ESCAPES:
        raise json.JSONDecodeError(f"more than {MAX_ESCAPES:,} escaped characters", "", 0)
    if escaped:      # searched for in vain in the base64 of a large picture
        body = body.replace(rb"\\", b"").replace(rb"\"", b"")
    parts = body.split(b'"', 2 * MAX_JSON + 2)      # every second is a text
    outside = b"".join(parts[::2])
    if len(parts) // 2 + sum(map(outside.count, (b",", b"[", b"{"))) > MAX_JSON:
        raise json.JSONDecodeError(f"more than {MAX_JSON:,} values", "", 0)


def check_depth(value: Any) -> None:
    """Raise JSONDecodeError for nesting that is too deep to be written out again."""
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
