"""Nobody keeps a connection by saying nothing, by saying it slowly, or by not taking the answer."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack

import pytest
import uvicorn

from modules.commands.protocol import PlainSpoken, connection_limit, raise_file_limit
from tests.asynchronous import run

BIG = 32 * 2**20
REQUEST = b"GET /%s HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def application(scope, receive, send):
    """`/big` answers with much, `/wait` never, all others with a word."""
    if scope["type"] == "lifespan":
        return
    if scope["path"] == "/wait":
        await asyncio.Event().wait()
    body = b"x" * BIG if scope["path"] == "/big" else b"ok"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


class Line:
    """A client's end of a connection."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    async def asks(self, path):
        self.writer.write(REQUEST % path)
        return await self.reader.readuntil(b"ok")

    async def is_hung_up(self):
        try:
            while await asyncio.wait_for(self.reader.read(65536), 20):
                pass
        except ConnectionError:
            pass
        return True


def served(monkeypatch, story, **limits):
    """Run `story(connect)` against a server with such limits of connections."""
    for name, value in limits.items():
        monkeypatch.setattr(PlainSpoken, name, value)

    async def whole():
        with ExitStack() as stack:
            sock = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            config = uvicorn.Config(application, http=PlainSpoken, lifespan="off", log_level="error")
            config.load()
            state = uvicorn.server.ServerState()

            def protocol():
                return PlainSpoken(config=config, server_state=state, app_state={})

            server = await asyncio.get_running_loop().create_server(protocol, sock=sock)

            async def connect():
                return Line(*await asyncio.open_connection(*sock.getsockname()))

            try:
                await story(connect, state)
            finally:
                server.close()
                for task in state.tasks:
                    task.cancel()

    run(whole())


def test_who_says_nothing_makes_room_for_who_does(monkeypatch):
    async def story(connect, state):
        silent = [await connect() for _ in range(3)]
        await asyncio.sleep(0.05)
        busy = await connect()
        assert await busy.asks(b"hello")
        assert await silent[0].is_hung_up()
        assert await silent[1].asks(b"hello") and await silent[2].asks(b"hello")
        assert len(state.connections) == 3

    served(monkeypatch, story, most=3)


def test_who_is_being_served_is_not_hung_up_on(monkeypatch):
    async def story(connect, state):
        waiting = [await connect() for _ in range(2)]
        for line in waiting:
            line.writer.write(REQUEST % b"wait")
        while len(state.tasks) < 2:
            await asyncio.sleep(0.01)
        assert await (await connect()).is_hung_up()
        assert len(state.connections) == 2

    served(monkeypatch, story, most=2)


@pytest.mark.slow
def test_who_does_not_take_the_answer_is_hung_up_on(monkeypatch):
    async def story(connect, state):
        line = await connect()
        line.writer.write(REQUEST % b"big")
        await line.reader.readexactly(100)
        line.writer.transport.pause_reading()
        while state.connections:
            await asyncio.sleep(0.01)

    served(monkeypatch, story, reading_seconds=0.1)


@pytest.mark.slow
def test_who_takes_it_slowly_gets_all_of_it(monkeypatch):
    async def story(connect, state):
        line = await connect()
        line.writer.write(REQUEST % b"big")
        await line.reader.readuntil(b"\r\n\r\n")
        for _ in range(BIG // 2**20):
            await line.reader.readexactly(2**20)
            await asyncio.sleep(0.02)

    served(monkeypatch, story, reading_seconds=0.3)


def test_a_body_that_nobody_waits_for_any_more_is_not_taken_for_ever(monkeypatch):
    async def story(connect, state):
        line = await connect()
        line.writer.write(b"POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n")
        await line.reader.readuntil(b"ok")

        async def drip():
            while True:
                line.writer.write(b"x")
                await asyncio.sleep(0.02)

        dripping = asyncio.create_task(drip())
        assert await line.is_hung_up()
        dripping.cancel()

    served(monkeypatch, story, head_seconds=0.2)


@pytest.mark.slow
def test_between_requests_a_connection_may_rest(monkeypatch):
    async def story(connect, state):
        line = await connect()
        assert await line.asks(b"hello")
        await asyncio.sleep(0.5)
        assert await line.asks(b"hello")

    served(monkeypatch, story, head_seconds=0.2)


def test_connections_leave_files_for_other_things():
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
        connection_limit.cache_clear()
        assert connection_limit() == 128
        raise_file_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 256
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        connection_limit.cache_clear()
