"""The page's part of the server: gradio draws it, and nothing else of gradio can be reached."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import brotli
import httpx
import pytest
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Match, Mount

from modules.api.access import PUBLIC
from modules.api.compression import BROTLI_QUALITY
from modules.api.gate import FOLDERS, READ_METHODS, ROUTES
from modules.commands.serve import build_page
from tests.servers import serving, with_tiny_model

ALICE = ("alice", "a-secret")
SECRET = "SECRET-7c1f0e"
REFUSAL = {"error", "detail", "hint", "errors", "body", "request_id"}


@pytest.fixture(scope="module")
def client(tmp_path_factory) -> Iterator[httpx.Client]:
    """Alice's, of a server with page; gradio's files would lie in its `cache`."""
    with pytest.MonkeyPatch.context() as patch:
        cache = tmp_path_factory.mktemp("gradio")
        patch.setenv("GRADIO_TEMP_DIR", str(cache))
        with serving(
            with_tiny_model(tmp_path_factory.mktemp("data")), "--gradio-auth", "alice:a-secret,bob:b-secret", page=True
        ) as found:
            found.auth, found.cache = ALICE, cache
            until = time.monotonic() + 120
            while "easel_facts" not in found.get("/").text and time.monotonic() < until:
                time.sleep(0.2)
            yield found


@pytest.fixture(scope="module")
def gradio(client):
    """gradio's application as this server has it."""
    return build_page(client.app)[0]


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


@pytest.mark.slow
def test_of_gradios_routes_only_those_listed_are_open(client, gradio, secret):
    found = [route for route in routes_in(gradio.routes) if isinstance(route, APIRoute)]
    assert len(found) > 60 and {"/gradio_api/upload", "/gradio_api/queue/join", "/gradio_api/component_server"} < {
        route.path for route in found
    }
    for route in found:
        filled = re.sub(r"{[^}]*}", str(secret), route.path)
        for method in route.methods:
            reply = client.request(
                method, filled, params={"session_hash": "x", "upload_id": "x", "deep_link": str(secret)}
            )
            if route.path.rstrip("/") in PUBLIC:      # Easel has routes of its own there
                continue
            if route.path not in ROUTES or method not in READ_METHODS:
                assert reply.status_code in (404, 405), (method, filled)
                assert method == "HEAD" or reply.json().keys() == REFUSAL
            assert reply.status_code < 500 and SECRET not in reply.text, (method, filled)
            assert reply.headers["x-content-type-options"] == "nosniff"


def test_the_list_names_only_what_there_is(gradio):
    routes = [route for route in routes_in(gradio.routes) if isinstance(route, APIRoute)]
    mounts = [route.path for route in routes_in(gradio.routes) if isinstance(route, Mount)]
    for path in ROUTES:
        assert any(
            route.matches({"type": "http", "method": "GET", "path": path})[0] is Match.FULL for route in routes
        ), path
    for folder in FOLDERS:
        asked = {"type": "http", "method": "GET", "path": f"{folder}x"}
        assert folder.rstrip("/") in mounts or any(route.matches(asked)[0] is Match.FULL for route in routes), folder


def test_what_the_page_is_made_of_comes_whole(client):
    html = client.get("/").text
    for path in (
        "/theme.css",
        "/favicon.ico",
        "/easel/page/main.js",
        *re.findall(r'"\./(assets/[^"]+\.js)"', html)[:3],
    ):
        reply = client.get(path)
        assert reply.status_code == 200 and len(reply.content) > 100 and reply.headers["cache-control"], path
    assert "assets/" in html
    main = re.search(r"/easel/page/main-\w+\.js", html)[0]      # compressed by us, since gradio does it worse
    with client.stream("GET", main, headers={"Accept-Encoding": "gzip, br"}) as reply:
        assert b"".join(reply.iter_raw()) == brotli.compress(client.get(main).content, quality=BROTLI_QUALITY)


def test_a_page_without_extensions_loads_nothing_that_only_their_scripts_need(client):
    html = client.get("/").text
    assert re.search(r'<script [^>]*src="/easel/page/main-\w+\.js"', html)
    assert not re.search(r"/easel/page/a1111-|/file=[^\"]*/extensions/", html)


@pytest.mark.slow
def test_the_page_has_no_function_that_gradio_could_call(client):
    from modules.ui import page

    events = page.build(client.app)[0].fns.values()
    assert events and not [event.name for event in events if event.fn is not None]


@pytest.mark.parametrize(
    "path", ["/gradio_api/run/predict", "/gradio_api/call/predict", "/gradio_api/queue/join", "/gradio_api/upload"]
)
@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"fn_index": 0, "data": []}', b'{"fn_index": 0, "data": [], "session_hash": "x"}']
)
def test_no_call_is_taken(client, path, body):
    reply = client.post(path, content=body, headers={"Content-Type": "application/json"})
    assert reply.status_code == 404 and reply.json().keys() == REFUSAL, reply.text


def test_the_page_is_only_read(client):
    for path in (*ROUTES, *(f"{folder}x" for folder in FOLDERS)):
        for method in ("POST", "PUT", "DELETE"):
            assert client.request(method, path).status_code == 405, (method, path)


def test_the_page_and_its_parts_need_an_account(client):
    for path in ("/", "/theme.css", "/assets/x.js", "/config", "/gradio_api/info", "/easel/page/main.js"):
        reply = client.get(path, auth=None)
        assert reply.status_code == 401 and reply.json().keys() == REFUSAL, path


@pytest.mark.slow
def test_a_query_changes_nothing_of_the_page(client):
    plain = client.get("/").text
    for query in ("page=nowhere", "deep_link=x", "deep_link=../../x"):
        assert len(client.get(f"/?{query}").text) == len(plain)


def test_gradio_answers_no_foreign_origin(client):
    for path in ("/", "/theme.css"):
        reply = client.get(path, headers={"Origin": "http://localhost:1"})
        assert not [name for name in reply.headers if name.startswith("access-control")]
