"""Routes that extensions add: their own ones work, no other changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import Body, FastAPI, WebSocket
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.testclient import TestClient

from modules.api.errors import handle
from modules.api.extension_routes import start_extension_routes
from modules.base.accounts import Account, Role
from modules.plugins.host import ExtensionState, Host
from modules.plugins.manifest import Extension


def add_routes(demo, app):
    @app.get("/mine/{name}")
    def mine(name: str):
        return {"name": name}

    @app.post("/mine/text")
    def text(given: str = Body()):
        return given

    @app.get("/mine/boom/now")
    def boom():
        raise ValueError("not today")

    @app.get("/own")
    def taken():
        return "an extension's"

    @app.get("/easel/v1/more")
    def reserved():
        return "an extension's"

    @app.websocket("/mine/socket")
    async def socket(found: WebSocket):
        await found.accept()
        await found.send_text("hello")
        await found.close()

    @app.middleware("http")
    async def marked(request, call_next):
        response = await call_next(request)
        response.headers["x-marked"] = "yes"
        return response

    @app.exception_handler(KeyError)
    def handled(request, error):
        return JSONResponse({"told": "by the extension"}, 418)

    @app.get("/mine/key/error")
    def key():
        raise KeyError("x")


def no_start(demo, app):
    raise OSError("no network")


@pytest.fixture(scope="module")
def host():
    host = Host(Path("extensions"))
    host.extensions = [ExtensionState(Extension(Path("extensions") / name)) for name in ("broken", "routes", "second")]
    for name, function in (("broken", no_start), ("routes", add_routes), ("second", add_routes)):
        with host._inside(name):
            host.listen("app_started", function)
    return host


@pytest.fixture(scope="module")
def client(host):
    api = FastAPI()
    handle(api, ())

    @api.get("/own")
    def own():
        return "Easel's"

    async def page(scope, receive, send):
        raise HTTPException(404)

    api.router.default = page
    start_extension_routes(host, api, None)

    async def entered(scope, receive, send):
        guest = b"guest" in dict(scope.get("headers", ())).values()
        await api({**scope, "account": Account("ann", Role.GUEST if guest else Role.MEMBER)}, receive, send)

    with TestClient(entered, raise_server_exceptions=False) as found:
        yield found


def test_an_extension_s_route_answers_members(client):
    assert client.get("/mine/hat").json() == {"name": "hat"}
    assert client.post("/mine/text", json="words").json() == "words"
    assert client.get("/mine/hat", headers={"x-role": "guest"}).status_code == 403
    with client.websocket_connect("/mine/socket") as socket:
        assert socket.receive_text() == "hello"


def test_its_middleware_and_handlers_are_its_own_routes_alone(client):
    assert client.get("/mine/hat").headers["x-marked"] == "yes" and "x-marked" not in client.get("/own").headers
    assert client.get("/mine/key/error").status_code == 418
    assert client.get("/nowhere").status_code == 404 and "x-marked" not in client.get("/nowhere").headers


def test_its_errors_name_it(client):
    reply = client.get("/mine/boom/now")
    assert reply.status_code == 500 and "routes failed at this address" in reply.json()["detail"]


def test_its_errors_tell_nobody_what_a_client_proves_itself_by(client, caplog, capfd):
    secrets = {"Authorization": "Bearer of-a-secret", "Cookie": "session=of-a-secret"}
    with caplog.at_level("DEBUG"):
        reply = client.get("/mine/boom/now", headers=secrets)
    assert reply.status_code == 500 and "not today" in caplog.text      # the error is in the log, with its line
    assert "of-a-secret" not in "".join((caplog.text, *capfd.readouterr(), reply.text, str(reply.headers)))


def test_it_replaces_no_route_and_is_told_of_it(client, host):
    assert client.get("/own").json() == "Easel's" and client.get("/easel/v1/more").status_code == 404
    assert [each for each in host.state_of("routes").told if "/own" in each or "/easel/v1/more" in each]
    assert [each for each in host.state_of("second").told if "/mine/{name}" in each]


def test_one_that_fails_to_start_keeps_no_other_from_it(client, host):
    assert "no network" in host.state_of("broken").told[0]
