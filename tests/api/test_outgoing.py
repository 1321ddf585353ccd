"""What a client hears, and whether it is heard again, when something of ours fails or a library refuses by itself.

On real connections.
"""

from __future__ import annotations

import http.client
import json
import logging
import threading
from collections.abc import Iterator

import pytest
import uvicorn
from fastapi import FastAPI
from starlette.background import BackgroundTask
from starlette.datastructures import Headers
from starlette.responses import FileResponse, PlainTextResponse, StreamingResponse

from modules.api import errors
from modules.api.access import Access
from modules.api.incoming import BodyMemory, IncomingBody, is_range
from modules.app.authentication import Authenticator
from modules.base.bootstrap import listen
from modules.base.errors import Busy
from modules.commands.serve import server_config
from modules.settings.flags import parse_flags
from modules.store.accounts import AccountStore
from tests.api.test_protocol import REFUSAL
from tests.asynchronous import run

CONTENT = bytes(range(256)) * 40


def failing(*_: object) -> None:
    raise RuntimeError("a secret")


def application(folder) -> FastAPI:
    api, mounted = FastAPI(), FastAPI()
    errors.handle(api, ())
    for app in (api, mounted):
        app.add_api_route("/before", lambda: failing())
    api.add_route("/unread", failing, methods=["POST"])
    api.add_route("/late", lambda _: PlainTextResponse("done", background=BackgroundTask(failing)))
    api.add_route("/midway", lambda _: StreamingResponse(halfway()))
    api.add_route("/file", lambda _: FileResponse(folder / "file.bin"))
    api.add_route("/refused", lambda _: PlainTextResponse("Not like this", 418, {"X-Kept": "yes"}))
    api.add_api_route("/there", lambda: "there")
    api.mount("/mounted", mounted)
    return api


def halfway() -> Iterator[bytes]:
    yield b"half"
    failing()


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> Iterator[tuple[str, int]]:
    folder, flags, sock = tmp_path_factory.mktemp("files"), parse_flags([], {}), listen("127.0.0.1", 0)
    (folder / "file.bin").write_bytes(CONTENT)
    accounts = Authenticator(AccountStore(folder / "easel.sqlite"), flags)
    server = uvicorn.Server(server_config(Access(application(folder), accounts, flags), flags))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
    thread.start()
    yield sock.getsockname()
    server.should_exit = True
    thread.join(20)
    sock.close()


@pytest.fixture
def line(address) -> Iterator[http.client.HTTPConnection]:
    """One connection, which is not opened anew."""
    found = http.client.HTTPConnection(*address, timeout=30)
    found.connect()
    found.auto_open = False
    yield found
    found.close()


def ask(line, path, method="GET", **how) -> tuple[http.client.HTTPResponse, bytes]:
    line.request(method, path, **how)
    reply = line.getresponse()
    return reply, reply.read()


@pytest.mark.parametrize(("path", "method", "status"), [
    ("/before", "GET", 500), ("/mounted/before", "GET", 500), ("/unread", "POST", 500), ("/late", "GET", 200),
])
def test_a_fault_does_not_cost_the_next_call_its_connection(line, caplog, path, method, status):
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            reply, body = ask(line, path, method, body=b"x" * 9000 if method == "POST" else None)
            assert reply.status == status and b"secret" not in body
            assert status == 200 or json.loads(body).keys() == REFUSAL
            reply, body = ask(line, "/there")
            assert (reply.status, body) == (200, b'"there"')


def test_a_fault_is_logged_once_by_the_name_its_client_was_told(line, caplog):
    with caplog.at_level(logging.ERROR):
        _, body = ask(line, "/before")
        ask(line, "/there")      # the log has been written by then
    [record] = caplog.records
    assert json.loads(body)["request_id"] in record.getMessage() and "RuntimeError: a secret" in caplog.text


def test_what_breaks_off_in_the_middle_is_not_taken_for_whole(line, caplog):
    with caplog.at_level(logging.ERROR), pytest.raises(http.client.IncompleteRead):
        ask(line, "/midway")
    assert caplog.text.count("Traceback") == 1


@pytest.mark.parametrize(
    "text",
    [
        "bytes",
        "bytes=",
        "bytes=a-b",
        "bytes=5-2",
        "bytes=--1",
        "bytes=1",
        "bytes=1-2,",
        "bytes=1-2,x",
        "bytes=-",
        "pages=1-2",
        "=",
        "bytes:1-2",
        "bytes=" + "9" * 5000 + "-",
        "bytes=" + ",".join(["0-"] * 2000) + ",",
        "bytes=\N{SUPERSCRIPT TWO}-",
    ],
)
def test_a_range_that_is_none_is_ignored(line, text):
    assert not is_range(text)
    reply, body = ask(line, "/file", headers={"Range": text})
    assert (reply.status, body) == (200, CONTENT)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [("bytes=0-9", 0, 10), ("bytes=-7", -7, None), ("Bytes=10200-", 10200, None), ("bytes=5-99999", 5, None)],
)
def test_a_part_of_a_file_may_be_asked_for(line, text, first, last):
    reply, body = ask(line, "/file", headers={"Range": text})
    assert (reply.status, body) == (206, CONTENT[first:last])


def test_a_range_beyond_the_file_is_refused_in_the_shape_of_all_refusals(line):
    for text in ("bytes=10240-", "bytes=99999-", "bytes=-0"):
        reply, body = ask(line, "/file", headers={"Range": text})
        assert (reply.status, reply.headers["content-range"]) == (416, "bytes */10240")
        assert json.loads(body).keys() == REFUSAL and json.loads(body)["error"] == "range_not_satisfiable"


def test_a_librarys_refusal_in_plain_text_is_said_in_the_shape_of_all_refusals(line):
    reply, body = ask(line, "/refused")
    assert (reply.status, reply.headers["x-kept"], reply.headers["x-content-type-options"]) == (418, "yes", "nosniff")
    assert json.loads(body).keys() == REFUSAL and json.loads(body)["detail"] == "Not like this"
    reply, body = ask(line, "/refused", "HEAD")
    assert reply.status == 418 and ask(line, "/there")[0].status == 200


def test_bodies_of_all_requests_together_have_a_limit_and_small_ones_always_come():
    async def send(body, size):
        parts = iter([b"x" * size])

        async def receive():
            return {"type": "http.request", "body": next(parts), "more_body": True}

        incoming = IncomingBody(Headers(), receive, body)
        await incoming.receive()
        return incoming

    async def try_it():
        memory = BodyMemory(2_000_000)
        first = await send(memory, 1_500_000)
        with pytest.raises(Busy):
            await send(memory, 1_000_000)
        assert memory.held == 2_500_000      # the refused one is forgotten with its request
        await send(memory, 1_000)
        first.forget()
        first.forget()
        assert memory.held == 1_001_000

    run(try_it())
