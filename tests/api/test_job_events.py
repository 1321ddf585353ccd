"""A job followed by server-sent events."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from modules.api import job_events as module
from modules.api.job_events import COMMENT, job_events
from tests.asynchronous import run
from tests.servers import settled

SMALL = {"prompt": "a red circle", "steps": 4, "width": 64, "height": 64, "seed": 11}


def begun(client, **fields):
    return client.post("/easel/v1/jobs", json={"kind": "txt2img", "fields": SMALL | fields}).json()["job"]


def followed(client, job, **how):
    """The records that its stream sends, to the stream's end."""
    with client.stream("GET", f"/easel/v1/jobs/{job}/events", **how) as reply:
        assert (reply.status_code, reply.headers["content-type"].split(";")[0]) == (200, "text/event-stream")
        return [json.loads(line.removeprefix("data: ")) for line in reply.iter_lines() if line.startswith("data: ")]


def test_a_stream_tells_of_a_job_until_its_end_and_then_ends(client):
    job = begun(client)
    records = followed(client, job)
    assert records[-1] == settled(client, job)
    assert {record["id"] for record in records} == {job}
    assert [record["fraction"] for record in records] == sorted(record["fraction"] for record in records)


def test_of_an_ended_job_there_is_one_record(client):
    job = begun(client)
    settled(client, job)
    assert [record["state"] for record in followed(client, job, params={"newest": 1})] == ["done"]


def test_somebody_elses_job_does_not_exist(guarded):
    alice, bob = ("alice", "a-secret"), ("bob", "b-secret")
    job = guarded.post("/easel/v1/jobs", json={"kind": "txt2img", "fields": SMALL}, auth=alice).json()["job"]
    answers = [guarded.get(f"/easel/v1/jobs/{name}/events", auth=bob) for name in (job, "none")]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert followed(guarded, job, auth=alice)[-1]["state"] == "done"


class Changing:
    """Jobs of which one changes when it is told to."""

    def __init__(self):
        self.live = {"job": SimpleNamespace()}
        self.watchers = []

    def watch(self, job, tell):
        self.watchers.append(tell)
        return lambda: self.watchers.remove(tell)

    def change(self, ended=False):
        if ended:
            self.live.clear()
        for tell in self.watchers:
            tell()


def test_a_quiet_stream_sends_comments_and_one_that_is_left_stops_watching(monkeypatch):
    monkeypatch.setattr(module, "QUIET_SECONDS", 0.01)
    monkeypatch.setattr(module, "LEAST_SECONDS", 0)
    jobs = Changing()

    async def follow():
        stream = job_events(jobs, "job", lambda: {"state": "running"})
        said = [await anext(stream), await anext(stream), await anext(stream)]
        jobs.change()
        while (line := await anext(stream)) == COMMENT:
            pass
        said.append(line)
        await stream.aclose()
        return said

    record = 'data: {"state": "running"}\n\n'
    assert run(follow()) == [record, COMMENT, COMMENT, record]
    assert jobs.watchers == []


def test_a_change_between_two_records_is_not_lost(monkeypatch):
    monkeypatch.setattr(module, "LEAST_SECONDS", 0)
    jobs = Changing()

    def look():
        if jobs.live:
            jobs.change(ended=True)      # while the record is read
            return {"state": "running"}
        return {"state": "done"}

    async def follow():
        return [line async for line in job_events(jobs, "job", look)]

    assert [json.loads(line.removeprefix("data: "))["state"] for line in run(follow())] == ["running", "done"]


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_a_stream_is_sent_as_it_comes(client, encoding):
    job = begun(client)
    with client.stream("GET", f"/easel/v1/jobs/{job}/events", headers={"Accept-Encoding": encoding}) as reply:
        assert "content-encoding" not in reply.headers and reply.headers["cache-control"] == "private, no-store"
        next(reply.iter_lines())
