"""Requests of no honest program: bodies that are none, heads that contradict themselves, other people's addresses."""

from __future__ import annotations

import base64
import gzip
import re
import socket
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from benchmarks.attacks.row import Row, must
from benchmarks.attacks.target import TINY, Target
from benchmarks.attacks.wires import head, place

JSON: Mapping[str, str] = {"Content-Type": "application/json"}
PACKED: Mapping[str, str] = {**JSON, "Content-Encoding": "gzip"}
DEEP, LONG_NUMBER, UNPACKED = 100_000, 1_000_000, 200_000_000
BODIES: Mapping[str, tuple[bytes, Mapping[str, str]]] = {
    "no numbers": (b'{"steps":NaN,"width":Infinity,"cfg_scale":1e400,"seed":-Infinity}', JSON),
    "deep": (b'{"prompt":' + b"[" * DEEP + b"]" * DEEP + b"}", JSON),
    "deep and open": (b'{"a":' * DEEP, JSON),
    "a million digits": (b'{"seed":' + b"9" * LONG_NUMBER + b"}", JSON),
    "a key twice": (b'{"prompt":"a","prompt":"b","steps":1,"steps":{}}', JSON),
    "half a letter": (b'{"prompt":"\\ud800","name":"\\udfff","job":"\\ud800"}', JSON),
    "half a letter as key": (b'{"\\ud800":1}', JSON),
    "UTF-16": ('{"prompt":"a"}'.encode("utf-16"), {"Content-Type": "application/json; charset=utf-16"}),
    "no UTF-8": (b'{"prompt":"\xff\xfe"}', JSON),
    "NUL": (b'{"prompt":"\\u0000","name":"a\\u0000b","steps":"x"}', JSON),
    "no object": (b"[]", JSON), "null": (b"null", JSON), "nothing": (b"", JSON), "two": (b"{} {}", JSON),
    "packed": (gzip.compress(b'{"prompt":"' + b"a" * UNPACKED + b'"}'), PACKED),
    "a form": (b"a=b", {"Content-Type": "application/x-www-form-urlencoded"}),
    "text": (b"{}", {"Content-Type": "text/plain"}),
    "XML": (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', {"Content-Type": "application/xml"}),
    "no parts": (b"--x", {"Content-Type": "multipart/form-data"}),
    "prototypes": (b'{"__proto__":{"role":3},"steps":1,"width":64,"height":64}', JSON),
}
# what begins with these needs no body, or ends what the row needs
LEFT_OUT = re.compile(r"/easel/v1/(restart|account/password)")
PARAMETER = re.compile(r"\{(\w+)\}")
COUNTED = ("index", "place", "album", "picture", "folder")      # parameters that are numbers
OPTIONS = "/sdapi/v1/options"
CHUNKED: Mapping[str, object] = {**JSON, "Transfer-Encoding": "chunked"}


def bodies(target: Target) -> str:
    """Each of these bodies on every route that takes one: no 5xx, every refusal in its shape, nobody delayed."""
    schema = target.clients["alice"].get("/openapi.json").json()
    answers: Counter[int] = Counter()
    for path, methods in schema["paths"].items():
        for method in methods.keys() & {"post", "put", "patch", "delete"}:
            if LEFT_OUT.match(path):
                continue
            at = PARAMETER.sub(lambda found: "-1" if found[1] in COUNTED else "x", path)
            for name, (content, headers) in BODIES.items():
                reply = target.clients["alice"].request(method, at, content=content, headers=headers)
                answers[reply.status_code] += 1
                must(reply.status_code < 500, f"{method} {path}, {name}: {reply.status_code} {reply.text:.100}")
                shaped = reply.status_code < 400 or {"error", "detail", "request_id"} <= reply.json().keys()
                must(shaped, f"{method} {path}, {name}: {reply.text:.100}")
                leaks = b"root:x:" in reply.content or b"Traceback" in reply.content      # of /etc/passwd, or of ours
                must(not leaks, f"{method} {path}, {name}: {reply.text:.100}")
    return f"{answers.total()} requests: {dict(sorted(answers.items()))}"


def heads(target: Target) -> str:
    """Heads and chunks that are no HTTP or contradict themselves: each gets one refusal, nothing is read as two."""
    cases = [*whole_heads(target), *sizes(target), *chunks(target)]
    for sent, wanted in cases:
        answer = answer_to(target, sent)
        found = re.findall(rb"HTTP/1\.1 (\d+)", answer)
        must(len(found) <= 1, f"{sent[:60]!r} was read as {len(found)} requests")
        must(found and int(found[0]) in wanted, f"{sent[:60]!r}: {answer[:60]!r}")
    return f"{len(cases)} heads"


def whole_heads(target: Target) -> list[tuple[bytes, set[int]]]:
    """Return requests without a body, and the statuses that they may get."""
    two = {"Origin": f"{target.address}\r\nOrigin: http://evil.example"}
    return [
        (head(target, "GET", OPTIONS, {f"X{number}": "y" for number in range(300)}), {400, 431}),
        (head(target, "GET", OPTIONS, {"X": "y" * 10**6}), {400, 431}),
        (head(target, "GET", "/" + "a" * 10**6), {400, 404, 414}),
        (head(target, "GET", OPTIONS, {"X": "a\0b"}), {400}),
        (head(target, "GET", OPTIONS, {"X": "a\rY: b"}), {400}),
        (head(target, "GET", OPTIONS, two), {400}),
        (head(target, "GET", OPTIONS, {"X": "a\r\nAuthorization: Bearer x"}), {400}),
        (head(target, "CONNECT", "127.0.0.1:22"), {400, 404, 405}),
        (head(target, "TRACE", OPTIONS), {400, 405}),
        (head(target, "GET", "http://evil.example" + OPTIONS), {400, 403, 404}),
    ]


def sizes(target: Target) -> list[tuple[bytes, set[int]]]:
    """Return requests whose length is none, or two."""
    both = {**JSON, "Content-Length": "4", "Transfer-Encoding": "chunked"}
    wrong = ("-1", "+2", "0x2", "2, 3", "1e1", "9" * 23, "2 2", "2\r\nContent-Length: 3")
    return [
        (head(target, "POST", OPTIONS, both) + b"0\r\n\r\nGET /evil HTTP/1.1\r\n\r\n", {400, 422}),
        *((head(target, "POST", OPTIONS, {**JSON, "Content-Length": size}) + b"{}x", {400, 413}) for size in wrong),
    ]


def chunks(target: Target) -> list[tuple[bytes, set[int]]]:
    """Return requests in chunks that are none."""
    end = b"\r\n0\r\n\r\n"
    wrong = (b"zz\r\n{}" + end, b"-2\r\n{}" + end, b"0x2\r\n{}" + end, b"2\r\n{}more" + end, b"f" * 18 + b"\r\n{}",
             b"2\r\n{}\r\n0\r\nX: " + b"a" * 300_000 + b"\r\n\r\n")
    return [(head(target, "POST", OPTIONS, CHUNKED) + each, {400, 413, 422, 431}) for each in wrong]


def answer_to(target: Target, sent: bytes) -> bytes:
    """Return what the server says to raw bytes before it hangs up, or within five seconds."""
    answer = b""
    with socket.create_connection(place(target), 10) as wire, suppress(OSError):
        wire.settimeout(5)
        wire.sendall(sent)
        while part := wire.recv(65536):
            answer += part
    return answer


def other_peoples_addresses(target: Target) -> str:
    """Alice's job, pictures and input at all their addresses, asked for by bob with what her browser would send."""
    job = target.ended("alice", target.ask("alice", prompt="alice's words"))["id"]
    alice, bob = target.clients["alice"], target.clients["bob"]
    picture = base64.b64encode(target.picture("alice", job)).decode()
    sent = alice.post("/easel/v1/inputs", json={"image": picture}).json()
    [saved] = [path for path in target.saved_images() if "alice" in path.parts][-1:]
    found = alice.get("/easel/v1/library").json()["pictures"]
    tried = 0
    for path in addresses(job, [each["id"] for each in found], str(saved)):
        kept = alice.get(path)
        tag = kept.headers.get("etag", '"x"')
        for method, headers in questions(tag, kept.headers.get("last-modified", "")):
            reply = bob.request(method, path, headers=headers)
            tried += 1
            must(reply.status_code in (403, 404, 405, 422), f"{method} {path} {headers}: {reply.status_code}")
            must(b"alice's words" not in reply.content, f"{method} {path}: {reply.text:.100}")
        must(alice.get(path).status_code == kept.status_code, f"{path} is another one now")
    for name in (sent["name"], f"alice/{sent['name']}", f"../alice/{sent['name']}", str(saved), f"file://{saved}"):
        reply = bob.post("/sdapi/v1/img2img", json={**TINY, "init_images": [name]})
        must(reply.status_code == 422, f"a picture called {name} got {reply.status_code}")
    return f"{tried} questions about alice's things, five names of her pictures"


def addresses(job: str, pictures: list[int], path: str) -> Iterator[str]:
    """Yield the addresses of a job, of its pictures in the library, and of a file."""
    for rest in ("", "/pictures/0", "/pictures/0/thumbnail", "/pictures/0/infotext", "/zip", "/preview"):
        yield f"/easel/v1/jobs/{job}{rest}"
    yield from (f"/easel/v1/queue/{job}/request", f"/agent-scheduler/v1/task/{job}", f"/file={path}")
    for number in pictures:
        for rest in ("", "/file", "/thumbnail", "/family"):
            yield f"/easel/v1/library/pictures/{number}{rest}"


def questions(tag: str, time: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield methods and headers."""
    for headers in ({}, {"Range": "bytes=0-10"}, {"If-None-Match": tag}, {"If-None-Match": "*"},
                    {"If-Modified-Since": time}, {"If-Range": tag, "Range": "bytes=0-1"},
                    {"X-Forwarded-User": "alice"}):
        yield from (("GET", headers), ("HEAD", headers))
    yield from ((method, {}) for method in ("OPTIONS", "POST", "PUT", "PATCH", "DELETE"))


ROWS = (
    Row("API-14", "20 bodies that are none, on every route", bodies),
    Row("API-15", "heads that contradict themselves", heads),
    Row("ISO-16", "other people's addresses, with every method and what a browser keeps", other_peoples_addresses),
)
