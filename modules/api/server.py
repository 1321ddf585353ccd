"""The API as one FastAPI application."""

from __future__ import annotations

import logging
import uuid
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles

from modules.api import generate, info, jobs, models, options, progress
from modules.app.app import App
from modules.base.errors import WebUIError

log = logging.getLogger(__name__)
STATIC = Path(__file__).parent / "static"


def build(app: App) -> FastAPI:
    """A1111's routes under /sdapi/v1 and /internal, ours under /easel/v1, and /docs."""
    api = FastAPI(title="Easel", version="0.1", docs_url=None, redoc_url=None)
    for face in (generate, options, models, progress, info, jobs):
        api.include_router(face.routes(app))
    api.add_exception_handler(WebUIError, refused)
    api.add_exception_handler(RequestValidationError, invalid)
    api.add_exception_handler(Exception, broken)
    api.mount("/easel/static", StaticFiles(directory=STATIC))
    api.add_api_route("/docs", docs, include_in_schema=False)
    return api


def docs(request: Request) -> HTMLResponse:
    """Swagger UI from our own files."""
    root = request.scope.get("root_path", "")
    return get_swagger_ui_html(
        openapi_url=f"{root}/openapi.json",
        title="Easel API",
        swagger_js_url=f"{root}/easel/static/swagger-ui-bundle.js",
        swagger_css_url=f"{root}/easel/static/swagger-ui.css",
        swagger_favicon_url=f"{root}/easel/static/favicon.svg",
    )


def error_body(code: str, detail: Any, hint: str = "") -> dict[str, Any]:
    """Ours, and the two keys A1111's clients look for."""
    sentence = detail if isinstance(detail, str) else ""
    return {"error": code, "detail": detail, "hint": hint, "errors": sentence, "body": "", "request_id": uuid.uuid4().hex[:12]}


def refused(request: Request, error: WebUIError) -> JSONResponse:
    body = error_body(error.code, str(error), error.hint)
    if field := getattr(error, "field", ""):
        body["detail"] = [{"loc": ["body", field], "msg": f"{error} {error.hint}".strip(), "type": error.code}]
        body["errors"] = str(error)
    return JSONResponse(body, error.status)


def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    """FastAPI's list of fields, without the input (it may be megabytes, or not JSON)."""
    details = [{"loc": one["loc"], "msg": one["msg"], "type": one["type"]} for one in error.errors()]
    body = error_body("validation", jsonable_encoder(details))
    body["errors"] = "; ".join(f"{'.'.join(map(str, one['loc'][1:]))}: {one['msg']}" for one in details)
    return JSONResponse(body, 422)


def broken(request: Request, error: Exception) -> JSONResponse:
    body = error_body("internal", "Something went wrong inside Easel.", "The server's log tells more.")
    log.error("Request %s failed: %s %s", body["request_id"], request.method, request.url.path, exc_info=error)
    return JSONResponse(body, 500)
