"""Clients that are slow, leave, come back with too many, or ask for what is not theirs."""

from __future__ import annotations

import base64
import json
import random
import socket
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import httpx

from benchmarks.attacks.pictures import small_png
from benchmarks.attacks.row import Row, must
from benchmarks.attacks.target import TINY, Target, refusal, wait_for

READERS = 100
IDLE = 1_000
HALF_HEADS = 500
LEAVERS = 200
TIMES = 200
JSON: Mapping[str, object] = {"Content-Type": "application/json"}


def place(target: Target) -> tuple[str, int]:
    split = urlsplit(target.address)
    return str(split.hostname), int(split.port or 80)


def head(target: Target, method: str, path: str, headers: Mapping[str, object] = {}) -> bytes:
    """The first line and the headers of a request of alice's."""
    login = base64.b64encode(b"alice:pw-alice").decode()
    given = {"Host": urlsplit(target.address).netloc, "Authorization": f"Basic {login}", **headers}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode()


@contextmanager
def connections(target: Target, count: int) -> Iterator[list[socket.socket]]:
    opened: list[socket.socket] = []
    try:
        for _ in range(count):
            found = socket.create_connection(place(target), 10)
            opened.append(found)
        yield opened
    finally:
        for each in opened:
            with suppress(OSError):
                each.close()


def half_heads(target: Target) -> str:
    """500 connections that send a byte of a header now and then."""
    with connections(target, HALF_HEADS) as opened:
        began = time.monotonic()
        for each in opened:
            each.sendall(b"GET / HTTP/1.1\r\nHost: ")
        while opened and time.monotonic() - began < 75:
            for each in list(opened):
                try:
                    each.sendall(b"a")
                    each.settimeout(0)
                    if each.recv(1000) == b"":
                        raise OSError
                except BlockingIOError:
                    each.settimeout(5)
                except OSError:
                    opened.remove(each)
            time.sleep(5)
        must(not opened, f"{len(opened)} are still open after 75 s")
        return f"all closed after {time.monotonic() - began:.0f} s"


def slow_readers(target: Target) -> str:
    """100 who ask for large pictures and streams and do not read."""
    job = target.ended("alice", target.ask("alice", width=768, height=768, steps=1))
    before, most = target.memory(), 0.0
    with connections(target, READERS) as opened:
        for number, each in enumerate(opened):
            each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            path = f"/easel/v1/jobs/{job['id']}/pictures/0" if number % 2 else "/easel/v1/queue/events"
            each.sendall(head(target, "GET", path))
        for _ in range(80):
            most = max(most, target.memory())
            time.sleep(0.5)
    must(most - before < 200, f"{most - before:+.0f} MB")
    return f"{most - before:+.0f} MB at most"


def leave(target: Target) -> str:
    """200 clients that leave in mid-upload, in mid-job and in mid-download; the pictures are made all the same."""
    done = target.ended("alice", target.ask("alice", width=512, height=512, steps=1))["id"]
    body = json.dumps({**TINY, "save_images": True, "steps": 2}).encode()
    before = len(target.saved_images())
    calls = 0

    def one(number: int) -> int:
        kind = number % 3
        with socket.create_connection(place(target), 30) as wire:
            if kind == 0:
                begun = b'{"init_images":["' + b"a" * 50_000
                wire.sendall(head(target, "POST", "/sdapi/v1/img2img", {**JSON, "Content-Length": 10**7}) + begun)
            elif kind == 1:
                wire.sendall(head(target, "POST", "/sdapi/v1/txt2img", {**JSON, "Content-Length": len(body)}) + body)
                time.sleep(random.uniform(0.2, 0.6))
            else:
                wire.sendall(head(target, "GET", f"/easel/v1/jobs/{done}/pictures/0"))
                wire.recv(100)
        return kind == 1

    with ThreadPoolExecutor(20) as pool:
        calls = sum(pool.map(one, range(LEAVERS)))
    wait_for(lambda: target.unfinished() == 0)
    made = len(target.saved_images()) - before
    must(0 < made <= calls, f"{made} pictures of {calls} jobs")
    return f"{LEAVERS} left; {made} of {calls} jobs had been heard whole, and were made and saved"


def too_many_streams(target: Target) -> str:
    """A thousand streams of one person; another one gets a stream and a picture meanwhile."""
    with connections(target, IDLE) as opened:
        for each in opened:
            each.sendall(head(target, "GET", "/easel/v1/queue/events"))
        answers = []
        for each in opened:
            each.settimeout(30)
            with suppress(OSError):
                answers.append(each.recv(12)[9:12])
        with target.clients["bob"].stream("GET", "/easel/v1/queue/events") as reply:
            must(reply.status_code == 200, f"bob's stream got {reply.status_code}")
        must(target.draw("bob").status_code == 200, "bob gets no picture")
    taken, refused = answers.count(b"200"), answers.count(b"429")
    must(0 < taken <= 100 and taken + refused == IDLE, f"{taken} taken, {refused} refused, of {IDLE}")
    return f"{taken} taken, {refused} got 429; bob goes on"


def times_of_what_is_not_ones_own(target: Target) -> str:
    """A file outside that is there, and one that is not: the same status, body and time."""
    secret = target.data.parent / "secret.png"
    secret.write_bytes(small_png())
    told = []
    for path in ("/file={}", "/sd_extra_networks/thumb?filename={}", "/easel/v1/jobs/{}/pictures/0"):
        there, missing = path.format(secret), path.format(secret.with_name("nothing.png"))
        replies = [target.clients["bob"].get(each) for each in (there, missing)]
        bodies = [scrubbed(reply.text, secret) for reply in replies]
        must(replies[0].status_code == replies[1].status_code and bodies[0] == bodies[1], f"{path}: {bodies}")
        ratio = ratio_of_times(target, there, missing)
        must(0.8 < ratio < 1.25, f"{path}: {ratio:.2f}")
        told.append(f"{ratio:.2f}")
    return f"there ÷ missing, medians of {TIMES} by turns: {', '.join(told)}"


def scrubbed(text: str, secret: Path) -> str:
    body = json.loads(text)
    body.pop("request_id", None)
    return json.dumps(body).replace(secret.name, "X").replace("nothing.png", "X")


def ratio_of_times(target: Target, first: str, second: str) -> float:
    times: dict[str, list[float]] = {first: [], second: []}
    for _ in range(TIMES):
        for path in random.sample((first, second), 2):
            began = time.perf_counter()
            target.clients["bob"].get(path)
            times[path].append(time.perf_counter() - began)
    return median(times[first]) / median(times[second])


def secrets(target: Target) -> str:
    """Passwords are in no answer, no log, no picture and no list of processes."""
    words = [b"pw-alice", b"pw-bob", b"pw-admin"]
    schema = target.clients["admin"].get("/openapi.json").json()
    looked = 0
    for path, methods in schema["paths"].items():
        if "get" in methods and "events" not in path and "{" not in path:
            reply = target.clients["admin"].get(path)
            must(not any(word in reply.content for word in words), f"a password in {path}")
            looked += 1
    for body in (b"{", b'{"steps": "x"}', b"\0"):
        reply = target.clients["alice"].post("/sdapi/v1/txt2img", content=body, headers={
            "Content-Type": "application/json", "Cookie": "secret-cookie=1"})
        must(not any(word in reply.content for word in words), "a password in a refusal")
    log = target.log().encode()
    must(not any(word in log for word in (*words, b"secret-cookie")), "a password in the log")
    listed = Path(f"/proc/{target.pid}/cmdline").read_bytes()
    must(not any(word in listed for word in words), "a password in the list of processes")
    for path in (target.data / "outputs").rglob("*.png"):
        must(not any(word in path.read_bytes() for word in words), f"a password in {path.name}")
    return f"{looked} routes, the log, refusals, the list of processes, pictures: none"


def bad_logins(target: Target) -> str:
    """Ten wrong passwords, then the right one; others go on."""
    statuses = [
        httpx.get(f"{target.address}/sdapi/v1/options", auth=("alice", f"guess {number}")).status_code
        for number in range(10)
    ]
    must(429 in statuses and {*statuses} <= {401, 429}, f"{statuses}")
    must(target.clients["bob"].get("/sdapi/v1/options").status_code == 200, "bob is slowed as well")
    wait_for(lambda: target.clients["alice"].get("/sdapi/v1/options").status_code == 200, 60)
    return f"{statuses.count(401)} × 401, {statuses.count(429)} × 429, then in; bob goes on"


def unknown_job(target: Target) -> str:
    reply = target.clients["alice"].get("/easel/v1/jobs/task(00000000)")
    must(reply.status_code == 404, refusal(reply))
    return refusal(reply)


ROWS = (
    Row("NET-04", "500 heads that never end", half_heads, long=True),
    Row("NET-06", "100 slow readers", slow_readers, alone=True),
    Row("NET-10", "200 clients that leave", leave),
    Row("NET-11", "1,000 streams of one person", too_many_streams, alone=True),
    Row("PTH-24", "a file outside, there or not", times_of_what_is_not_ones_own, alone=True),
    Row("CRA-07", "a job that nobody knows", unknown_job),
    Row("EXT-09", "passwords in answers, logs, pictures", secrets),
    Row("WEB-15", "ten wrong passwords", bad_logins),
)
