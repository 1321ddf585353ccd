"""A real server whose workers are processes, with a real model: they share the work, and a kill is nobody else's."""

from __future__ import annotations

import io
import os
import signal
from base64 import b64encode

import numpy as np
import psutil
import pytest
from PIL import Image

from benchmarks.servers import until
from modules.app.jobs import OPEN, PAUSED
from modules.engine.messages import READY
from modules.worker import pace
from tests.servers import serving, settled, with_tiny_model

pytestmark = pytest.mark.slow      # each worker loads torch and a model
PEOPLE = ("alice", "bob")
AUTH = {name: (name, f"{name}-secret") for name in PEOPLE}


def with_second_model(folder):
    """A data folder with the golden model, and the same weights under another name and hash."""
    models = with_tiny_model(folder) / "models/Stable-diffusion"
    content = (models / "tiny-sd1.safetensors").read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = content[8 : 8 + length] + b" " * 8
    (models / "other.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + content[8 + length :])
    (models / "other.yaml").write_bytes((models / "tiny-sd1.yaml").read_bytes())
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    flags = ("--worker", "process", "--device-id", "cpu,cpu", "--api-auth", ",".join(map(":".join, AUTH.values())))
    with serving(with_second_model(tmp_path_factory.mktemp("pair")), *flags) as client:
        client.app.jobs.worker.most_sharers = 1
        yield client


@pytest.fixture
def pair(server):
    """The server once both its workers may be given jobs, also after one was killed."""
    until(lambda: all(each.health.phase == READY for each in server.app.jobs.worker.members), 300)
    return server


@pytest.fixture
def sharing(pair):
    """The same server, whose workers make a large job together."""
    pair.app.jobs.worker.most_sharers = 2
    yield pair
    pair.app.jobs.worker.most_sharers = 1


def ask(client, person, model, kind="txt2img", **fields):
    fields = {"prompt": "a red circle", "seed": 7, "steps": 4, "width": 64, "height": 64, **fields}
    settings = {"sd_model_checkpoint": model}
    body = {"kind": kind, "fields": fields, "settings": settings}
    reply = client.post("/easel/v1/jobs", json=body, auth=AUTH[person])
    assert reply.status_code == 200, reply.text
    return reply.json()["job"]


def workers():
    return [each for each in psutil.Process().children() if "modules.commands.worker_process" in each.cmdline()]


def member_of(client, job):
    [member] = [each for each in client.app.jobs.worker.members if job in each.jobs]
    return member


def told_workers(client):
    return {each["name"]: each for each in client.get("/easel/v1/worker", auth=AUTH["alice"]).json()["workers"]}


def test_the_administrator_sees_each_worker_and_lets_one_run_empty(pair):
    assert pair.get("/easel/v1/worker", auth=AUTH["bob"]).status_code == 403
    assert {name: each["draining"] for name, each in told_workers(pair).items()} == {"1": False, "2": False}

    def set_mode(worker, mode):
        return pair.post("/easel/v1/worker/mode", json={"worker": worker, "mode": mode}, auth=AUTH["alice"]).status_code

    assert (set_mode("1", "draining"), set_mode("3", "draining")) == (204, 404)
    jobs = [ask(pair, person, "tiny-sd1") for person in PEOPLE]
    assert all(settled(pair, job, auth=AUTH[person])["state"] == "done" for job, person in zip(jobs, PEOPLE, strict=True))
    told = told_workers(pair)
    assert told["1"]["draining"] and told["2"]["models"] == ["tiny-sd1.safetensors"]
    assert [member.used for member in pair.app.jobs.worker.members] == [0, 2]      # the number of its latest job
    assert set_mode("1", "open") == 204 and not told_workers(pair)["1"]["draining"]


def until_at_work(client, *jobs):
    with client.app.jobs.unfinished.changed:
        at_work = client.app.jobs.unfinished.changed.wait_for(
            lambda: all(job in client.app.jobs.unfinished.live and client.app.jobs.unfinished.live[job].steps for job in jobs), 300
        )
    assert at_work


def made_of(client, **fields):
    """A job's outputs and which of the workers made some."""
    used = [member.used for member in client.app.jobs.worker.members]
    job = ask(client, "bob", "tiny-sd1", **fields)
    told = settled(client, job, auth=AUTH["bob"])
    assert (told["state"], told["warnings"]) == ("done", []), told
    helped = [member.used > before for member, before in zip(client.app.jobs.worker.members, used, strict=True)]
    return client.app.jobs.get(job).outputs, helped


@pytest.mark.parametrize(
    "fields",
    [
        {"n_iter": 12},
        {"script_name": "X/Y/Z plot", "script_args": [4, "2,3,4,5", [], 1, "5,6,7", []], "enable_hr": True, "denoising_strength": 0.5},
        {"script_name": "Prompt matrix", "prompt": "a|b|c|d|e", "script_args": []},
    ],
    ids=["pictures", "plot", "matrix"],
)
def test_two_workers_make_one_job_and_its_pictures_texts_and_grids_are_those_of_one(sharing, fields):
    shared, both = made_of(sharing, **fields)
    sharing.app.jobs.worker.most_sharers = 1
    alone, one = made_of(sharing, **fields)
    assert (both, sum(one)) == ([True, True], 1)
    assert [(each.index, each.kind, each.infotext, each.saved) for each in shared] == [
        (each.index, each.kind, each.infotext, each.saved) for each in alone
    ]
    assert [each.kind for each in shared].count("grid") == 1
    for ours, theirs in zip(shared, alone, strict=True):      # company in a call may change a picture's last bit
        assert np.abs(pixels(ours.path) - pixels(theirs.path)).max() <= 1, ours.index


def pixels(path):
    with Image.open(path) as opened:
        return np.asarray(opened).astype(int)


def send_picture(client, number):
    content = io.BytesIO()
    Image.new("RGB", (64, 64), (20 * number, 0, 0)).save(content, "PNG")
    image = b64encode(content.getvalue()).decode()
    return client.post("/easel/v1/inputs", json={"image": image}, auth=AUTH["bob"]).json()["name"]


def test_two_workers_make_a_batch_of_files_and_leave_out_the_one_that_is_gone(sharing):
    sent = [{"image": send_picture(sharing, number), "file": f"{number:02}.png"} for number in range(12)]
    fields = {"kind": "img2img", "batch_source": "upload", "batch_sent": sent, "denoising_strength": 0.5}
    used = [member.used for member in sharing.app.jobs.worker.members]
    sharing.app.queue.set_mode(PAUSED)
    job = ask(sharing, "bob", "tiny-sd1", **fields)
    [kept] = sharing.app.flags.paths.cache.rglob(sent[9]["image"])
    kept.unlink()
    sharing.app.queue.set_mode(OPEN)
    told = settled(sharing, job, auth=AUTH["bob"])
    assert told["state"] == "done" and [each["index"] for each in told["pictures"]] == [*range(9), 10, 11], told
    [warning] = told["warnings"]
    assert warning.startswith("09.png was left out.")
    assert all(member.used > before for member, before in zip(sharing.app.jobs.worker.members, used, strict=True))


def test_a_kill_of_one_of_two_costs_its_part_alone_and_no_picture_is_lost_or_doubled(sharing):
    job = ask(sharing, "bob", "tiny-sd1", n_iter=40, steps=10)
    until_at_work(sharing, job)
    holders = [each for each in sharing.app.jobs.worker.members if job in each.jobs]
    os.kill(holders[-1].worker.child.process.pid, signal.SIGKILL)
    told = settled(sharing, job, auth=AUTH["bob"])
    pictures = [each for each in sharing.app.jobs.get(job).outputs if each.kind == "image"]
    assert told["state"] == "done" and len(holders) == 2, told
    assert [each.index for each in pictures] == list(range(40)) and len({each.path for each in pictures}) == 40
    assert "begun again" in " ".join(told["warnings"]) and sharing.app.jobs.store.brief(job).deaths == 1


LONG = {"steps": 20, "n_iter": 100}


def test_two_people_s_jobs_are_made_by_two_processes_at_once_and_a_kill_of_one_is_not_the_other_s(pair):
    assert len(workers()) == 2
    jobs = [ask(pair, "alice", "tiny-sd1", **LONG), ask(pair, "bob", "other", **LONG)]
    until_at_work(pair, *jobs)
    hers, his = (member_of(pair, job) for job in jobs)
    assert hers is not his
    os.kill(his.worker.child.process.pid, signal.SIGKILL)
    survivor = hers.worker.child.process.pid
    with pair.app.jobs.unfinished.changed:
        assert pair.app.jobs.unfinished.changed.wait_for(lambda: pair.app.jobs.store.brief(jobs[1]).warnings, 300)
    made = pair.app.jobs.brief(jobs[0]).made
    with pair.app.jobs.unfinished.changed:
        assert pair.app.jobs.unfinished.changed.wait_for(lambda: pair.app.jobs.brief(jobs[0]).made > made, 300)
    for job, person in zip(jobs, PEOPLE, strict=True):
        pair.post(f"/easel/v1/queue/{job}/cancel", auth=AUTH[person])
    hers_told, his_told = (settled(pair, job, auth=AUTH[person]) for job, person in zip(jobs, PEOPLE, strict=True))
    assert (hers_told["state"], hers_told["warnings"]) == ("interrupted", [])
    assert his_told["state"] == "interrupted" and "SIGKILL" in his_told["warnings"][0]
    assert hers.worker.child.process.pid == survivor
    assert pair.get("/easel/v1/jobs/" + jobs[0], auth=AUTH["bob"]).status_code == 404


def test_a_job_goes_to_the_process_that_has_its_model_whatever_name_it_is_asked_by(pair, monkeypatch):
    monkeypatch.setattr(pace, "SLOWER", 100)      # what else this machine does may make one of two look slow
    homes = []
    for model in ("tiny-sd1", "other", "tiny-sd1.safetensors", "other", "tiny-sd1"):
        job = ask(pair, "bob", model, **LONG)
        until_at_work(pair, job)
        homes.append(member_of(pair, job))
        pair.post(f"/easel/v1/queue/{job}/cancel", auth=AUTH["bob"])
        settled(pair, job, auth=AUTH["bob"])
    assert homes[0] is not homes[1] and homes == [homes[0], homes[1], homes[0], homes[1], homes[0]]
