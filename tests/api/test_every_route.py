"""The routes there really are, walked as nobody, guest, member and administrator: what is not declared is denied."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Mount
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from modules.api.access import PUBLIC
from modules.api.routing import Permission
from modules.api.server import build_api
from modules.base.accounts import Role
from modules.commands.serve import application, build_page
from modules.store.accounts import AccountStore
from tests.servers import serving, with_tiny_model

PASSWORD = "correct horse"
PEOPLE = {"ann": Role.ADMINISTRATOR, "bob": Role.MEMBER, "gus": Role.GUEST}
FEWEST_ROUTES, FEWEST_OF_GRADIO = 85, 60


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    data = with_tiny_model(tmp_path_factory.mktemp("walk"))
    store = AccountStore(data / "easel.sqlite")
    hashed = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    for name, role in PEOPLE.items():
        store.add(name, role, hashed)
    with serving(data) as client:
        yield client


def all_routes(routes: list[BaseRoute]) -> Iterator[BaseRoute]:
    """Those of mounted and of included routers too."""
    for route in routes:
        yield route
        yield from all_routes(getattr(getattr(route, "original_router", route), "routes", None) or [])


@pytest.fixture(scope="module")
def found(server) -> list[tuple[str, str, Role | None]]:
    """Method, path and declared role of all routes of the API; None where a route declares nothing."""
    return [
        (method, re.sub(r"{[^}]*}", "0", route.path), declared_role(route))
        for route in all_routes(build_api(server.app).routes)
        if not isinstance(route, Mount) and hasattr(route, "methods")
        for method in sorted(route.methods or ())
    ]


def declared_role(route: BaseRoute) -> Role | None:
    if not isinstance(route, APIRoute):
        return None
    return next((each.call.role for each in route.dependant.dependencies if isinstance(each.call, Permission)), None)


@pytest.mark.slow
def test_the_walk_sees_what_there_is(found):
    assert len(found) >= FEWEST_ROUTES
    assert {path for _, path, role in found if role is None} <= {"/docs", "/openapi.json"}


@pytest.mark.slow
def test_nobody_gets_in_but_where_anyone_may(server, found):
    mounts = [("GET", "/easel/static/favicon.svg", None), ("GET", "/", None), ("GET", "/nowhere", None)]
    for method, path, role in [*found, *mounts]:
        reply = server.request(method, path, json={} if method in ("POST", "PATCH") else None)
        public = path in PUBLIC
        assert public or reply.status_code == 401, (method, path, reply.status_code)
        assert not public or role == Role.ANYONE, path
        server.cookies.clear()


@pytest.mark.slow
@pytest.mark.parametrize("name", PEOPLE)
def test_each_route_keeps_out_who_has_less_than_it_declares(server, found, name):
    """Bodies are no JSON objects, so that whoever may is refused for that, and nothing is begun."""
    kept_out = 0
    for method, path, role in found:
        if path in PUBLIC:
            continue
        status = status_of(server, method, path, name)
        if PEOPLE[name] < (role or Role.GUEST):
            assert status == 403, (method, path, status)
            kept_out += 1
        else:
            assert status != 401 and status < 500, (method, path, status)
    assert (kept_out == 0) == (PEOPLE[name] == Role.ADMINISTRATOR)


def status_of(client, method, path, name):
    """Of a response that may be a stream without end."""
    body = [0] if method in ("POST", "PATCH", "PUT") else None
    with client.stream(method, path, json=body, auth=(name, PASSWORD)) as reply:
        return reply.status_code


@pytest.mark.slow
def test_gradios_own_routes_and_its_sockets_are_behind_the_door(server):
    gradio = build_page(server.app)[0]
    routes = [route for route in all_routes(gradio.routes) if isinstance(route, APIRoute)]
    assert len(routes) >= FEWEST_OF_GRADIO
    for route in routes:
        path = re.sub(r"{[^}]*}", "0", route.path)
        for method in route.methods:
            if path.rstrip("/") not in PUBLIC:
                assert server.request(method, path).status_code == 401, (method, path)


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/", "/queue/join", "/gradio_api/queue/data", "/easel/v1/jobs/0/events", "/login"])
def test_no_socket_opens_for_nobody(server, path):
    browser = TestClient(application(server.app, ""), base_url="http://localhost")
    with pytest.raises(WebSocketDisconnect), browser.websocket_connect(path, headers={"Host": "localhost"}):
        pass
