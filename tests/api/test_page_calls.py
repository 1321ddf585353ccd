"""Calls of extensions' functions: whose session it is, which functions there are, and which files may be named."""

from __future__ import annotations

import json
from pathlib import Path

import gradio as gr
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from modules.api.errors import handle
from modules.api.page_calls import EventReader, PageCalls
from modules.app.page_sessions import PageSessions, without_addresses
from modules.base.accounts import Account, Role
from modules.base.errors import Forbidden, NotFound

FN, SESSION = 1, "a-page"


@pytest.fixture(scope="module")
def app(tmp_path_factory) -> FastAPI:
    """A page with a function of nobody's (0), one that doubles a number and one that returns a file's size."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("gradio")))
        with gr.Blocks() as page:
            number, text, file = gr.Number(), gr.Textbox(), gr.File(type="filepath")
            number.change(None, number, number, js="(x) => x")
            number.input(lambda value: 2 * value, number, number)
            file.upload(lambda path: str(Path(path).stat().st_size), file, text)
        page.queue()
        mounted = gr.mount_gradio_app(FastAPI(), page, path="/", ssr_mode=False)
        yield with_accounts(PageCalls(mounted, {number for number, each in page.fns.items() if each.fn}, PageSessions()), mounted)


def with_accounts(calls: PageCalls, mounted: FastAPI) -> FastAPI:
    """The calls behind something that knows who asks, as the door does."""
    outer = FastAPI(lifespan=lambda _: mounted.router.lifespan_context(mounted))
    handle(outer, ())

    async def entered(scope, receive, send):
        name = dict(scope["headers"]).get(b"x-account", b"ann").decode()
        await calls({**scope, "account": Account(name, Role.GUEST if name == "gus" else Role.MEMBER)}, receive, send)

    outer.router.default = entered
    return outer


@pytest.fixture(scope="module")
def client(app):
    with TestClient(app, raise_server_exceptions=False) as found:
        yield found


def call(client, number=FN, data=(21,), session=SESSION, account="ann", **more):
    body = {"fn_index": number, "data": list(data), "session_hash": session, **more}
    return client.post("/gradio_api/run/predict", json=body, headers={"x-account": account})


def upload(client, account="ann", content=b"twelve bytes"):
    reply = client.post("/gradio_api/upload", files={"files": ("a.txt", content)}, headers={"x-account": account})
    assert reply.status_code == 200, reply.text
    return reply.json()[0]


def described(path, **more):
    return {"path": path, "meta": {"_type": "gradio.FileData"}, **more}


def test_a_function_of_an_extension_is_called(client):
    assert call(client).json()["data"] == [42]


def test_a_queued_call_is_answered_in_the_stream_of_its_session(client):
    body = {"fn_index": FN, "data": [4], "session_hash": "queued"}
    assert client.post("/gradio_api/queue/join", json=body).status_code == 200
    assert client.get("/gradio_api/queue/data", params={"session_hash": "queued"}, headers={"x-account": "bob"}).status_code == 404
    events = client.get("/gradio_api/queue/data", params={"session_hash": "queued"}).text
    assert '"data":[8]' in events.replace(" ", "")


@pytest.mark.parametrize("number", [0, 99, -1, None, True, "1", [1]])
def test_no_other_function_is(client, number):
    assert call(client, number).status_code == 404


def test_a_session_is_the_account_s_that_opened_it(client):
    assert call(client, session="hers").status_code == 200
    assert call(client, session="hers", account="bob").status_code == 404
    assert call(client, account="gus", session="his").status_code == 403
    for name in (None, "", "a b", "x" * 65, 7, ["hers"]):
        assert call(client, session=name).status_code == 404, name


def test_a_file_is_named_by_the_page_that_uploaded_it_alone(client, tmp_path):
    mine, other = upload(client), tmp_path / "secret.txt"
    other.write_text("secret")
    size = 2
    assert call(client, size, [described(mine)], "uploading").json()["data"] == ["12"]
    for path in (str(other), "/etc/passwd", mine + "/../x", ""):
        assert call(client, size, [described(path)], "uploading").status_code == 403, path
    assert call(client, size, [described(mine)], "another-page").status_code == 403
    assert call(client, size, [[{"nested": described(str(other))}]], "uploading").status_code == 403
    assert call(client, size, [described(upload(client))], "bobs", account="bob").status_code == 403


def test_no_address_is_fetched(client):
    assert call(client, 2, [{"url": "http://127.0.0.1:1/", "meta": {"_type": "gradio.FileData"}}]).status_code == 403
    assert without_addresses([{"path": "a", "url": "http://x"}]) == [{"path": "a"}]


def test_a_file_is_read_by_its_account_alone(client):
    path = upload(client)
    assert client.get(f"/gradio_api/file={path}").text == "twelve bytes"
    assert client.get(f"/gradio_api/file={path}", headers={"x-account": "bob"}).status_code == 404
    assert client.get("/gradio_api/file=/etc/passwd").status_code == 404


@pytest.mark.parametrize(
    "path", ["info", "config", "component_server", "heartbeat/x", "reset", "call/x", "proxy=http://x", "queue/status"]
)
def test_the_other_routes_are_closed(client, path):
    for method in ("GET", "POST"):
        assert client.request(method, f"/gradio_api/{path}", json={}).status_code in (404, 405)


def test_a_session_may_name_what_it_was_sent():
    sessions, sent = PageSessions(["/public.png"]), {"output": {"data": [[described("/made.png")]]}}
    mine, other = sessions.claim("a", "ann"), sessions.claim("b", "ann")
    sessions.give(mine, sent)
    sessions.check(mine, sent)
    sessions.check(other, described("/public.png"))
    with pytest.raises(Forbidden):
        sessions.check(other, sent)
    with pytest.raises(NotFound):
        sessions.claim("a", "bob")


def test_events_are_read_however_they_are_cut():
    text = b"".join(b"data: %s\n\n" % json.dumps({"n": n}).encode() for n in range(3))
    for size in (1, 7, len(text)):
        heard = []
        reader = EventReader(heard.append)
        for start in range(0, len(text), size):
            reader.read(text[start : start + size])
        assert heard == [{"n": 0}, {"n": 1}, {"n": 2}]
