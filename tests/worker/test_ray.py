"""A Ray cluster on this machine: a server, and machines that see none of its files."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from modules.app.workers import workers_of
from modules.engine.messages import READY
from tests.clusters import Machines
from tests.servers import SETTLING_SECONDS, ended, serving, with_tiny_model

pytestmark = pytest.mark.slow      # each worker loads torch and a model
LONG = {"steps": 20, "n_iter": 6}


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    found = Machines(tmp_path_factory.mktemp("machines"))
    found.first = found.join("first")
    yield found
    found.close()


@pytest.fixture(scope="module")
def server(machines, tmp_path_factory):
    home = with_tiny_model(tmp_path_factory.mktemp("server"))
    with serving(home, "--worker", "ray", "--ray-address", machines.cluster.address) as client:
        yield client


def ask(client, **fields):
    fields = {"prompt": "a red circle", "seed": 7, "steps": 4, "width": 64, "height": 64, **fields}
    reply = client.post("/easel/v1/jobs", json={"kind": "txt2img", "fields": fields})
    assert reply.status_code == 200, reply.text
    return reply.json()["job"]


def outputs_of(client, job):
    """The files of a job, once it is done."""
    record = ended(client, job)
    assert record.state == "done", record.error
    return record.outputs


def pixels(path):
    return np.asarray(Image.open(path)).astype(int)


def test_a_machine_without_the_server_s_files_makes_its_pictures_and_grids(server, machines, tmp_path):
    job = ask(server, n_iter=2, script_name="X/Y/Z plot", script_args=[4, "2,3", []])
    told = outputs_of(server, job)
    assert [each.kind for each in told].count("grid") == 1
    with serving(with_tiny_model(tmp_path), "--worker", "thread") as alone:
        again = ask(alone, n_iter=2, script_name="X/Y/Z plot", script_args=[4, "2,3", []])
        expected = outputs_of(alone, again)
        assert [Path(each.path).name for each in told if each.saved] == [Path(each.path).name for each in expected if each.saved]
        pairs = zip(told, expected, strict=True)
        # company in a call may change a picture's last bit
        differences = {Path(one.path).name: np.abs(pixels(one.path) - pixels(other.path)).max() for one, other in pairs}
        assert max(differences.values()) <= 1, differences
    kept = [path for path in (machines.folder / "first").rglob("*.png") if path.is_file()]
    assert kept == []      # the machine keeps nothing of a job that has ended


def test_a_job_goes_on_at_another_machine_when_its_own_dies_and_no_picture_is_lost_or_doubled(server, machines):
    server.app.jobs.worker.pool.most_sharers = 1
    job = ask(server, **LONG)
    unfinished = server.app.jobs.unfinished
    with unfinished.changed:
        begun = unfinished.changed.wait_for(lambda: server.app.jobs.brief(job).made > 0, SETTLING_SECONDS)
    assert begun, workers_of(server.app)
    machines.join("second")
    machines.kill(machines.first)
    pictures = [each for each in outputs_of(server, job) if each.kind == "image"]
    assert [each.index for each in pictures] == list(range(6)) and len({each.path for each in pictures}) == 6
    files = list(Path(pictures[0].path).parent.iterdir())
    assert len(files) == len({path.name.partition("-")[0] for path in files})      # a number each
    assert server.app.jobs.store.brief(job).deaths == 0


def test_two_machines_make_one_plot_and_its_grid_shows_what_both_have_sent(server, machines):
    pool = server.app.jobs.worker.pool
    machines.join("third")
    for _ in range(SETTLING_SECONDS):
        if [each.phase for each in pool.listed()] == [READY, READY]:      # the first is no longer waited for
            break
        time.sleep(1)
    plot = {"script_name": "X/Y/Z plot", "script_args": [4, "2,3", [], 1, "1-20", []]}      # worth sending the model for
    outputs = []
    for pool.most_sharers in (1, 2):
        before = [member.used for member in pool.members]
        outputs.append(outputs_of(server, ask(server, **plot)))
        helped = [member.used > used for member, used in zip(pool.members, before, strict=True)]
        assert sum(helped) == pool.most_sharers, pool.listed()
    alone, shared = outputs
    assert [(each.index, each.kind, each.infotext) for each in shared] == [(each.index, each.kind, each.infotext) for each in alone]
    assert max(np.abs(pixels(one.path) - pixels(other.path)).max() for one, other in zip(alone, shared, strict=True)) <= 1
