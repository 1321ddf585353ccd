"""Text goes compressed, pictures as they are, and what streams is not held back."""

from __future__ import annotations

import gzip
import threading
import zlib

import brotli
import pytest

from modules.api.compression import Compressed, Improver, KeptFiles
from tests.asynchronous import run

TEXT = b"a red apple, " * 400
WISH = {"accept-encoding": "gzip, deflate"}


def asked(
    parts: list[bytes],
    kind: str = "text/html",
    path: str = "/",
    wish: dict[str, str] = WISH,
    more: dict[str, str] | None = None,
):
    """The status, headers and body parts that a client gets of an answer made of `parts`."""
    sent = []
    own = {"content-type": kind, "etag": '"1"', **(more or {})}

    async def app(scope, receive, send):
        headers = [(name.encode(), value.encode()) for name, value in own.items()]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for i, part in enumerate(parts, 1):
            await send({"type": "http.response.body", "body": part, "more_body": i < len(parts)})

    async def keep(message):
        sent.append(message)

    scope = {"type": "http", "path": path, "headers": [(name.encode(), value.encode()) for name, value in wish.items()]}
    run(Compressed(app)(scope, None, keep))
    start, *bodies = sent
    return {name.decode(): value.decode() for name, value in start["headers"]}, [body["body"] for body in bodies]


def test_text_is_sent_compressed_and_is_the_same():
    headers, [body] = asked([TEXT], more={"content-length": str(len(TEXT))})
    assert gzip.decompress(body) == TEXT and len(body) < len(TEXT) / 20
    assert (headers["content-encoding"], headers["content-length"]) == ("gzip", str(len(body)))
    assert "Accept-Encoding" in headers["vary"] and headers["etag"] == 'W/"1"'


def test_long_text_is_the_same_too():
    _, [body] = asked([TEXT * 100])
    assert gzip.decompress(body) == TEXT * 100


def test_each_part_of_a_stream_can_be_read_as_soon_as_it_comes():
    headers, bodies = asked([b"one\n", b"two\n", b"", b"three\n"])
    assert "content-length" not in headers
    reading = zlib.decompressobj(16 + zlib.MAX_WBITS)
    assert [reading.decompress(body) for body in bodies] == [b"one\n", b"two\n", b"", b"three\n"]


@pytest.mark.parametrize("how", [
    {"kind": "image/png"},
    {"kind": "text/event-stream"},
    {"kind": "application/json", "path": "/sdapi/v1/txt2img"},
    {"wish": {}},
    {"wish": {"accept-encoding": "br"}},
    {"wish": {"accept-encoding": "gzip;q=0"}},
    {"more": {"content-encoding": "br"}},
], ids=str)
def test_all_else_is_sent_as_it_is(how):
    headers, bodies = asked([TEXT, TEXT], **how)
    assert bodies == [TEXT, TEXT] and headers.get("content-encoding") != "gzip"
    assert headers["etag"] == '"1"'


def test_what_is_short_stays_as_it_is():
    headers, bodies = asked([b"{}"], "application/json")
    assert bodies == [b"{}"] and "content-encoding" not in headers


def test_the_door_answers_compressed_as_well(client):
    reply = client.get("/openapi.json")
    assert reply.headers["content-encoding"] == "gzip" and "/easel/v1/state" in reply.json()["paths"]
    assert "content-encoding" not in client.get("/sdapi/v1/options").headers


KEPT = {"cache-control": "public, max-age=31536000, immutable"}


def kept_twice(keeping: dict[str, str], taken: str = "gzip, br") -> tuple[int, list[tuple[dict[str, str], bytes]]]:
    """How often the application was asked for a file that a client of Brotli asks for twice, and what was answered."""
    asks, sent = [], []

    async def app(scope, receive, send):
        asks.append(scope["path"])
        headers = [(b"content-type", b"text/javascript"), *((k.encode(), v.encode()) for k, v in keeping.items())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": TEXT[:900], "more_body": True})
        await send({"type": "http.response.body", "body": TEXT[900:]})

    async def keep(message):
        sent.append(message)

    async def twice():
        compressed = Compressed(app)
        for _ in range(2):
            scope = {"type": "http", "method": "GET", "path": "/a.js", "headers": [(b"accept-encoding", taken.encode())]}
            await compressed(scope, None, keep)

    run(twice())
    bodies = b"".join(each.get("body", b"") for each in sent)
    starts = [{k.decode(): v.decode() for k, v in each["headers"]} for each in sent if "headers" in each]
    return len(asks), [(start, bodies) for start in starts]


@pytest.mark.parametrize(
    ("taken", "coding", "unpack"), [("gzip, br", "br", brotli.decompress), ("gzip, br;q=0", "gzip", gzip.decompress)]
)
def test_what_is_kept_for_good_is_compressed_once_and_best_as_the_browser_takes_it(taken, coding, unpack):
    asks, answers = kept_twice(KEPT, taken)
    assert asks == 1 and len(answers) == 2
    for headers, bodies in answers:
        assert headers["content-encoding"] == coding and "Accept-Encoding" in headers["vary"]
        length = int(headers["content-length"])
        assert unpack(bodies[:length]) == unpack(bodies[length:]) == TEXT


def test_later_visitors_get_a_kept_file_as_short_as_brotli_can_make_it_which_says_the_same():
    text = b"".join(b"%d apples and %d pears, " % (number * number, number) for number in range(2000))
    kept, done = KeptFiles(), threading.Event()
    first = brotli.compress(text, quality=1)
    name, start = ("/a.js", "br"), {"status": 200, "headers": [(b"content-length", b"%d" % len(first))]}

    def improve(*given):
        kept.improve(*given)
        done.set()

    assert kept.keep(name, start, first) and not kept.keep(name, start, b"")
    Improver(improve).add(name, text)
    assert done.wait(60)
    better, body = kept.find(name)
    assert len(body) < len(first) and brotli.decompress(body) == text
    assert dict(better["headers"])[b"content-length"] == str(len(body)).encode()
    assert dict(start["headers"])[b"content-length"] == str(len(first)).encode()
    kept.improve(name, body + b"longer")
    assert kept.find(name) == (better, body)


def test_what_is_not_for_everybody_for_good_is_asked_for_each_time():
    asks, answers = kept_twice({"cache-control": "private, max-age=31536000, immutable"})
    assert asks == 2 and {headers["content-encoding"] for headers, _ in answers} == {"gzip"}
