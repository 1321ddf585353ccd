"""A job followed by server-sent events."""

from __future__ import annotations

import json
from itertools import accumulate
from types import SimpleNamespace

import pytest

from modules.api import event_stream
from modules.api import job_events as module
from modules.api.event_stream import KEEPALIVE_COMMENT
from modules.api.job_events import job_events
from tests.asynchronous import run
from tests.servers import serving, settled, with_tiny_model

SMALL = {"prompt": "a red circle", "steps": 4, "width": 64, "height": 64, "seed": 11}


def begun(client, **fields):
    return client.post("/easel/v1/jobs", json={"kind": "txt2img", "fields": SMALL | fields}).json()["job"]


def followed(client, job, **how):
    """What its stream sends, to the stream's end."""
    with client.stream("GET", f"/easel/v1/jobs/{job}/events", **how) as reply:
        assert (reply.status_code, reply.headers["content-type"].split(";")[0]) == (200, "text/event-stream")
        return [json.loads(line.removeprefix("data: ")) for line in reply.iter_lines() if line.startswith("data: ")]


def put_together(sent):
    """The records that a stream told of, each by what had changed."""
    return list(accumulate(sent, lambda known, news: known | news))


@pytest.mark.slow
def test_a_stream_tells_of_a_job_until_its_end_and_then_ends(client):
    job = begun(client)
    sent = followed(client, job)
    assert sent[-1] == settled(client, job)
    records = put_together(sent)
    assert {record["id"] for record in records} == {job}
    assert [record["fraction"] for record in records] == sorted(record["fraction"] for record in records)


@pytest.mark.slow
def test_of_an_ended_job_there_is_one_record(client):
    job = begun(client)
    settled(client, job)
    assert [record["state"] for record in followed(client, job, params={"newest": 1})] == ["done"]


@pytest.mark.slow
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
        self.stopping = False

    def watch(self, job, tell):
        self.watchers.append(tell)
        return lambda: self.watchers.remove(tell)

    def change(self, ended=False):
        if ended:
            self.live.clear()
        for tell in self.watchers:
            tell()


def test_a_quiet_stream_sends_comments_and_one_that_is_left_stops_watching(monkeypatch):
    monkeypatch.setattr(event_stream, "QUIET_SECONDS", 0.01)
    monkeypatch.setattr(module, "LEAST_SECONDS", 0)
    jobs = Changing()

    async def follow():
        steps = iter((1, 2))
        stream = job_events(jobs, "job", lambda: {"state": "running", "step": next(steps)})
        said = [await anext(stream), await anext(stream), await anext(stream)]
        jobs.change()
        while (line := await anext(stream)) == KEEPALIVE_COMMENT:
            pass
        said.append(line)
        await stream.aclose()
        return said

    assert run(follow()) == [
        'data: {"state": "running", "step": 1}\n\n',
        KEEPALIVE_COMMENT,
        KEEPALIVE_COMMENT,
        'data: {"step": 2}\n\n',
    ]
    assert jobs.watchers == []


def test_between_the_first_and_the_last_record_only_what_has_changed_is_sent(monkeypatch):
    monkeypatch.setattr(module, "LEAST_SECONDS", 0)
    jobs = Changing()
    steps = [1, 1, 2, 2]

    def look():
        step = steps.pop(0)
        jobs.change(ended=len(steps) < 2)      # while the record is read
        return {"params": "long", "step": step}

    async def follow():
        return [json.loads(line.removeprefix("data: ")) async for line in job_events(jobs, "job", look)]

    assert run(follow()) == [{"params": "long", "step": 1}, {"step": 2}, {"params": "long", "step": 2}]


def test_a_stream_of_an_unfinished_job_ends_when_the_server_is_about_to_stop():
    jobs = Changing()
    jobs.stopping = True

    async def follow():
        return [line async for line in job_events(jobs, "job", lambda: {"state": "running"})]

    assert run(follow()) == ['data: {"state": "running"}\n\n']
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


@pytest.mark.slow
def test_a_server_that_stops_waits_for_no_stream(tmp_path, caplog):
    with serving(with_tiny_model(tmp_path)) as client:
        job = begun(client, steps=150, n_iter=50)
        with client.stream("GET", f"/easel/v1/jobs/{job}/events") as reply:
            lines = reply.iter_lines()
            next(lines)
            client.server.should_exit = True
            # the stream has ended, the job has not
            assert not [line for line in lines if '"state": "done"' in line]
    assert "timeout graceful shutdown exceeded" not in caplog.text
