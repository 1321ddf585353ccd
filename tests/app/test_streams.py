"""One account's streams leave room for everybody else's."""

from __future__ import annotations

import asyncio

import pytest

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
