"""One account's streams leave room for everybody else's."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from modules.api.event_stream import event_response
from modules.app.streams import Streams
from modules.base.errors import Busy
from tests.asynchronous import run


async def endless():
    while True:
        yield "data"
        await asyncio.sleep(0)


async def begin(streams, account):
    streams.check(account)
    stream = streams.counted(account, endless())
    assert await anext(stream) == "data"
    return stream


def test_an_account_has_so_many_streams_and_all_together_have_so_many():
    async def try_it():
        streams = Streams(of_account=2, of_all=3)
        first = [await begin(streams, "alice") for _ in range(2)]
        with pytest.raises(Busy):
            streams.check("alice")
        last = await begin(streams, "bob")
        with pytest.raises(Busy):
            streams.check("carol")
        await first[0].aclose()
        first[0] = await begin(streams, "alice")
        for stream in (*first, last):
            await stream.aclose()
        assert streams.open == {}

    run(try_it())


def test_every_response_of_events_is_counted():
    async def try_it():
        app = SimpleNamespace(streams=Streams(of_account=1, of_all=3))
        first = event_response(app, "alice", endless())
        assert await anext(first.body_iterator) == "data" and app.streams.open == {"alice": 1}
        with pytest.raises(Busy):
            event_response(app, "alice", endless())
        await first.body_iterator.aclose()
        assert app.streams.open == {}

    run(try_it())
