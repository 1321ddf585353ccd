"""Waiting for a job over a connection."""

from __future__ import annotations

import asyncio

import pytest

from modules.api.errors import refusal_response
from modules.api.waiting import ended
from modules.base.errors import Stopping
from tests.asynchronous import run


class Unending:
    """Jobs of which none ends."""

    @property
    def unfinished(self):
        return self

    def when_ended(self, job, tell):
        pass


def test_who_waits_while_the_server_stops_is_told_that_the_job_is_kept():
    async def stopped():
        waiting = asyncio.create_task(ended(Unending(), "job-1"))
        await asyncio.sleep(0.05)
        waiting.cancel()
        await waiting

    with pytest.raises(Stopping, match="being stopped") as caught:
        run(stopped())
    reply = refusal_response(None, caught.value)
    assert (reply.status_code, reply.headers["retry-after"]) == (
        503,
        "10",
    ) and "/easel/v1/jobs/job-1" in caught.value.hint
