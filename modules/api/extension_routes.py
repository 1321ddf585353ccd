"""Routes that extensions add: behind Easel's own and behind the door, each extension's in an application of its own.

So a middleware or an exception handler of an extension sees its own routes only, and no extension replaces a route.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from starlette.routing import BaseRoute, Match, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from modules.base.accounts import Role
from modules.base.errors import WebUIError
from modules.plugins.asking import ROUTE_ACCOUNT
from modules.plugins.host import Host
from modules.plugins.native import NativeExtension

log = logging.getLogger(__name__)
# addresses that are Easel's and the page's, whether there is a route or not
NOT_FOR_EXTENSIONS = ("/easel/", "/internal/", "/login", "/logout", "/gradio_api/", "/assets/", "/static/", "/file")
DECLARED_ADDRESSES = "/easel/x/"     # of extensions of Easel's own API, each below its name
PROBE = "0"      # stands for a path's parameter when two routes are compared


class RouteFailed(WebUIError):
    """A route of an extension raised an error."""

    status, code = 500, "extension_failed"


class ExtensionApp(FastAPI):
    """The application that an extension's `on_app_started` is given."""

    def __init__(self, extension: str) -> None:
        super().__init__(docs_url=None, redoc_url=None, openapi_url=None, strict_content_type=False)
        self.extension = extension


@dataclass(frozen=True)
class ExtensionRoutes:
    """The application for paths that Easel has no route for: extensions' applications in order, then `rest`."""

    apps: Sequence[ExtensionApp]
    rest: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = next((each for each in self.apps if answers(each.routes, scope)), None)
        if found is None:
            await self.rest(scope, receive, send)
            return
        scope["account"].check(Role.MEMBER)
        ROUTE_ACCOUNT.set(scope["account"])
        answer = ExtensionAnswer(send)
        try:
            await found({**scope, "app": found}, receive, answer.send)
            await answer.release()
        except WebUIError:
            raise
        except Exception as error:      # theirs: told with their name
            log.error("A route of the extension %s failed", found.extension, exc_info=error)
            if not answer.started:
                raise RouteFailed(f"The extension {found.extension} failed at this address.", str(error)) from error


class ExtensionAnswer:
    """A response of an extension. One with a 5xx status is held until its application has returned without an error."""

    def __init__(self, send: Send) -> None:
        self._send, self._held = send, list[Message]()
        self.started = False

    async def send(self, message: Message) -> None:
        if self._held or (message["type"] == "http.response.start" and message["status"] >= 500):
            self._held.append(message)
        else:
            self.started = True
            await self._send(message)

    async def release(self) -> None:
        for message in self._held:
            await self._send(message)


def answers(routes: Iterable[BaseRoute], scope: Scope) -> bool:
    """Return whether one of the routes is for this path, whatever its method."""
    return any(route.matches(scope)[0] is not Match.NONE for route in routes)


def start_extension_routes(host: Host, api: FastAPI, demo: Any) -> None:
    """Call what extensions want to be called once the server answers, and open the routes that they add.

    demo: the page's gradio Blocks; None without a page
    """
    apps: dict[str, ExtensionApp] = {}
    for native in host.natives():
        add_declared_routes(host, native, apps.setdefault(native.folder, ExtensionApp(native.folder)))
    for listener in host.listeners("app_started"):
        app = apps.setdefault(listener.extension, ExtensionApp(listener.extension))
        host.told_call(listener.extension, "app_started", listener.function, demo, app)
    taken = list(api.routes)
    for app in apps.values():
        for address in drop_clashes(app, taken):
            host.tell(app.extension, f"Its route {address} is not opened: that address is somebody else's.")
        taken += app.routes
    if apps:
        api.router.default = ExtensionRoutes(tuple(apps.values()), api.router.default)


def add_declared_routes(host: Host, native: NativeExtension, app: ExtensionApp) -> None:
    """Add the routes of an extension of Easel's own API, below its name."""
    for route in native.declaration.route_list:
        address = f"{DECLARED_ADDRESSES}{native.name}{route.path}"
        app.add_api_route(address, host.with_settings(native, route.function), methods=[route.method])


def drop_clashes(app: ExtensionApp, taken: Sequence[BaseRoute]) -> Iterator[str]:
    """Remove an application's routes whose address is taken, or is Easel's; yield their addresses."""
    for route in list(app.router.routes):
        path = getattr(route, "path", "")
        methods = sorted(getattr(route, "methods", None) or ["GET"])
        easels = path.startswith(NOT_FOR_EXTENSIONS) and not path.startswith(DECLARED_ADDRESSES)
        clash = easels or any(is_taken(path, method, taken) for method in methods)
        if clash or (isinstance(route, Mount) and path in ("", "/")):
            app.router.routes.remove(route)
            yield path or "/"


def is_taken(path: str, method: str, taken: Iterable[BaseRoute]) -> bool:
    """Return whether a route among `taken` is the one that answers this method there."""
    probe = "/".join(PROBE if "{" in part else part for part in path.split("/"))
    scope = {"type": "http", "method": method, "path": probe, "headers": [], "root_path": ""}
    return path == "/" or any(route.matches(scope)[0] is Match.FULL for route in taken)
