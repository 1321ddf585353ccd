"""The routes for monitors, on real servers."""

from __future__ import annotations

import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from modules.base.logs import LineFormatter
from tests.servers import serving, with_tiny_model

FIGURES = "/internal/metrics"


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """A server that gives figures, with an administrator and a member."""
    accounts = "--api-auth", "alice:a-secret,bob:b-secret"
    with serving(with_tiny_model(tmp_path_factory.mktemp("watched")), "--metrics", *accounts) as found:
        yield found


def figures_of(client):
    text = client.get(FIGURES, auth=("alice", "a-secret")).text
    return {(each.name, *each.labels.values()): each.value
            for family in text_string_to_metric_families(text) for each in family.samples}


def test_readiness_is_told_to_anybody_and_nothing_else_with_it(guarded):
    reply = guarded.get("/internal/ready")
    assert reply.status_code in (200, 503) and (reply.status_code == 200) == reply.json()["ready"]
    if reply.status_code == 200:
        assert set(reply.json()) == {"ready", "state"}


@pytest.mark.slow
def test_a_draining_server_answers_503_with_when_to_ask_again(watched):
    admin = ("alice", "a-secret")
    try:
        watched.post("/easel/v1/queue/mode", json={"mode": "draining"}, auth=admin)
        reply = watched.get("/internal/ready")
        assert (reply.status_code, reply.json()["state"], reply.json()["error"]) == (503, "draining", "busy")
        assert int(reply.headers["retry-after"]) > 0
    finally:
        watched.post("/easel/v1/queue/mode", json={"mode": "open"}, auth=admin)


def test_figures_are_off_by_default(client):
    assert client.get(FIGURES).status_code == 404


def test_figures_are_the_administrators(watched):
    assert watched.get(FIGURES).status_code == 401
    assert watched.get(FIGURES, auth=("bob", "b-secret")).status_code == 403
    reply = watched.get(FIGURES, auth=("alice", "a-secret"))
    assert reply.status_code == 200 and reply.headers["content-type"].startswith("text/plain; version=0.0.4")


def test_figures_are_prometheus_text_with_everything_in_it(watched):
    found = {name for name, *_ in figures_of(watched)}
    assert {
        "easel_jobs", "easel_queue_pictures", "easel_jobs_ended_total", "easel_pictures_made_total",
        "easel_step_seconds_sum", "easel_step_seconds_count", "easel_worker_restarts_total", "easel_memory_bytes",
        "easel_open_streams", "easel_http_responses_total", "easel_ready", "easel_state",
    } <= found


def test_each_response_is_counted_by_its_class(watched):
    before = figures_of(watched).get(("easel_http_responses_total", "4xx"), 0)
    for _ in range(3):
        watched.get("/nowhere", auth=("alice", "a-secret"))
    assert figures_of(watched)["easel_http_responses_total", "4xx"] == before + 3


@pytest.mark.slow
def test_pictures_and_steps_are_counted(watched):
    ask = {"prompt": "a fox", "steps": 4, "width": 64, "height": 64, "n_iter": 2}
    assert watched.post("/sdapi/v1/txt2img", json=ask, auth=("bob", "b-secret")).status_code == 200
    found = figures_of(watched)
    assert found["easel_pictures_made_total", "cache"] >= 2 and found["easel_jobs_ended_total", "done"] >= 1
    assert found["easel_step_seconds_count", ] >= 6 and found["easel_step_seconds_sum", ] > 0
    assert found["easel_jobs", "waiting"] == found["easel_queue_pictures", ] == 0
    assert watched.get("/internal/ready").json() == {"ready": True, "state": "ready"}


def test_a_fault_is_logged_without_secrets_and_prompts(guarded, monkeypatch, caplog):
    def broken(*_, **__):
        raise RuntimeError("something nobody foresaw")

    monkeypatch.setattr("modules.api.generate.submit", broken)
    headers = {"Cookie": "easel_session=canary-cookie", "X-Token": "canary-header"}
    reply = guarded.post(
        "/sdapi/v1/txt2img?q=canary-query", json={"prompt": "canary-prompt", "steps": 1}, headers=headers,
        auth=("alice", "a-secret"),
    )
    assert reply.status_code == 500
    for _ in range(600):      # the client is answered first
        logged = "".join(LineFormatter().format(record) for record in caplog.records)
        if reply.json()["request_id"] in logged:
            break
        time.sleep(0.05)
    assert reply.json()["request_id"] in logged
    assert not [secret for secret in ("canary", "a-secret", "YWxpY2U6") if secret in logged]


def test_a_refused_prompt_is_not_in_the_log(guarded, caplog):
    body = {"prompt": "canary-prompt <lora:canary-lora:1>", "sampler_name": "canary-sampler"}
    assert guarded.post("/sdapi/v1/txt2img", json=body, auth=("alice", "a-secret")).status_code >= 400
    assert "canary" not in "".join(LineFormatter().format(record) for record in caplog.records)
