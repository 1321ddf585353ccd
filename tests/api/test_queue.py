"""The queue over HTTP: alice keeps the server, bob and carol draw. Nothing begins while the queue is paused."""

from __future__ import annotations

import base64
import io
import json

import pytest
from PIL import Image

from tests.servers import serving, settled, with_tiny_model

ALICE, BOB, CAROL = ("alice", "a-secret"), ("bob", "b-secret"), ("carol", "c-secret")
SMALL = {"prompt": "a red circle", "steps": 2, "width": 64, "height": 64, "seed": 11}
QUEUE = "/easel/v1/queue"


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    accounts = ",".join(":".join(account) for account in (ALICE, BOB, CAROL))
    with serving(with_tiny_model(tmp_path_factory.mktemp("queue")), "--api-auth", accounts) as found:
        yield found


@pytest.fixture
def paused(shared):
    """The server, its queue paused and empty."""
    set_mode(shared, "paused")
    yield shared
    for job in get(shared, f"{QUEUE}/everybody?limit=200", ALICE)["jobs"]:
        act(shared, job["id"], "cancel", ALICE)
    set_mode(shared, "open")


def set_mode(client, mode):
    assert client.post(f"{QUEUE}/mode", json={"mode": mode}, auth=ALICE).status_code == 204


def get(client, path, who):
    reply = client.get(path, auth=who)
    assert reply.status_code == 200, reply.text
    return reply.json()


def ask(client, who=BOB, kind="txt2img", **fields):
    reply = client.post("/easel/v1/jobs", json={"kind": kind, "fields": SMALL | fields}, auth=who)
    assert reply.status_code == 200, reply.text
    return reply.json()["job"]


def act(client, job, what, who=BOB, **body):
    return client.post(f"{QUEUE}/{job}/{what}", json=body, auth=who)


def listed(client, who=BOB, **query):
    query = "&".join(f"{name}={value}" for name, value in query.items())
    return [job["id"] for job in get(client, f"{QUEUE}?{query}", who)["jobs"]]


@pytest.mark.slow
def test_the_order_is_its_owners_and_moving_twice_is_as_once(paused):
    jobs = [ask(paused) for _ in range(4)]
    for _ in range(2):
        assert act(paused, jobs[3], "move", before=jobs[0]).status_code == 204
    assert listed(paused) == [jobs[3], *jobs[:3]]
    assert listed(paused, start=1, limit=2) == jobs[:2]
    assert act(paused, jobs[3], "move").status_code == 204
    assert listed(paused) == jobs
    assert [job["ahead"] for job in get(paused, QUEUE, BOB)["jobs"]] == [0, 1, 2, 3]


def test_other_peoples_jobs_are_places_without_names(paused):
    mine, secret = ask(paused), ask(paused, CAROL, prompt="a secret of carol's")
    told = get(paused, QUEUE, BOB)
    assert (told["mine"], told["others"], [job["id"] for job in told["jobs"]]) == (1, 1, [mine])
    page = json.dumps([told, get(paused, "/easel/v1/state", BOB), get(paused, "/easel/v1/jobs", BOB)])
    assert secret not in page and "secret of" not in page and "carol" not in page


@pytest.mark.parametrize("what", ["move", "pause", "resume", "cancel", "again", "remove"])
def test_nobody_does_anything_to_somebody_elses_job(paused, what):
    theirs = ask(paused, CAROL)
    reply, made_up = act(paused, theirs, what), act(paused, "task(none)", what)
    assert reply.status_code == made_up.status_code == 404
    assert reply.json()["error"] == made_up.json()["error"] == "not_found"
    assert listed(paused, CAROL) == [theirs]
    assert paused.get(f"{QUEUE}/{theirs}/request", auth=BOB).status_code == 404


def test_the_keeper_sees_whose_jobs_there_are_not_what_is_in_them_and_may_cancel(paused):
    job = ask(paused, prompt="a secret of bob's")
    told = get(paused, f"{QUEUE}/everybody", ALICE)
    assert [(each["id"], each["owner"], each["asked"]) for each in told["jobs"]] == [(job, "bob", 1)]
    assert "secret" not in json.dumps(told)
    for path, body in (("everybody", None), ("mode", {"mode": "open"})):
        reply = paused.post(f"{QUEUE}/{path}", json=body, auth=BOB) if body else paused.get(f"{QUEUE}/{path}", auth=BOB)
        assert reply.status_code == 403
    assert act(paused, job, "cancel", ALICE).status_code == 204
    assert settled(paused, job, auth=BOB)["state"] == "interrupted"
    logged = [(each.account, each.action, each.subject) for each in paused.app.authenticator.store.audit(2)]
    assert logged == [("alice", "cancelled a job of", "bob"), ("alice", "set the queue to paused", "")]


def test_a_cancelled_job_is_gone_at_once_and_a_second_time_is_no_error(paused):
    job = ask(paused)
    for _ in range(2):
        assert act(paused, job, "cancel").status_code == 204
    assert listed(paused) == [] and listed(paused, states="interrupted", limit=1) == [job]
    for what in ("move", "pause"):
        reply = act(paused, job, what)
        assert (reply.status_code, reply.json()["error"]) == (409, "conflict")


@pytest.mark.parametrize("path", ["queue?states=waiting", "queue?kinds=paint", "jobs?kinds=paint", "jobs?kinds=txt2img,"])
def test_what_is_no_state_and_no_kind_is_told_and_not_taken_for_an_empty_list(shared, path):
    reply = shared.get(f"/easel/v1/{path}", auth=BOB)
    assert (reply.status_code, reply.json()["error"]) == (422, "validation")


@pytest.mark.slow
def test_a_paused_job_lets_the_others_pass_until_it_goes_on(paused):
    waits, goes = ask(paused), ask(paused)
    assert act(paused, waits, "pause").status_code == 204
    set_mode(paused, "open")
    assert settled(paused, goes, auth=BOB)["state"] == "done"
    job = get(paused, f"/easel/v1/jobs/{waits}", BOB)
    assert (job["state"], job["paused"], job["wait"]) == ("queued", True, None)
    assert act(paused, waits, "resume").status_code == 204
    assert settled(paused, waits, auth=BOB)["state"] == "done"


def test_a_draining_queue_refuses_new_jobs_everywhere(paused):
    set_mode(paused, "draining")
    for path, body in (("/easel/v1/jobs", {"kind": "txt2img", "fields": SMALL}), ("/sdapi/v1/txt2img", SMALL)):
        reply = paused.post(path, json=body, auth=BOB)
        assert (reply.status_code, reply.json()["error"]) == (503, "busy") and int(reply.headers["retry-after"]) > 0
    assert get(paused, "/easel/v1/state", BOB)["queue_mode"] == "draining"


def test_more_than_a_share_is_refused_and_says_when_to_ask_again(paused):
    paused.app.settings.change(queue_member_pictures=3)
    try:
        first = ask(paused, n_iter=3)
        reply = paused.post("/sdapi/v1/txt2img", json=SMALL, auth=BOB)
        assert (reply.status_code, reply.json()["error"]) == (429, "quota") and int(reply.headers["retry-after"]) > 0
        ask(paused, CAROL), ask(paused, ALICE, n_iter=5)
        act(paused, first, "cancel")
        ask(paused)
    finally:
        paused.app.settings.change(queue_member_pictures=400)


@pytest.mark.slow
def test_again_is_the_same_with_the_same_seeds_or_new_ones(shared):
    job = settled(shared, ask(shared, prompt="again"), auth=BOB)
    same, new = (
        settled(shared, act(shared, job["id"], "again", seed=seed).json()["job"], auth=BOB) for seed in ("same", "new")
    )
    assert same["params"] == job["params"] and same["state"] == new["state"] == "done"
    assert new["params"]["seed"] != 11 and {**new["params"], "seed": 11} | {"subseed": 0} == {
        **job["params"], "subseed": 0,
    }
    pictures = [shared.get(each["pictures"][0]["url"], auth=BOB).content for each in (job, same, new)]
    assert pixels(pictures[0]) == pixels(pictures[1]) != pixels(pictures[2])


def pixels(content):
    return Image.open(io.BytesIO(content)).tobytes()


@pytest.mark.slow
def test_a_jobs_request_fills_a_form_that_asks_for_the_same(shared):
    script = {"name": "Prompts from file or textbox", "arguments": {"text": "a cat\na dog"}}
    body = {"kind": "txt2img", "fields": SMALL, "settings": {"CLIP_stop_at_last_layers": 2}, "script": script}
    job = shared.post("/easel/v1/jobs", json=body, auth=BOB).json()["job"]
    first = settled(shared, job, auth=BOB)
    form = get(shared, f"{QUEUE}/{job}/request", BOB)
    assert form["fields"]["prompt"] == "a red circle" and form["settings"]["CLIP_stop_at_last_layers"] == 2
    asked = {name: form[name] for name in ("kind", "fields", "settings", "script")}
    again = shared.post("/easel/v1/jobs", json=asked, auth=BOB)
    assert again.status_code == 200, again.text
    assert settled(shared, again.json()["job"], auth=BOB)["params"] == first["params"]


@pytest.mark.slow
def test_a_picture_that_a_job_started_from_is_its_owners(shared):
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(file, "PNG")
    sent = {"image": base64.b64encode(file.getvalue()).decode()}
    name = shared.post("/easel/v1/inputs", json=sent, auth=BOB).json()["name"]
    job = ask(shared, kind="img2img", init_images=[name])
    settled(shared, job, auth=BOB)
    form = get(shared, f"{QUEUE}/{job}/request", BOB)
    assert form["inputs"] == 1 and "init_images" not in form["fields"]
    reply = shared.get(f"{QUEUE}/{job}/inputs/0", auth=BOB)
    assert pixels(reply.content) == Image.new("RGB", (64, 64), "red").tobytes()
    for place, who in ((1, BOB), (0, CAROL), (0, ALICE)):
        assert shared.get(f"{QUEUE}/{job}/inputs/{place}", auth=who).status_code == 404


@pytest.mark.slow
def test_a_thumbnail_is_small_and_its_owners(shared):
    job = settled(shared, ask(shared, width=512, height=256), auth=BOB)
    url = f"/easel/v1/jobs/{job['id']}/pictures/0/thumbnail"
    reply = shared.get(url, auth=BOB)
    image = Image.open(io.BytesIO(reply.content))
    assert (image.format, image.size) == ("JPEG", (256, 128))
    assert shared.get(url, auth=CAROL).status_code == 404
    assert shared.get(url.replace("/0/", "/9/"), auth=BOB).status_code == 404


@pytest.mark.slow
def test_what_is_taken_out_of_the_list_keeps_its_pictures(shared):
    jobs = [ask(shared, CAROL) for _ in range(2)]
    first, second = (settled(shared, job, auth=CAROL) for job in jobs)
    assert act(shared, first["id"], "remove", CAROL).status_code == 204
    assert first["id"] not in listed(shared, CAROL, states="done,interrupted")
    cleared = shared.post(f"{QUEUE}/clear", json={"states": ["done", "failed"]}, auth=CAROL).json()["cleared"]
    assert cleared == 1 and second["id"] not in listed(shared, CAROL, states="done")
    assert shared.get(first["pictures"][0]["url"], auth=CAROL).status_code == 200


@pytest.mark.slow
def test_the_stream_tells_of_ones_own_jobs_and_of_others_their_number(paused):
    job = ask(paused)
    ask(paused, CAROL, prompt="a secret of carol's")
    with paused.stream("GET", f"{QUEUE}/events?limit=2", auth=BOB) as reply:
        lines = (line for line in reply.iter_lines() if line.startswith("data: "))
        first = next(lines)
        act(paused, job, "cancel")
        news = json.loads(next(lines).removeprefix("data: "))
        assert list(lines) == []
    told = json.loads(first.removeprefix("data: "))
    assert (told["mine"], told["others"], told["mode"], told["running"]) == (1, 1, "paused", [])
    assert news["mine"] == 0 and news["revision"] > told["revision"] and "secret" not in first
