"""Settings that are damaged at a start, or changed in mid-job."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from urllib.parse import urlsplit

from benchmarks.attacks.row import Row, must
from benchmarks.attacks.target import Target, digest, wait_for
from benchmarks.people import images_of

GOOD: Mapping[str, object] = {"samples_format": "webp", "eta_noise_seed_delta": 31337}
DAMAGES: Mapping[str, bytes] = {
    "0 bytes": b"", "half of it": b'{"samples_format": "we', "no object": b"[1, 2]", "zeros": bytes(4096),
    "wrong types": b'{"samples_format": [], "eta_noise_seed_delta": {"a": 1}}',
    "10 MB": json.dumps({"samples_format": "x" * 10_000_000}).encode(),
}
IN_MID_JOB: Mapping[str, object] = {
    "CLIP_stop_at_last_layers": 3, "eta_noise_seed_delta": 7, "samples_format": "webp", "emphasis": "None",
}


def damaged_settings(target: Target) -> str:
    """`config.json` is damaged while the server is down: it starts with the last good values and keeps the damaged."""
    config, port = target.data / "config.json", int(urlsplit(target.address).port or 0)
    usual = {name: target.clients["admin"].get("/sdapi/v1/options").json()[name] for name in GOOD}
    target.clients["admin"].post("/sdapi/v1/options", json=dict(GOOD))
    target.end()
    target.begin(port)      # what starts well is the last good copy
    for damage, content in DAMAGES.items():
        target.end()
        config.write_bytes(content)
        for old in target.data.glob("config.broken*"):
            old.unlink()
        target.begin(port)
        found = target.clients["admin"].get("/sdapi/v1/options").json()
        must({name: found[name] for name in GOOD} == GOOD, f"{damage}: {[found[name] for name in GOOD]}")
        aside = list(target.data.glob("config.broken*"))
        must(any(each.read_bytes() == content for each in aside), f"{damage}: the damaged file is not kept")
        must("config" in target.log()[-2000:], f"{damage}: the log says nothing")
    target.clients["admin"].post("/sdapi/v1/options", json=usual)
    return f"{len(DAMAGES)} damages, each time the last good values and the damaged file kept"


def changed_in_mid_job(target: Target) -> str:
    """The administrator changes everybody's settings while a job runs: its later pictures are as its first."""
    admin = target.clients["admin"]
    before = {name: admin.get("/sdapi/v1/options").json()[name] for name in IN_MID_JOB}
    alone = pictures_of_job(target, target.ask("alice", steps=40, n_iter=8))
    job = target.ask("alice", steps=40, n_iter=8)
    wait_for(lambda: target.job("alice", job)["made"])
    reply = admin.post("/sdapi/v1/options", json=dict(IN_MID_JOB))
    must(reply.status_code == 200, f"the change got {reply.status_code} {reply.text:.200}")
    must(pictures_of_job(target, job) == alone, "its pictures are others than without the change")
    later = pictures_of_job(target, target.ask("alice", steps=40, n_iter=8))
    admin.post("/sdapi/v1/options", json=before)
    must(later != alone, "the next job does not have the new settings")
    return "the running job's pictures as without the change, the next job's by the new settings"


def pictures_of_job(target: Target, job: str) -> list[str]:
    wait_for(partial(ended_well, target, job))
    return [digest(target.picture("alice", job, each["index"])) for each in images_of(target.job("alice", job))]


def ended_well(target: Target, job: str) -> bool:
    state = target.job("alice", job)["state"]
    must(state not in ("failed", "interrupted"), f"{job} ended as {state}")
    return bool(state == "done")


ROWS = (
    Row("CON-13", "settings are changed in mid-job", changed_in_mid_job),
    Row("CRA-13", "the settings file is damaged at the start", damaged_settings, keeps=False, calm=True),
)
