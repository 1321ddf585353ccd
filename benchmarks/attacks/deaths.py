"""Workers and servers that die, hang, or find too little memory."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from urllib.parse import urlsplit

import httpx
import psutil

from benchmarks.attacks.load import far, pixels_of
from benchmarks.attacks.row import Row, Start, must
from benchmarks.attacks.target import TINY, Target, wait_for
from benchmarks.people import images_of

PATIENCE_WITH_CRASHES = 300.0


def little_memory(target: Target) -> str:
    """A worker that gets no more memory: the job fails, the server lives, and the next worker goes on."""
    pid = target.workers()[0]
    used = psutil.Process(pid).memory_info().vms
    subprocess.run(["prlimit", f"--as={used + (64 << 20)}", "--pid", str(pid)], check=True)
    job = target.ended("alice", target.ask("alice", width=2048, height=2048, steps=2), 300)
    must(job["state"] == "failed", f"it ended as {job['state']}")
    must(job["error"]["error"] in ("oom", "worker_crashed"), f"{job['error']}")
    subprocess.run(["kill", "-9", *map(str, target.workers())], check=False)
    return f"{job['error']['error']}; the next worker draws as before"


def hanging(target: Target) -> str:
    """A worker that hangs: the job ends as `timeout`, the worker is replaced, and others' jobs are made."""
    job = target.ended("alice", target.ask("alice", steps=6), 300)
    must(job["state"] == "failed" and job["error"]["error"] == "timeout", f"{job['state']} {job['error']}")
    return "timeout; others go on"


def many_crashes(target: Target) -> str:
    """Jobs that kill their worker, again and again: pauses, then 503 with the time to come back, then all is well."""
    statuses: list[int] = []
    end = time.monotonic() + PATIENCE_WITH_CRASHES
    while 503 not in statuses and time.monotonic() < end:
        body = {"kind": "txt2img", "fields": {**TINY, "steps": 8}}
        reply = target.clients["alice"].post("/easel/v1/jobs", json=body)
        statuses.append(reply.status_code)
        refused = reply.status_code == 503 and "retry-after" in reply.headers
        must(reply.status_code == 200 or refused, reply.text[:200])
        must(target.clients["bob"].get("/easel/v1/queue").status_code == 200, "the API is gone")
        time.sleep(2)
    must(503 in statuses, f"{len(statuses)} jobs and no 503")
    for job in target.clients["alice"].get("/easel/v1/queue?limit=200").json()["jobs"]:
        target.clients["alice"].post(f"/easel/v1/queue/{job['id']}/cancel")
    target.clients["admin"].post("/easel/v1/worker/try_again")
    wait_for(lambda: target.clients["admin"].get("/internal/ready").status_code == 200)
    return f"{statuses.count(200)} jobs taken, then {statuses.count(503)} × 503; the API goes on"


def no_orphan(target: Target) -> str:
    """SIGKILL of the server alone."""
    workers = [psutil.Process(pid) for pid in target.workers()]
    target.kill()
    _, alive = psutil.wait_procs(workers, 15)
    must(not alive, f"{len(alive)} workers live on")
    target.begin(int(urlsplit(target.address).port or 0))
    return "the worker ends with it; the next start takes the lock"


def asked_again(target: Target) -> str:
    """A client of A1111's route is cut off by a kill, and asks again by its own task id."""
    body = {**TINY, "steps": 60, "n_iter": 4, "save_images": True, "force_task_id": "task(mine)"}
    port = int(urlsplit(target.address).port or 0)

    def call() -> None:
        try:
            target.draw("alice", **{k: v for k, v in body.items() if k not in TINY or TINY[k] != v})
        except httpx.TransportError:
            return

    caller = threading.Thread(target=call)
    caller.start()
    clients = httpx.Client(base_url=target.address, auth=("alice", "pw-alice"), timeout=60)
    wait_for(lambda: clients.get("/easel/v1/jobs").json()[:1] and clients.get("/easel/v1/jobs").json()[0]["made"] >= 1)
    target.kill()
    caller.join()
    target.begin(port)
    told: dict[str, object] = {}
    wait_for(lambda: told.update(progress(target)) or told.get("completed"), 300)
    newest = target.clients["alice"].get("/easel/v1/jobs").json()[0]
    made = len(images_of(newest))
    must(newest["state"] == "done" and made == 4, f"{newest['state']}, {made} of 4")
    files = target.saved_images()
    must(len(files) == 4, f"{len(files)} files of 4 pictures")
    return "done, four pictures of four, none twice"


def progress(target: Target) -> dict[str, object]:
    reply = target.clients["alice"].post(
        "/internal/progress", json={"id_task": "task(mine)", "id_live_preview": -1, "live_preview": False}
    )
    must(reply.status_code == 200, f"progress got {reply.status_code}: {reply.text:.200}")
    found: dict[str, object] = reply.json()
    return found


def worker_killed(target: Target) -> str:
    """SIGKILL of the worker in alice's job: begun again once, bob's is made."""
    alice, bob = target.ask("alice", steps=100), target.ask("bob", seed=7)
    wait_for(lambda: target.job("alice", alice)["step"] > 2)
    began = time.monotonic()
    os.kill(target.workers()[0], signal.SIGKILL)
    must(target.ended("bob", bob)["state"] == "done", "bob's job is lost")
    seconds = time.monotonic() - began
    must(target.ended("alice", alice)["state"] == "done", "alice's job is lost")
    again = target.ask("bob", seed=7)
    target.ended("bob", again)
    alone, found = (pixels_of(target.picture("bob", job)) for job in (again, bob))
    must(far(found, alone) <= 1, "bob's picture is another one")      # it may have shared calls with alice's
    return f"bob's picture {seconds:.1f} s after the kill; alice's done"


def stopped(target: Target) -> str:
    """SIGTERM in mid-job: exit code 0, and the job goes on after the next start."""
    job = target.ask("alice", steps=100, n_iter=4)
    wait_for(lambda: target.job("alice", job)["made"] >= 1)
    began = time.monotonic()
    target.process.send_signal(signal.SIGTERM)
    code = target.process.wait(60)
    seconds = time.monotonic() - began
    must(code == 0 and seconds < 30, f"code {code} after {seconds:.1f} s")
    target.begin()
    ended = target.ended("alice", job)
    made = len(images_of(ended))
    must(ended["state"] == "done" and made == 4, f"{ended['state']}, {made} of 4")
    return f"code 0 after {seconds:.1f} s; then done, 4 of 4"


HANGS = Start(
    flags=("--test-hooks", "--worker-timeout", "10"), environment=(("EASEL_FAULT", "hang@step:5"),)
)
CRASHING = Start(flags=("--test-hooks",), environment=(("EASEL_FAULT", "kill@step:5,always"),))

ROWS = (
    Row("CRA-02", "the worker is killed", worker_killed),
    Row("CRA-06", "the server alone is killed", no_orphan, keeps=False, calm=True),
    Row("CRA-10", "a client that a kill has cut off", asked_again, keeps=False, calm=True),
    Row("OPS-02", "SIGTERM in mid-job", stopped, keeps=False, calm=True),
    Row("RES-06", "a worker without memory", little_memory, logged=True),
    Row("RES-07", "a worker that hangs", hanging, HANGS, keeps=False),
    Row("RES-08", "crash after crash", many_crashes, CRASHING, keeps=False, calm=True, long=True),
)
