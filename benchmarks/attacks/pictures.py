"""Hostile pictures."""

from __future__ import annotations

import base64
import io
import struct
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import httpx
from PIL import Image

from benchmarks.attacks.row import Row, must
from benchmarks.attacks.target import TINY, Target, refusal, seconds_of

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GIF_FRAME = b"\x21\xf9\x04\0\0\0\0\0\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0"


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def header(width: int, height: int) -> bytes:
    return SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))


def small_png(*chunks: bytes) -> bytes:
    """A picture of four pixels squared with chunks before its pixels."""
    return header(4, 4) + b"".join(chunks) + chunk(b"IDAT", zlib.compress(b"\0" * 20)) + chunk(b"IEND", b"")


def large_png(side: int) -> bytes:
    """A valid picture of one colour, small as a file."""
    written = io.BytesIO()
    Image.new("L", (side, side), 128).save(written, "PNG", compress_level=1)
    return written.getvalue()


def read(target: Target, picture: bytes) -> httpx.Response:
    body = {"image": base64.b64encode(picture).decode()}
    return target.clients["alice"].post("/sdapi/v1/png-info", json=body)


def large_headers(target: Target) -> str:
    """20,000 pixels squared in 65 bytes, 9,500 in a valid picture."""
    with seconds_of() as first:
        announced = refusal(read(target, header(20_000, 20_000) + chunk(b"IEND", b"")))
    body = {**TINY, "init_images": [base64.b64encode(large_png(9_500)).decode()]}
    reply = target.clients["alice"].post("/sdapi/v1/img2img", json=body)
    must(announced.startswith(("413", "422")) and first() < 1, f"{announced} in {first():.2f} s")
    must(reply.status_code in (413, 422), f"9,500 pixels squared: {refusal(reply)}")
    return f"{announced} in {first() * 1000:.0f} ms; {refusal(reply)}"


def packed_texts(target: Target) -> str:
    """256 MB of text and of colour profile in 261 kB."""
    bomb, before, told = zlib.compress(bytes(256 << 20), 9), target.memory(), []
    for name, start in ((b"zTXt", b"parameters\0\0"), (b"iTXt", b"parameters\0\1\0\0\0"), (b"iCCP", b"icc\0\0")):
        reply = read(target, small_png(chunk(name, start + bomb)))
        must(reply.status_code in (200, 413, 422), f"{name.decode()}: {refusal(reply)}")
        told.append(str(reply.status_code))
    more = target.memory() - before
    must(more < 100, f"{more:+.0f} MB")
    return f"{', '.join(told)}, {more:+.0f} MB"


def long_text(target: Target) -> str:
    """30 MB of generation data."""
    picture = small_png(chunk(b"tEXt", b"parameters\0" + b"a" * 30_000_000))
    body = b'{"image":"%s"}' % base64.b64encode(picture)
    with seconds_of() as took:
        reply = target.clients["alice"].post(
            "/sdapi/v1/png-info", content=body, headers={"Content-Type": "application/json"}
        )
    must(reply.status_code in (200, 413, 422), refusal(reply))
    must(took() < 1, f"{reply.status_code} in {took():.2f} s")
    return f"{refusal(reply)} in {took():.2f} s"


def long_text_beside_work(target: Target) -> str:
    """The same while pictures are made."""
    job = target.ask("bob", steps=150, n_iter=8)
    target.until_begun("bob", job)
    told = long_text(target)
    must(target.job("bob", job)["state"] == "running", "the job had ended")
    target.clients["bob"].post(f"/easel/v1/jobs/{job}/interrupt")
    target.ended("bob", job)
    return told


def slow_texts(target: Target) -> str:
    """Texts that patterns with two repetitions take seconds for."""
    longest = 0.0
    for text in (b"a" * 40_000, b"a " * 20_000, b"a-" * 30_000):
        with seconds_of() as took:
            reply = read(target, small_png(chunk(b"tEXt", b"parameters\0" + text)))
        must(reply.status_code == 200, refusal(reply))
        longest = max(longest, took())
    must(longest < 1, f"{longest:.2f} s")
    return f"at most {longest * 1000:.0f} ms"


def many_frames(target: Target) -> str:
    """A GIF of 300 frames of 4,000 pixels squared in 7 kB."""
    picture = b"GIF89a" + struct.pack("<HH", 4000, 4000) + b"\x80\0\0" + bytes(6) + 300 * GIF_FRAME + b";"
    with seconds_of() as took:
        reply = read(target, picture)
    must(reply.status_code in (200, 413, 415, 422) and took() < 2, f"{refusal(reply)} in {took():.2f} s")
    return f"{reply.status_code} in {took():.2f} s"


def twenty_at_once(target: Target) -> str:
    """Twenty pictures of 8,000 pixels squared at once."""
    body = {**TINY, "init_images": [base64.b64encode(large_png(8_000)).decode()]}
    before, most = target.memory(), 0.0

    def send(number: int) -> int:
        name = "alice" if number % 2 else "bob"
        with httpx.Client(base_url=target.address, auth=(name, f"pw-{name}"), timeout=300) as client:
            return client.post("/sdapi/v1/img2img", json=body).status_code

    with ThreadPoolExecutor(20) as pool:
        sent = [pool.submit(send, number) for number in range(20)]
        while not all(each.done() for each in sent):
            most = max(most, target.memory())
            time.sleep(0.05)
    statuses = sorted(each.result() for each in sent)
    must({*statuses} <= {200, 413, 422, 429}, f"{statuses}")
    must(most - before < 1500, f"{most - before:+.0f} MB at most")
    return f"{most - before:+.0f} MB at most; " + ", ".join(f"{statuses.count(s)} × {s}" for s in sorted({*statuses}))


ROWS = (
    Row("IMG-02", "headers of huge pictures", large_headers, alone=True),
    Row("IMG-04", "packed texts and profiles", packed_texts),
    Row("IMG-05", "a text of 30 MB", long_text, alone=True),
    Row("IMG-05b", "a text of 30 MB while pictures are made", long_text_beside_work, alone=True),
    Row("IMG-06", "texts made to be slow", slow_texts, alone=True),
    Row("IMG-09", "a GIF of 300 large frames", many_frames, alone=True),
    Row("IMG-10", "twenty pictures of 64 megapixels at once", twenty_at_once, alone=True),
)
