"""Eight workers on four machines of a Ray cluster: jobs spread, and a machine that dies takes none with it.

Their devices only wait (benchmarks/waiting_worker.py); the server, its queue and its ledger are the real ones.
"""

from __future__ import annotations

import time

import pytest

from benchmarks.ray import WaitingHost
from modules.app.workers import workers_of
from modules.commands import cluster_host
from modules.engine.messages import READY
from tests.clusters import Machines
from tests.servers import SETTLING_SECONDS, ended, serving, with_tiny_model

pytestmark = pytest.mark.slow
SLOTS = 2
MACHINES = ("one", "two", "three", "four")


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    found = Machines(tmp_path_factory.mktemp("machines"))
    found.nodes = [found.join(name, SLOTS, shared=True) for name in MACHINES]
    yield found
    found.close()


@pytest.fixture(scope="module")
def server(machines, tmp_path_factory):
    home = with_tiny_model(tmp_path_factory.mktemp("server"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cluster_host, "HostActor", WaitingHost)
        with serving(home, "--worker", "ray", "--ray-address", machines.cluster.address) as client:
            wait_until(client, lambda: ready(client) == SLOTS * len(MACHINES))
            yield client


def wait_until(client, true):
    limit = time.monotonic() + SETTLING_SECONDS
    while not true():
        assert time.monotonic() < limit, workers_of(client.app)
        time.sleep(0.05)


def ready(client):
    return sum(worker.phase == READY for worker in workers_of(client.app))


def ask(client, pictures, steps=20):
    fields = {"prompt": "a red circle", "seed": 7, "steps": steps, "width": 64, "height": 64, "n_iter": pictures}
    reply = client.post("/easel/v1/jobs", json={"kind": "txt2img", "fields": fields})
    assert reply.status_code == 200, reply.text
    return reply.json()["job"]


def indices_of(client, job):
    """The pictures of a job that is done, in the order of recording."""
    record = ended(client, job)
    assert (record.state, record.deaths) == ("done", 0), record.error
    return [each.index for each in record.outputs]


def test_many_jobs_are_spread_over_all_workers_and_each_picture_is_recorded_once(server):
    pool = server.app.jobs.worker.pool
    before = [member.used for member in pool.members]
    jobs = [ask(server, pictures=3) for _ in range(16)]
    assert [sorted(indices_of(server, job)) for job in jobs] == [[0, 1, 2]] * 16
    assert all(member.used > used for member, used in zip(pool.members, before, strict=True)), workers_of(server.app)


def test_a_machine_dies_while_all_eight_draw_and_nothing_is_lost_or_doubled(server, machines):
    large, small = ask(server, pictures=64), [ask(server, pictures=4) for _ in range(12)]
    jobs = server.app.jobs
    wait_until(server, lambda: jobs.brief(large).made > 8)
    machines.kill(machines.nodes.pop(0))
    assert sorted(indices_of(server, large)) == list(range(64))
    assert [sorted(indices_of(server, job)) for job in small] == [[0, 1, 2, 3]] * 12
    assert ready(server) <= SLOTS * (len(MACHINES) - 1)      # those of the dead machine are not waited for

    machines.nodes.append(machines.join("five", SLOTS, shared=True))
    wait_until(server, lambda: ready(server) == SLOTS * len(MACHINES))
    assert sorted(indices_of(server, ask(server, pictures=16))) == list(range(16))
