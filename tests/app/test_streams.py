"""One account's streams leave room for everybody else's."""

from __future__ import annotations

import asyncio

import pytest

from modules.api.event_stream import EventResponse
from modules.app.streams import Streams
from modules.base.errors import Busy
from tests.asynchronous import run


def test_an_account_has_so_many_streams_and_all_together_have_so_many():
    streams = Streams(of_account=2, of_all=3)
    with streams.counted("alice"):
        with streams.counted("alice"):
            with pytest.raises(Busy), streams.counted("alice"):
                ...
            with streams.counted("bob"), pytest.raises(Busy), streams.counted("carol"):
                ...
        with streams.counted("alice"), pytest.raises(Busy), streams.counted("alice"):
            ...
    assert streams.open == {}


def test_of_many_who_ask_at_once_no_more_than_the_limit_are_answered():
    """A response is counted as soon as it is begun, whoever else is answered before its first event."""
    async def endless():
        yield "data"
        await asyncio.Event().wait()

    async def try_it():
        streams, begun, closed = Streams(of_account=3), [], asyncio.Event()

        async def receive():
            await closed.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            begun.append(message["type"])

        answers = [
            asyncio.create_task(EventResponse(streams, "alice", endless())({"type": "http"}, receive, send))
            for _ in range(8)
        ]
        while begun.count("http.response.body") < 3:
            await asyncio.sleep(0)
        assert begun.count("http.response.start") == 3 and streams.open == {"alice": 3}
        closed.set()
        ended = await asyncio.gather(*answers, return_exceptions=True)
        assert sum(isinstance(each, Busy) for each in ended) == 5 and streams.open == {}

    run(try_it())
