"""The worker's thread: what it says of jobs before there is a runner."""

from __future__ import annotations

from types import SimpleNamespace

from modules.engine.messages import JobSpec
from modules.worker.thread import ThreadWorker

SPEC = JobSpec("a", "alice", "txt2img", {}, {})


def test_a_job_is_not_in_hand_before_there_is_a_runner(tmp_path):
    """A server that is killed while it loads torch has not died over the jobs that wait for that."""
    told = []
    worker = ThreadWorker(
        SimpleNamespace(note_in_hand=lambda part, jobs: told.append(list(jobs)), cache=tmp_path), told.append
    )
    worker.submit(SPEC)
    before = list(told)
    worker.runner.set_result(SimpleNamespace(submit=lambda spec: told.append(spec.id)))
    worker.inboxes["alice"].shutdown(wait=True)
    assert before == [] and told == [["a"], "a", []]
