"""How the server takes what is no proper request, and that it always says no in the same words."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from fastapi import FastAPI, Response
from starlette.testclient import TestClient

from modules.api.errors import handle
from modules.api.routing import check_count, parse_finite, strict_json
from modules.api.server import build_api, put_page
from modules.base.accounts import LOCAL_ACCOUNT
from modules.base.limits import MAX_BODY, MAX_DEPTH, MAX_ESCAPES, MAX_JSON
from modules.commands.assemble import assemble
from modules.settings.flags import parse_flags
from tests.api.test_generate import SMALL

REFUSAL = {"error", "detail", "hint", "errors", "body", "request_id"}


def send(client, content, path="/sdapi/v1/txt2img", kind="application/json"):
    return client.post(path, content=content, headers={"Content-Type": kind} if kind else {})


def with_field(name, text):
    return (json.dumps(SMALL)[:-1] + f', "{name}": {text}}}').encode()


@pytest.mark.parametrize("content", [
    b"", b"[]", b"null", b"{", b'"x"', b"\0", b'{"prompt": "\xff"}',
    b"[" * 100_000, b'{"a":' * 100_000, b'{"seed": ' + b"1" * 10_000 + b"}",
    *[with_field(name, text) for name in ("cfg_scale", "eta", "seed") for text in ("NaN", "-Infinity", "1e999")],
    with_field("override_settings", '{"unheard_of": [NaN]}'), with_field("override_settings", r'{"\udfff": 1}'),
    with_field("prompt", r'"\ud800"'), with_field("force_task_id", r'"\ud800"'),
])
def test_what_is_no_proper_json_is_422(client, content):
    reply = send(client, content)
    assert reply.status_code == 422, reply.text
    assert reply.json().keys() == REFUSAL and reply.json()["error"] == "validation"


@pytest.mark.parametrize("path", [
    "sdapi/v1/options", "easel/v1/tokens", "easel/v1/read-infotext", "sdapi/v1/png-info", "internal/progress",
])
def test_half_a_character_is_refused_everywhere(client, path):
    assert send(client, rb'{"\ud800": "\ud800"}', f"/{path}").status_code == 422


def test_a_whole_character_may_come_in_two_halves():
    assert strict_json(rb'{"a": "\ud83d\ude00"}') == {"a": "😀"}
    assert strict_json('{"a": "😀", "b": -1.5e3}'.encode()) == {"a": "😀", "b": -1500.0}
    assert parse_finite("1e308") == 1e308


def test_the_reason_is_told(client):
    assert "NaN is no number" in send(client, with_field("eta", "NaN")).json()["errors"]


def test_json_needs_no_header_but_suffers_no_other(client):
    assert send(client, json.dumps({"id_task": "x"}), "/internal/progress", None).status_code == 200
    for kind in ("multipart/form-data; boundary=x", "text/html", "application/octet-stream", "json"):
        for path in ("/sdapi/v1/interrupt", "/sdapi/v1/options", "/internal/progress", "/easel/v1/jobs/x/skip"):
            reply = send(client, b"{}", path, kind)
            assert (reply.status_code, reply.json()["error"]) == (415, "unsupported_media_type")
        assert client.patch("/easel/v1/cards/x", content=b"{}", headers={"Content-Type": kind}).status_code == 415


def test_a_huge_body_is_refused_before_it_is_read(client):
    address = client.base_url.host, client.base_url.port
    with socket.create_connection(address, timeout=30) as raw:
        raw.sendall(b"POST /sdapi/v1/png-info HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000000\r\n\r\n")
        reply = b"".join(iter(lambda: raw.recv(4096), b""))      # it hangs up by itself
    assert reply.startswith(b"HTTP/1.1 413") and b'"error":"too_large"' in reply


def test_a_huge_body_of_unknown_size_is_cut_off(client):
    sent = 0

    def endless():
        nonlocal sent
        while sent < 10 * MAX_BODY:
            sent += 2**20
            yield b" " * 2**20

    with contextlib.suppress(httpx.TransportError):      # it may hang up while we are still sending
        assert send(client, endless(), "/sdapi/v1/png-info").status_code == 413
    assert sent < 3 * MAX_BODY


@pytest.mark.parametrize(("method", "path", "status", "code"), [
    ("GET", "/sdapi/v1/nowhere", 404, "not_found"), ("GET", "/easel/v1/jobs/none", 404, "not_found"),
    ("PUT", "/sdapi/v1/options", 405, "method_not_allowed"), ("GET", "/sdapi/v1/txt2img", 405, "method_not_allowed"),
    ("GET", "/easel/v1/jobs?limit=0", 422, "validation"), ("GET", "/easel/v1/jobs/x/pictures/first", 422, "validation"),
    ("POST", "/sdapi/v1/options", 422, "validation"), ("POST", "/sdapi/v1/interrupt?task_id=none", 404, "not_found"),
])
def test_every_refusal_has_the_same_shape(client, method, path, status, code):
    reply = client.request(method, path)
    body = reply.json()
    assert (reply.status_code, body["error"]) == (status, code)
    assert body.keys() == REFUSAL and body["errors"] and re.fullmatch(r"[0-9a-f]{12}", body["request_id"])


def test_a_method_that_is_not_there_is_told_all_that_are(client):
    for path, methods in (("options", "GET, POST"), ("txt2img", "POST"), ("sd-models", "GET")):
        reply = client.put(f"/sdapi/v1/{path}")
        assert (reply.status_code, reply.headers["allow"]) == (405, methods)


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "null"}])
def test_so_has_the_doors(client, headers):
    reply = client.post("/sdapi/v1/interrupt", headers=headers)
    assert reply.status_code == 403 and reply.json().keys() == REFUSAL
    assert reply.headers["x-content-type-options"] == "nosniff"


def test_the_schema_says_what_the_fields_mean(client):
    schema = client.get("/openapi.json").json()
    steps = schema["components"]["schemas"]["Txt2ImgRequest"]["properties"]["steps"]
    assert steps["title"] == "Sampling steps" and steps["description"]
    assert steps["anyOf"] == [{"type": "integer", "minimum": 1, "maximum": 150}, {"type": "null"}]
    for path, methods in schema["paths"].items():
        for method in methods.values():
            assert "4XX" in method["responses"], path


@pytest.mark.slow
def test_the_schema_is_made_once_and_other_requests_are_answered_meanwhile(tmp_path, monkeypatch):
    api = build_api(assemble(parse_flags(["--nowebui", "--data-dir", str(tmp_path)], {})))
    begun, go_on, made = threading.Event(), threading.Event(), []

    def slow():
        begun.set()
        assert go_on.wait(60)
        api.openapi_schema = {"made": len(made)}
        made.append(api.openapi_schema)
        return made[-1]

    monkeypatch.setattr(api, "_described", slow)
    with TestClient(as_somebody(api)) as client, ThreadPoolExecutor(2) as others:
        asked = [others.submit(client.get, "/openapi.json") for _ in range(2)]
        assert begun.wait(60)
        assert client.get("/internal/ping").status_code == 200
        go_on.set()
        assert [each.result().json() for each in asked] == [{"made": 0}] * 2


def as_somebody(api):
    """The application, with the account that the door would have set."""
    async def entered(scope, receive, send):
        await api({**scope, "account": LOCAL_ACCOUNT}, receive, send)

    return entered


class TestPage:
    """`put_page`: what is no route is the page's."""

    @pytest.fixture
    def browser(self):
        api = FastAPI()
        handle(api, ())
        api.add_api_route("/sdapi/v1/there", lambda: "route")
        put_page(api, Response("page"))
        api.add_api_route("/added-later", lambda: "route")
        return TestClient(api)

    @pytest.mark.parametrize("path", ["/", "/gradio_api/info", "/anything/else"])
    def test_the_page_gets_the_rest(self, browser, path):
        assert browser.get(path).text == "page"

    @pytest.mark.parametrize("path", ["/sdapi/v1/there", "/added-later"])
    def test_routes_come_first_whenever_they_were_added(self, browser, path):
        assert browser.get(path).json() == "route"

    def test_our_own_paths_are_not_the_pages(self, browser):
        assert browser.get("/sdapi/v1/nowhere").json()["error"] == "not_found"
        assert browser.post("/sdapi/v1/there").status_code == 405


MANY = MAX_JSON + 1


@pytest.mark.parametrize(
    "content",
    [
        b"[" + b"0," * MANY + b"0]",
        b"[" + b'"",' * MANY + b'""]',
        b"[" * MANY,
        b'"' * 4 * MANY,
        b"{" + b'"a":1,' * MANY + b'"a":1}',
        b"[" + b"{}," * MANY + b"0]",
        b'["' + b"\\\\" * (MAX_ESCAPES // 2 + 1) + b'"]',
    ],
    ids=["numbers", "texts", "lists", "quotes", "names", "objects", "escapes"],
)
def test_json_of_more_values_than_any_request_has_is_refused_before_it_is_taken_apart(client, content):
    with pytest.raises(json.JSONDecodeError, match="more than"):
        check_count(content)
    reply = send(client, content, "/sdapi/v1/png-info")
    assert reply.status_code == 422 and "more than" in reply.json()["errors"] and len(reply.text) < 5_000


@pytest.mark.parametrize(
    "value",
    [
        {"text": ",[{" * MANY, "more": ['\\"', "\\", '"', "\\\\\"'", ",[{\\"]},
        [0] * (MAX_JSON - 2),
        {str(each): [] for each in range(MAX_JSON // 4)},
        ["\\" * 1000],
    ],
    ids=["commas in a text", "numbers", "names", "backslashes"],
)
def test_what_stands_in_texts_is_not_counted(value):
    assert strict_json(json.dumps(value).encode()) == value
    assert strict_json(json.dumps(value).encode("utf-8-sig")) == value


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/sdapi/v1/txt2img", "override_settings"),
        ("/sdapi/v1/txt2img", "alwayson_scripts"),
        ("/sdapi/v1/txt2img", "unheard_of"),
        ("/sdapi/v1/options", "hidden_tabs"),
        ("/easel/v1/read-infotext", "now"),
        ("/easel/v1/compare-manifest", "manifest"),
        ("/easel/v1/choice", "sd_vae"),
    ],
)
@pytest.mark.parametrize(("opening", "closing"), [(b'{"a":', b"}"), (b"[", b"]"), (b'[{"a":', b"}]")])
def test_json_nested_more_deeply_than_any_request_is_refused(client, path, name, opening, closing):
    for levels in (MAX_DEPTH, 300):
        nested = b'{"a": ' + opening * levels + b"1" + closing * levels + b"}"
        reply = send(client, b'{"' + name.encode() + b'": ' + nested + b"}", path)
        assert reply.status_code == 422 and "levels" in reply.json()["errors"] and len(reply.text) < 5_000, reply.text[
            :300
        ]


def test_json_of_some_levels_is_read():
    nested = json.loads("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    assert strict_json(json.dumps(nested).encode()) == nested


def test_json_is_utf8():
    for encoding in ("utf-16", "utf-32", "utf-16-le"):
        with pytest.raises(json.JSONDecodeError):
            strict_json(json.dumps({"a": "b"}).encode(encoding))


def test_a_refusal_is_short_whatever_names_the_request_has(client):
    assert len(client.post("/easel/v1/choice", json={"a" * 2**20: 1}).text) < 1_000
    for body in (
        {"text": "", "now": {"a" * 2**20: 1}},
        {"text": "", "now": {"a" * 2_000 + str(each): 1 for each in range(900)}},
        {"text": [["a"]] * 9_000},
    ):
        reply = client.post("/easel/v1/read-infotext", json=body)
        assert reply.status_code == 422 and len(reply.text) < 30_000
