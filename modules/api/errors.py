"""Errors over HTTP: one shape for all of them, which A1111's clients understand too."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route

from modules.api.forwarding import inner_path
from modules.base.errors import WebUIError
from modules.base.limits import MAX_ID

MOST_PROBLEMS = 50      # problems in one refusal
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
CODES = {
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    416: "range_not_satisfiable",
    500: "internal",
}


class FieldProblem(BaseModel):
    """FastAPI's description of a problem with one field."""

    loc: list[str | int]
    msg: str
    type: str


class Refusal(BaseModel):
    error: str                              # the error's code
    detail: str | list[FieldProblem]        # a sentence, or the problem of each field
    hint: str                               # what to do about it
    errors: str                             # A1111's sentence
    body: str                               # A1111 has this key; always empty here
    request_id: str


def handle(api: FastAPI, routes: Iterable[BaseRoute]) -> None:
    """Answer every error in our shape; unexpected ones are answered by the door."""
    api.state.methods = methods_by_path(routes)
    api.exception_handler(WebUIError)(refusal_response)
    api.exception_handler(RequestValidationError)(invalid)
    api.exception_handler(HTTPException)(other)
    api.exception_handler(ClientDisconnect)(unheard)


def methods_by_path(routes: Iterable[BaseRoute]) -> dict[str, set[str]]:
    """Return the methods of each path as it is declared."""
    found: dict[str, set[str]] = {}
    for route in routes:
        if isinstance(route, Route | APIRoute):
            found.setdefault(route.path, set()).update(route.methods or ())
    return found


def refusal_body(code: str, detail: str | list[dict[str, Any]], hint: str = "", sentence: str = "") -> dict[str, Any]:
    """Return the body; `sentence` is for people if `detail` is a list of fields."""
    said = sentence or (detail if isinstance(detail, str) else "")
    return {
        "error": code,
        "detail": detail,
        "hint": hint,
        "errors": said,
        "body": "",
        "request_id": uuid.uuid4().hex[:12],
    }


def refusal_response(request: Request, error: WebUIError) -> JSONResponse:
    return JSONResponse(body_of(error), error.status, error_headers(error))


def error_headers(error: WebUIError) -> Mapping[str, str]:
    """Return the headers of an error."""
    if error.status in (429, 503):
        return {"Retry-After": str(error.retry_after)}
    # else the rest of a too large body would still come
    return {"Connection": "close"} if error.status == 413 else {}


def body_of(error: WebUIError) -> dict[str, Any]:
    if field := getattr(error, "field", ""):
        problem = {"loc": error_location(("body", field)), "msg": f"{error} {error.hint}".strip(), "type": error.code}
        return refusal_body(error.code, [problem], error.hint, str(error))
    return refusal_body(error.code, str(error), error.hint)


def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    """Answer FastAPI's list of fields, without the input: it may be megabytes, or not JSON."""
    some = error.errors()[:MOST_PROBLEMS]
    problems = jsonable_encoder(
        [{"loc": error_location(one["loc"]), "msg": message(one), "type": one["type"]} for one in some]
    )
    sentence = "; ".join(f"{'.'.join(map(str, one['loc'][1:])) or 'The request'}: {one['msg']}" for one in problems)
    return JSONResponse(refusal_body("validation", problems, sentence=sentence), 422)


def error_location(loc: Iterable[str | int]) -> list[str | int]:
    """Return the place in the request, shortened: its names may be of any length."""
    return [part[:MAX_ID] if isinstance(part, str) else part for part in loc]


def message(problem: Mapping[str, Any]) -> str:
    """Return pydantic's sentence; for broken JSON, with the reason."""
    return f"{problem['msg']}: {problem['ctx']['error']}" if problem["type"] == "json_invalid" else problem["msg"]


def other(request: Request, error: HTTPException) -> JSONResponse:
    """Answer that there is no such route, or that the method is not allowed."""
    body = refusal_body(CODES.get(error.status_code, "bad_request"), f"{error.detail}.")
    headers = {"Allow": ", ".join(allowed_methods(request))} if error.status_code == 405 else error.headers
    return JSONResponse(body, error.status_code, headers)


def allowed_methods(request: Request) -> list[str]:
    """Return the methods of all routes at the request's path: a router names those of the first one alone.

    Where routes have this very path, others that read a part of it as a name do not count.
    """
    if literal := request.app.state.methods.get(inner_path(request.scope)):
        return [method for method in METHODS if method in literal]
    scopes = {method: {**request.scope, "method": method} for method in METHODS}
    routes = request.app.router.routes
    return [
        method for method, scope in scopes.items() if any(route.matches(scope)[0] is Match.FULL for route in routes)
    ]


def unheard(request: Request, error: ClientDisconnect) -> Response:
    """Return an empty response: the client has disconnected."""
    return Response(status_code=400)
