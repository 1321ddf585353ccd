"""Who may come in."""

from __future__ import annotations

import socket

import pytest
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from modules.api.access import Access, allowed_hosts, basic_credentials, own_addresses
from modules.settings.flags import parse


@pytest.mark.parametrize("host", ["evil.example", "evil.example:7860", "127.0.0.1.evil.example", "a/?x=", "localhost/gradio_api/", ""])
def test_a_foreign_host_name_is_turned_away(client, host):
    assert client.get("/sdapi/v1/options", headers={"Host": host}).status_code in (400, 403)


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost:1", "[::1]:7860", "localhost"])
def test_own_names_are_welcome(client, host):
    assert client.get("/internal/ping", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "file://"])
def test_another_page_may_change_nothing(client, origin):
    reply = client.post("/sdapi/v1/options", json={"eta_ddim": 0.9}, headers={"Origin": origin})
    assert (reply.status_code, reply.json()["error"]) == (403, "bad_origin")
    assert client.get("/sdapi/v1/options").json()["eta_ddim"] == 0.0


def test_our_own_page_may(client):
    own = str(client.base_url).rstrip("/")
    assert client.post("/sdapi/v1/options", json={}, headers={"Origin": own}).status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "text/plain;charset=UTF-8"])
def test_what_a_foreign_form_can_send_is_refused(client, kind):
    assert client.post("/sdapi/v1/options", content='{"eta_ddim": 0.9}', headers={"Content-Type": kind}).status_code == 415


def test_without_an_account_nothing_but_the_ping_answers(guarded):
    for route in ("/sdapi/v1/options", "/openapi.json", "/docs", "/easel/v1/jobs", "/sdapi/v1/sd-models", "/nowhere"):
        reply = guarded.get(route)
        assert reply.status_code == 401 and "Basic" in reply.headers["www-authenticate"], route
    assert guarded.post("/sdapi/v1/txt2img", json={}).status_code == 401
    assert guarded.get("/internal/ping").status_code == 200


def test_every_route_there_is_needs_an_account(guarded):
    paths = guarded.get("/openapi.json", auth=("alice", "a-secret")).json()["paths"]
    assert len(paths) > 15
    for path, methods in paths.items():
        for method in methods:
            assert guarded.request(method, path.replace("{", "").replace("}", "")).status_code == 401, path


@pytest.mark.parametrize("auth", [("alice", "wrong"), ("mallory", "a-secret"), ("", ""), ("alice", "b-secret")])
def test_wrong_passwords_do_not_open(guarded, auth):
    assert guarded.get("/sdapi/v1/options", auth=auth).status_code == 401


def test_the_right_one_does(guarded):
    assert guarded.get("/sdapi/v1/options", auth=("bob", "b-secret")).status_code == 200


def test_answers_carry_their_armour(client):
    headers = client.get("/sdapi/v1/options").headers
    assert headers["x-content-type-options"] == "nosniff" and "frame-ancestors" in headers["content-security-policy"]


def test_beyond_loopback_this_computers_names_and_addresses_are_welcome():
    alone, shared = allowed_hosts(parse([], {})), allowed_hosts(parse(["--listen"], {}))
    assert alone == {"127.0.0.1", "localhost", "::1"}
    assert shared >= alone | set(own_addresses()) | {socket.gethostname().lower()}
    assert "studio.example" in allowed_hosts(parse(["--server-name", "Studio.example"], {}))


@pytest.mark.parametrize("header", ["", "Basic", "Basic !!!", "Basic bm9jb2xvbg==", "Bearer YTpi", "Basic /////w=="])
def test_credentials_that_are_none_open_nothing(header):
    assert basic_credentials(header) != ("a", "b")


def test_a_password_may_hold_colons_and_any_letter():
    assert basic_credentials("basic YTpiOmM=") == ("a", "b:c")
    assert basic_credentials("Basic w7w6w58=") == ("ü", "ß")


ALICE = {"Authorization": "Basic YWxpY2U6YS1zZWNyZXQ="}


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Accepts a socket and tells who came."""
    socket = WebSocket(scope, receive, send)
    await socket.accept()
    await socket.send_text(scope["owner"])
    await socket.close()


class TestSocket:
    @pytest.fixture
    def browser(self):
        return TestClient(Access(echo, (("alice", "a-secret"),), parse([], {})), base_url="http://localhost:7860")

    def test_opens_for_our_own_page(self, browser):
        headers = {"Host": "localhost:7860", "Origin": "http://localhost:7860", **ALICE}
        with browser.websocket_connect("/", headers=headers) as socket:
            assert socket.receive_text() == "alice"

    @pytest.mark.parametrize("headers", [
        {**ALICE, "Origin": "http://evil.example"}, {**ALICE, "Origin": "null"}, {**ALICE, "Host": "evil.example:7860"},
        {"Authorization": "Basic YWxpY2U6d3Jvbmc="}, {},
    ])
    def test_stays_shut_for_others(self, browser, headers):
        with pytest.raises(WebSocketDisconnect), browser.websocket_connect("/", headers={"Host": "localhost:7860", **headers}):
            pass
