"""Who may come in."""

from __future__ import annotations

import gzip
import json
import socket
import tempfile
from pathlib import Path

import httpx
import pytest
from starlette.responses import JSONResponse
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from modules.api.access import Access, allowed_hosts, basic_credentials
from modules.api.forwarding import TrustedProxies
from modules.api.incoming import IncomingBody
from modules.app.authentication import Authenticator
from modules.base.own_addresses import own_addresses
from modules.commands.protocol import PlainSpoken
from modules.settings.flags import parse_flags
from modules.store.accounts import AccountStore


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:7860", "127.0.0.1.evil.example", "a/?x=", "localhost/gradio_api/", "",
        "127.0.0.1:1:2", "localhost:x", "localhost:99999", "localhost:0", "localhost:-1", "::1", "[::1", "[::1]x",
        "me@localhost", "localhost,evil.example", "local host", "localhost:" + "1" * 5000,
    ],
)
def test_a_foreign_host_name_is_turned_away(client, host):
    assert client.get("/sdapi/v1/options", headers={"Host": host}).status_code in (400, 403)


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost:1", "[::1]:7860", "localhost"])
def test_own_names_are_welcome(client, host):
    assert client.get("/internal/ping", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://127.0.0.1:1", "file://", "", "//", "http://[", "http://a@127.0.0.1"],
)
def test_another_page_may_change_nothing(client, origin):
    reply = client.post("/sdapi/v1/options", json={"eta_ddim": 0.9}, headers={"Origin": origin})
    assert (reply.status_code, reply.json()["error"]) == (403, "bad_origin")
    assert client.get("/sdapi/v1/options").json()["eta_ddim"] == 0.0


@pytest.mark.parametrize("path", ["/", "/easel/v1/jobs", "/easel/v1/queue/events", "/easel/v1/jobs/0/events", "/docs"])
@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "file://"])
def test_another_page_may_read_and_follow_nothing(client, path, origin):
    with client.stream("GET", path, headers={"Origin": origin, "Sec-Fetch-Site": "cross-site"}) as reply:
        assert (reply.status_code, json.loads(reply.read())["error"]) == (403, "bad_origin")


def test_a_link_from_another_page_opens_ours(client):
    assert client.get("/docs", headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}).status_code == 200


def test_our_own_page_may(client):
    own = str(client.base_url).rstrip("/")
    assert client.post("/sdapi/v1/options", json={}, headers={"Origin": own}).status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "text/plain;charset=UTF-8"])
def test_what_a_foreign_form_can_send_is_refused(client, kind):
    assert (
        client.post("/sdapi/v1/options", content='{"eta_ddim": 0.9}', headers={"Content-Type": kind}).status_code == 415
    )


@pytest.mark.slow
def test_without_an_account_nothing_but_the_ping_answers(guarded):
    for route in ("/sdapi/v1/options", "/openapi.json", "/docs", "/easel/v1/jobs", "/sdapi/v1/sd-models", "/nowhere"):
        reply = guarded.get(route)
        assert reply.status_code == 401 and "Basic" in reply.headers["www-authenticate"], route
    assert guarded.post("/sdapi/v1/txt2img", json={}).status_code == 401
    assert guarded.get("/internal/ping").status_code == 200


@pytest.mark.slow
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
    alone, shared = allowed_hosts(parse_flags([], {})), allowed_hosts(parse_flags(["--listen"], {}))
    assert alone == {"127.0.0.1", "localhost", "::1"}
    assert shared >= alone | set(own_addresses()) | {socket.gethostname().lower()}
    assert "studio.example" in allowed_hosts(parse_flags(["--server-name", "Studio.example"], {}))


@pytest.mark.parametrize("header", ["", "Basic", "Basic !!!", "Basic bm9jb2xvbg==", "Bearer YTpi", "Basic /////w=="])
def test_credentials_that_are_none_open_nothing(header):
    assert basic_credentials(header) != ("a", "b")


def test_a_password_may_hold_colons_and_any_letter():
    assert basic_credentials("basic YTpiOmM=") == ("a", "b:c")
    assert basic_credentials("Basic w7w6w58=") == ("ü", "ß")


ALICE = {"Authorization": "Basic YWxpY2U6YS1zZWNyZXQ="}


def door_to(app: ASGIApp, *flags: str) -> Access:
    """A door with the accounts that the flags name."""
    parsed = parse_flags(flags, {})
    with tempfile.TemporaryDirectory() as folder:      # what it needs of the database it has read
        return Access(app, Authenticator(AccountStore(Path(folder) / "easel.sqlite"), parsed), parsed)


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Accepts a socket and tells who came."""
    socket = WebSocket(scope, receive, send)
    await socket.accept()
    await socket.send_text(scope["account"].name)
    await socket.close()


class TestSocket:
    @pytest.fixture
    def browser(self):
        return TestClient(door_to(echo, "--api-auth", "alice:a-secret"), base_url="http://localhost:7860")

    def test_opens_for_our_own_page(self, browser):
        headers = {"Host": "localhost:7860", "Origin": "http://localhost:7860", **ALICE}
        with browser.websocket_connect("/", headers=headers) as socket:
            assert socket.receive_text() == "alice"

    @pytest.mark.parametrize("headers", [
        {**ALICE, "Origin": "http://evil.example"}, {**ALICE, "Origin": "null"}, {**ALICE, "Host": "evil.example:7860"},
        {"Authorization": "Basic YWxpY2U6d3Jvbmc="}, {},
    ])
    def test_stays_shut_for_others(self, browser, headers):
        with (
            pytest.raises(WebSocketDisconnect),
            browser.websocket_connect("/", headers={"Host": "localhost:7860", **headers}),
        ):
            pass


def raw(address: httpx.URL, head: bytes) -> tuple[int, dict[str, str], bytes]:
    """What the server answers to bytes that no HTTP library would send: status, headers, body."""
    with socket.create_connection((address.host, address.port), timeout=30) as line:
        line.sendall(head)
        reply = b"".join(iter(lambda: line.recv(65536), b""))
    top, _, body = reply.partition(b"\r\n\r\n")
    first, *lines = top.decode().split("\r\n")
    return (
        int(first.split()[1]),
        {name.lower(): value for name, _, value in (each.partition(": ") for each in lines)},
        body,
    )


TARGETS = [
    b"sdapi/v1/options",
    b"http://127.0.0.1/sdapi/v1/options",
    b"*",
    b"?",
    b"//sdapi/v1/options",
    b"/sdapi/v1/options%0A",
    b"/%00",
    b"/..%5c..%5cx",
    b"\\sdapi\\v1\\options",
    b"/%2e%2e/%2e%2e/etc/passwd",
    b"127.0.0.1:80",
    b"/easel/static/" + b"a" * 5000,
    b"/" + b"a" * 300,
    b"/%ff%fe",
    b"/docs%0d%0a",
]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("method", [b"GET", b"POST", b"OPTIONS", b"PROPFIND"])
def test_whatever_the_target_the_door_stands_before_it(guarded, method, target):
    head = method + b" " + target + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
    for account, statuses in ((b"", {401}), (b"Authorization: Basic YWxpY2U6YS1zZWNyZXQ=\r\n", {404, 405})):
        status, headers, body = raw(guarded.base_url, head + account + b"\r\n")
        assert status in statuses and json.loads(body)["request_id"], (status, body)
        assert headers["x-content-type-options"] == "nosniff" and "location" not in headers


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: odd\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20_000 + b"\r\n",
    ],
)
def test_what_is_no_request_is_refused_in_the_same_shape(client, head):
    status, headers, body = raw(client.base_url, head)
    assert (
        status == 400 and json.loads(body)["error"] == "bad_request" and headers["x-content-type-options"] == "nosniff"
    )


@pytest.mark.parametrize("name", ["Origin", "Authorization", "Content-Type", "Content-Encoding", "Sec-Fetch-Site"])
def test_of_two_headers_that_contradict_each_other_neither_is_believed(client, name):
    own = str(client.base_url).rstrip("/")
    reply = client.post("/sdapi/v1/options", content=b"{}", headers=[(name, own), (name, "http://evil.example")])
    assert (reply.status_code, reply.json()["error"]) == (400, "bad_request") and name.lower() in reply.text


@pytest.mark.parametrize("coding", ["gzip", "br", "gzip, identity", "zstd", "GZIP"])
def test_a_packed_body_is_not_unpacked(client, coding):
    bomb = gzip.compress(json.dumps({"prompt": "a" * 10_000_000}).encode())
    reply = client.post("/sdapi/v1/png-info", content=bomb, headers={
        "Content-Encoding": coding, "Content-Type": "application/json"})
    assert (reply.status_code, reply.json()["error"]) == (415, "unsupported_media_type")


def test_more_than_may_come_is_refused_before_it_is_read_whatever_the_route(client):
    for method, path in ((b"GET", b"/internal/ping"), (b"POST", b"/nowhere"), (b"DELETE", b"/sdapi/v1/options")):
        status, headers, _ = raw(
            client.base_url,
            method + b" " + path + b" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000000000\r\n\r\n",
        )
        assert status == 413 and headers["connection"] == "close"


def test_a_request_has_few_headers(client):
    many = {f"X-{number}": "y" for number in range(1000)}
    reply = client.get("/internal/ping", headers=many)
    assert (reply.status_code, reply.json()["error"]) == (400, "bad_request")


def test_who_leaves_in_the_middle_of_a_body_is_no_fault_of_ours(client, caplog, capfd):
    for path in (b"/sdapi/v1/options", b"/sdapi/v1/txt2img", b"/nowhere"):
        with socket.create_connection((client.base_url.host, client.base_url.port)) as line:
            line.sendall(
                b"POST "
                + path
                + b" HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
            )
    assert client.get("/internal/ping").status_code == 200
    assert not any(record.exc_info for record in caplog.records) and "Traceback" not in "".join(capfd.readouterr())


@pytest.mark.parametrize("asked_before", [False, True])
@pytest.mark.parametrize("begun", [b"", b"GET /internal/ping HTTP/1.1\r\nHost: local"])
def test_a_head_that_never_ends_is_not_waited_for(client, monkeypatch, begun, asked_before):
    monkeypatch.setattr(PlainSpoken, "head_seconds", 0.2)
    with socket.create_connection((client.base_url.host, client.base_url.port), timeout=30) as line:
        if asked_before and begun:
            line.sendall(b"GET /internal/ping HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert line.recv(65536).startswith(b"HTTP/1.1 200")
        line.sendall(begun)
        while line.recv(65536):      # the rest of the first answer, then the end
            pass


@pytest.mark.parametrize("path", [b"/sdapi/v1/options", b"/sdapi/v1/txt2img", b"/easel/v1/inputs"])
@pytest.mark.parametrize(
    "framing", [b"Content-Length: 1000\r\n\r\n{", b"Transfer-Encoding: chunked\r\n\r\n" + b"ff\r\n{"]
)
def test_a_body_that_never_ends_is_refused(client, monkeypatch, path, framing):
    monkeypatch.setattr(IncomingBody, "seconds", 0.2)
    head = b"POST " + path + b" HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    status, headers, body = raw(client.base_url, head + framing)
    assert (status, json.loads(body)["error"], headers["connection"]) == (408, "request_timeout", "close")


@pytest.mark.parametrize("size", [b"6000000", b"F" * 16, b"f" * 20, b"fffffff;ext=1"])
@pytest.mark.parametrize("path", [b"/sdapi/v1/options", b"/easel/v1/inputs", b"/nowhere", b"/login"])
def test_a_chunk_larger_than_any_body_is_refused_when_it_is_announced(client, path, size):
    head = b"POST " + path + b" HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    status, headers, body = raw(client.base_url, head + b"Transfer-Encoding: chunked\r\n\r\n" + size + b"\r\n{")
    assert (status, json.loads(body)["error"], headers["connection"]) == (413, "too_large", "close")
    assert client.get("/internal/ping").status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_foreign_page_that_hides_its_origin_may_change_nothing(client, site):
    reply = client.post("/sdapi/v1/options", json={}, headers={"Sec-Fetch-Site": site})
    assert (reply.status_code, reply.json()["error"]) == (403, "bad_origin")
    assert client.post("/sdapi/v1/options", json={}, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200


def test_https_is_another_origin_than_http(client):
    secure = str(client.base_url).rstrip("/").replace("http:", "https:")
    assert client.post("/sdapi/v1/options", json={}, headers={"Origin": secure}).status_code == 403


def test_answers_say_who_may_keep_them(client):
    for path in ("/sdapi/v1/options", "/internal/ping", "/nowhere"):
        assert client.get(path).headers["cache-control"] == "private, no-store"


ASKING = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}


def at_door(*flags: str, peer: str = "127.0.0.1") -> TestClient:
    """A door with alice's account before something that tells what it sees."""
    return TestClient(
        door_to(mirror, *flags, "--api-auth", "alice:a-secret"),
        base_url="http://localhost:7860",
        client=(peer, 4711),
    )


async def mirror(scope: Scope, receive: Receive, send: Send) -> None:
    seen = {
        "scheme": scope["scheme"],
        "client": scope["client"][0],
        "headers": {name.decode(): value.decode() for name, value in scope["headers"]},
    }
    await JSONResponse(seen)(scope, receive, send)


FORWARDED = {
    "X-Forwarded-For": "6.6.6.6, 203.0.113.9, 10.1.1.1",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "studio.example",
    "X-Forwarded-Prefix": "/evil",
    "Forwarded": "for=6.6.6.6",
    "X-Gradio-Server": "http://evil.example",
}


class TestProxies:
    def test_nobody_is_believed_unasked(self):
        for peer in ("127.0.0.1", "10.1.1.1", "::1"):
            seen = at_door(peer=peer).get("/", headers=ALICE | FORWARDED).json()
            assert (seen["scheme"], seen["client"], seen["headers"]["host"]) == ("http", peer, "localhost:7860")
            assert not {name.lower() for name in FORWARDED} & seen["headers"].keys()

    def test_a_named_proxy_is(self):
        flags = "--trusted-proxy", "10.0.0.0/8, 192.168.0.1", "--allowed-hosts", "Studio.example"
        for peer in ("10.2.3.4", "192.168.0.1", "::ffff:10.9.9.9"):
            seen = at_door(*flags, peer=peer).get("/", headers=ALICE | FORWARDED).json()
            assert (seen["scheme"], seen["client"], seen["headers"]["host"]) == (
                "https",
                "203.0.113.9",
                "studio.example",
            )
            assert not {name.lower() for name in FORWARDED} & seen["headers"].keys()
        assert at_door(*flags, peer="192.168.0.2").get("/", headers=ALICE | FORWARDED).json()["scheme"] == "http"

    def test_its_page_has_the_origin_that_it_shows(self):
        browser = at_door("--trusted-proxy", "10.0.0.1", "--allowed-hosts", "studio.example", peer="10.0.0.1")
        for origin, status in (
            ("https://studio.example", 200),
            ("http://studio.example", 403),
            ("https://localhost:7860", 403),
        ):
            assert browser.post("/", json={}, headers=ALICE | FORWARDED | {"Origin": origin}).status_code == status

    def test_a_forwarded_name_must_be_one_of_ours(self):
        assert (
            at_door("--trusted-proxy", "10.0.0.1", peer="10.0.0.1").get("/", headers=ALICE | FORWARDED).status_code
            == 403
        )

    def test_words_that_are_none_are_passed_over(self):
        odd = {"X-Forwarded-For": "unknown, <script>", "X-Forwarded-Proto": "javascript", "X-Forwarded-Host": ""}
        seen = at_door("--trusted-proxy", "10.0.0.1", peer="10.0.0.1").get("/", headers=ALICE | odd).json()
        assert (seen["scheme"], seen["client"]) == ("http", "10.0.0.1")

    def test_who_has_no_address_is_no_proxy(self):
        assert (
            "" not in TrustedProxies(["0.0.0.0/0"])
            and "unix:" not in TrustedProxies(["0.0.0.0/0"])
            and "1.2.3.4" in TrustedProxies(["0.0.0.0/0"])
        )


class TestForeignPages:
    @pytest.mark.slow
    def test_none_may_read_unless_it_is_named(self):
        for flags in ((), ("--cors-allow-origins", "https://good.example")):
            for origin in (
                "https://evil.example",
                "null",
                "http://localhost:1",
                "https://good.example.evil.example",
                "https://good.example:444",
            ):
                browser = at_door(*flags)
                for reply in (
                    browser.get("/", headers=ALICE | {"Origin": origin}),
                    browser.options("/", headers={"Origin": origin} | ASKING),
                ):
                    assert not [name for name in reply.headers if name.startswith("access-control")]
                assert browser.post("/", json={}, headers=ALICE | {"Origin": origin}).status_code == 403

    @pytest.mark.parametrize(
        "flags",
        [
            ("--cors-allow-origins", "https://good.example/, http://a.example"),
            ("--cors-allow-origins-regex", r"https://\w+\.example"),
        ],
    )
    def test_who_is_named_may(self, flags):
        browser, origin = at_door(*flags), {"Origin": "https://good.example"}
        asked = browser.options("/", headers=origin | ASKING)
        assert asked.status_code == 204 and "POST" in asked.headers["access-control-allow-methods"]
        for reply in (
            asked,
            browser.get("/", headers=ALICE | origin),
            browser.post("/", json={}, headers=ALICE | origin),
            browser.get("/", headers=origin),
        ):
            assert (
                reply.headers["access-control-allow-origin"] == "https://good.example"
                and reply.headers["vary"] == "Origin"
            )
            assert reply.headers["access-control-allow-credentials"] == "true"
        assert reply.status_code == 401

    def test_all_of_the_web_may_not_use_what_the_browser_remembers(self):
        reply = at_door("--cors-allow-origins", "*").get("/", headers=ALICE | {"Origin": "https://any.example"})
        assert (
            reply.headers["access-control-allow-origin"] == "*"
            and "access-control-allow-credentials" not in reply.headers
        )
