"""The page's part of the server: gradio draws it, and nothing else of gradio can be reached."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Match, Mount

from modules.api.gate import DEEPEST, FOLDERS, ROUTES, RUN, CallRequest, PageSessions
from modules.base.errors import NotFound
from modules.commands.serve import build_page
from tests.servers import serving, with_tiny_model

ALICE, BOB = ("alice", "a-secret"), ("bob", "b-secret")
SECRET = "SECRET-7c1f0e"
REFUSAL = {"error", "detail", "hint", "errors", "body", "request_id"}


@pytest.fixture(scope="module")
def client(tmp_path_factory) -> Iterator[httpx.Client]:
    """Alice's, of a server with page; gradio's files would lie in its `cache`."""
    with pytest.MonkeyPatch.context() as patch:
        cache = tmp_path_factory.mktemp("gradio")
        patch.setenv("GRADIO_TEMP_DIR", str(cache))
        with serving(with_tiny_model(tmp_path_factory.mktemp("data")), "--gradio-auth", "alice:a-secret,bob:b-secret", page=True) as found:
            found.auth, found.cache = ALICE, cache
            until = time.monotonic() + 120
            while "easel_facts" not in found.get("/").text and time.monotonic() < until:
                time.sleep(0.2)
            yield found


@pytest.fixture(scope="module")
def gradio(client):
    """gradio's application as this server has it, and the functions of the page."""
    mounted, gate = build_page(client.app)
    return mounted, gate.functions


@pytest.fixture(scope="module")
def secret(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("secret") / "secret.png"
    path.write_text(SECRET)
    return path


def routes_in(routes: list[BaseRoute]) -> Iterator[BaseRoute]:
    """All of them, also those of mounted and of included routers, where FastAPI keeps them apart."""
    for route in routes:
        yield route
        yield from routes_in(getattr(getattr(route, "original_router", route), "routes", None) or [])


def call(client: httpx.Client, number: object, values: object, **more: object) -> httpx.Response:
    return client.post(RUN, json={"fn_index": number, "data": values, **more})


def wrapped(value: str) -> list[object]:
    """A file's path as every kind of value that gradio may take for a file."""
    file = {"path": value, "orig_name": "x.png", "meta": {"_type": "gradio.FileData"}}
    return [
        {"path": value}, file, {**file, "url": f"file://{value}"}, {"url": value, "meta": {"_type": "gradio.FileData"}}, {"orig_name": value},
        [file], [[file, "caption"]], {"a": file}, {"a": [{"b": [file]}]}, [None, {"image": file}], {"background": file, "layers": [file], "composite": file},
    ]


def test_of_gradios_routes_only_those_listed_are_open(client, gradio, secret):
    found = [route for route in routes_in(gradio[0].routes) if isinstance(route, APIRoute)]
    assert len(found) > 60 and {"/gradio_api/upload", "/gradio_api/queue/join", "/gradio_api/component_server"} < {route.path for route in found}
    for route in found:
        filled = re.sub(r"{[^}]*}", str(secret), route.path)
        for method in route.methods:
            reply = client.request(method, filled, params={"session_hash": "x", "upload_id": "x", "deep_link": str(secret)})
            if method not in ROUTES.get(route.path, ()):
                assert reply.status_code in (404, 405), (method, filled)
                assert method == "HEAD" or reply.json().keys() == REFUSAL
            assert reply.status_code < 500 and SECRET not in reply.text, (method, filled)
            assert reply.headers["x-content-type-options"] == "nosniff"


def test_the_list_names_only_what_there_is(gradio):
    routes = [route for route in routes_in(gradio[0].routes) if isinstance(route, APIRoute)]
    mounts = [route.path for route in routes_in(gradio[0].routes) if isinstance(route, Mount)]
    for path, methods in ROUTES.items():
        for method in set(methods) - {"HEAD"}:
            assert any(route.matches({"type": "http", "method": method, "path": path})[0] is Match.FULL for route in routes), path
    for folder in FOLDERS:
        asked = {"type": "http", "method": "GET", "path": f"{folder}x"}
        assert folder.rstrip("/") in mounts or any(route.matches(asked)[0] is Match.FULL for route in routes), folder


def test_what_the_page_is_made_of_comes_whole(client):
    html = client.get("/").text
    for path in ("/theme.css", "/favicon.ico", "/easel/page/main.js", *re.findall(r'"\./(assets/[^"]+\.js)"', html)[:3]):
        reply = client.get(path)
        assert reply.status_code == 200 and len(reply.content) > 100 and reply.headers["cache-control"], path
    assert "assets/" in html


def test_no_value_of_any_function_is_a_file(client, gradio, secret):
    functions = gradio[1]
    assert len(functions) >= 5
    for number, count in functions.items():
        for value in wrapped(str(secret)):
            for place in {0, count - 1} if count else ():
                reply = call(client, number, [value if at == place else None for at in range(count)])
                assert (reply.status_code, reply.json()["error"]) == (403, "forbidden"), (number, value)
        reply = call(client, number, [str(secret)] * count)
        assert reply.status_code < 500 and SECRET not in reply.text
    assert not any(SECRET in path.read_text(errors="replace") for path in client.cache.rglob("*") if path.is_file())


def test_values_reach_our_functions_as_they_came_and_at_once(client):
    from modules.ui import page

    events = [event for event in page.build(client.app).fns.values() if event.fn]
    assert len(events) >= 5
    for event in events:
        assert not event.queue and not (event.inputs and event.preprocess), event.name


@pytest.mark.parametrize("value", [None, True, 1e300, "\0", [[]], {"a": 1}, ["x"] * 50])
def test_whatever_the_values_a_function_is_no_fault_of_ours(client, gradio, value, capfd, caplog):
    for number, count in gradio[1].items():
        reply = call(client, number, [value] * count)
        assert reply.status_code < 500, (number, reply.text)
    assert "Traceback" not in "".join(capfd.readouterr()) and not any(record.exc_info for record in caplog.records)


@pytest.mark.parametrize(("body", "status"), [
    (b"", 422), (b"[]", 422), (b"{", 422), (b"{}", 404), (b'{"fn_index": true, "data": []}', 404), (b'{"fn_index": 99999, "data": []}', 404),
    (b'{"fn_index": "predict", "data": []}', 404), (b'{"fn_index": 0}', 422), (b'{"fn_index": 0, "data": [1]}', 422), (b'{"fn_index": 0, "data": {}}', 422),
    (b'{"fn_index": 0, "data": [], "session_hash": 1}', 422), (b'{"fn_index": 0, "data": [NaN]}', 422), (b"[" * 5000, 422),
])
def test_a_call_that_is_none_is_refused_in_our_words(client, body, status):
    reply = client.post(RUN, content=body, headers={"Content-Type": "application/json"})
    assert reply.status_code == status and reply.json().keys() == REFUSAL, reply.text


def test_values_are_not_read_to_any_depth(client, gradio):
    number, count = next((number, count) for number, count in gradio[1].items() if count)
    deep = json.loads("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1))
    assert call(client, number, [deep] + [None] * (count - 1)).status_code == 422


def test_a_call_is_no_way_to_send_much(client):
    reply = client.post(RUN, content=b" " * (CallRequest.largest + 1), headers={"Content-Type": "application/json"})
    assert (reply.status_code, reply.json()["error"]) == (413, "too_large")


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=" + "x" * 5000, "application/x-www-form-urlencoded"])
def test_a_call_is_json(client, kind):
    assert client.post(RUN, content=b"{}", headers={"Content-Type": kind}).status_code == 415


def test_a_session_belongs_to_the_account_that_opened_it(client):
    assert call(client, 0, [], session_hash="alices").status_code == 200
    reply = client.post(RUN, json={"fn_index": 0, "data": [], "session_hash": "alices"}, auth=BOB)
    assert (reply.status_code, reply.json()["error"]) == (404, "not_found")
    assert call(client, 0, [], session_hash="alices").status_code == 200
    assert client.get("/gradio_api/queue/data", params={"session_hash": "alices"}, auth=BOB).status_code == 404


def test_sessions_are_forgotten_by_account():
    sessions = PageSessions()
    sessions.check("first", "alice")
    for number in range(1500):
        sessions.check(f"bobs{number}", "bob")
    with pytest.raises(NotFound):
        sessions.check("first", "bob")
    sessions.check("bobs0", "alice")      # forgotten, as the oldest of too many


def test_the_page_and_its_parts_need_an_account(client):
    for path in ("/", "/theme.css", "/assets/x.js", "/config", "/gradio_api/info", "/easel/page/main.js"):
        reply = client.get(path, auth=None)
        assert reply.status_code == 401 and reply.json().keys() == REFUSAL, path


def test_a_query_changes_nothing_of_the_page(client):
    plain = client.get("/").text
    for query in ("page=nowhere", "deep_link=x", "deep_link=../../x"):
        assert len(client.get(f"/?{query}").text) == len(plain)


def test_gradio_answers_no_foreign_origin(client):
    for path in ("/", "/theme.css"):
        reply = client.get(path, headers={"Origin": "http://localhost:1"})
        assert not [name for name in reply.headers if name.startswith("access-control")]
