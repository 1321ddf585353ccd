"""The API as one FastAPI application."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from modules.api import (
    a1111_training,
    accounts,
    agent_scheduler,
    cards,
    controlnet,
    data,
    data_edits,
    data_files,
    dataset_files,
    datasets,
    detailer,
    drafts,
    errors,
    extension_installers,
    extension_keeping,
    extensions,
    extra_networks,
    extras,
    generate,
    health,
    info,
    inputs,
    interrogation,
    jobs,
    library,
    library_files,
    library_folders,
    library_marks,
    library_relations,
    login,
    making,
    model_memory,
    models,
    openpose,
    options,
    page_start,
    picture_files,
    pictures,
    plots,
    progress,
    prompt_help,
    queue,
    queue_keeping,
    reading,
    scripts,
    sketches,
    static_files,
    styles,
    train,
    train_preview,
    wildcards,
    worker,
)
from modules.api.access import refuse
from modules.api.forwarding import inner_path
from modules.api.schema import Api
from modules.app.app import App
from modules.base.errors import NotFound

STATIC = Path(__file__).parent / "static"
FACES = (
    generate,
    controlnet,
    openpose,
    extension_installers,
    detailer,
    extension_keeping,
    extensions,
    extras,
    interrogation,
    options,
    model_memory,
    models,
    cards,
    extra_networks,
    health,
    login,
    accounts,
    making,
    progress,
    prompt_help,
    info,
    inputs,
    jobs,
    picture_files,
    pictures,
    plots,
    static_files,
    page_start,
    drafts,
    sketches,
    queue,
    queue_keeping,
    agent_scheduler,
    reading,
    scripts,
    styles,
    train,
    train_preview,
    a1111_training,
    datasets,
    dataset_files,
    wildcards,
    worker,
    library,
    library_folders,
    library_marks,
    library_files,
    library_relations,
    data,
    data_files,
    data_edits,
)
# neither a route nor the page's
AREAS = (
    "/sdapi/", "/easel/v1/", "/easel/static/", "/internal/", "/sd_extra_networks/", "/agent-scheduler/", "/controlnet/",
    "/adetailer/",
)
API_DESCRIPTION = """\
Routes under `/sdapi/v1` are those of AUTOMATIC1111's API: same names, same defaults, same replies.
Routes under `/easel/v1` follow jobs by their id, from anywhere, also after the connection that asked for them is
gone."""


def build_api(app: App) -> FastAPI:
    """A1111's routes under /sdapi/v1 and /internal, ours under /easel/v1, and /docs."""
    api = Api(
        title="Easel",
        version="0.1",
        description=API_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        strict_content_type=False,
    )
    routers = [face.routes(app) for face in FACES]
    for router in routers:
        api.include_router(router)
    errors.handle(api, [route for router in routers for route in router.routes])
    api.mount("/easel/static", StaticFiles(directory=STATIC))
    api.add_api_route("/docs", docs, include_in_schema=False)
    api.add_api_route("/openapi.json", schema, include_in_schema=False)
    return api


def put_page(api: FastAPI, page: ASGIApp) -> None:
    """Pass every request without a route to the page. Routes that are added later still come first."""

    async def elsewhere(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and inner_path(scope).startswith(AREAS):
            raise HTTPException(404)
        await page(scope, receive, send)

    api.router.default = elsewhere


async def nowhere(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a path outside `--subpath`."""
    await refuse(
        NotFound("There is nothing at that address.", "Easel is served below its --subpath."), scope, receive, send
    )


def docs(request: Request) -> HTMLResponse:
    """Return Swagger UI, from our own files."""
    root = request.scope.get("root_path", "")
    return get_swagger_ui_html(
        openapi_url=f"{root}/openapi.json",
        title="Easel API",
        swagger_js_url=f"{root}/easel/static/swagger-ui-bundle.js",
        swagger_css_url=f"{root}/easel/static/swagger-ui.css",
        swagger_favicon_url=f"{root}/easel/static/favicon.svg",
        swagger_ui_parameters={"validatorUrl": None},
    )


def schema(request: Request) -> JSONResponse:
    """Return the API's schema, which the first request makes: in a thread, since that takes most of a second."""
    root = request.scope.get("root_path", "")
    return JSONResponse({**request.app.openapi(), **({"servers": [{"url": root}]} if root else {})})
