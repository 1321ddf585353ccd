"""A former file as its difference from the later one: metadata change, and the picture's bytes are in both."""

from __future__ import annotations

import json
import zlib
from os.path import commonprefix

SMALLEST_BLOCK = 1024      # bytes that are looked for as a whole
MOST_BLOCKS = 4096         # of a file
MOST_SCANNED = 2**32       # bytes looked through in vain, half a second's; what is left is kept as it is
HEAD_BYTES = 8             # of the length of the list of parts


def delta_of(former: bytes, later: bytes) -> bytes:
    """Return what is needed to make the former file out of the later one."""
    tail = common_tail(former, later)
    body = former[: len(former) - tail]
    size = max(SMALLEST_BLOCK, -(-len(body) // MOST_BLOCKS))
    parts: list[tuple[int, int]] = []      # place in the later file and length; place -1 is among the bytes kept
    kept, place, searched, scanned = bytearray(), 0, 0, 0
    while place < len(body):
        found = later.find(body[place : place + size], searched) if scanned < MOST_SCANNED else -1
        if found < 0:
            add_kept(parts, kept, body[place : place + size])
            place += size
            scanned += len(later) - searched
            continue
        back = common_end(kept[-size:] if parts and parts[-1][0] < 0 else b"", later[searched:found], parts)
        if back:
            del kept[-back:]
            shorten_last(parts, back)
        length = common_start(body, place, later, found)
        parts.append((found - back, length + back))
        place, searched = place + length, found + length
    parts.append((len(later) - tail, tail))
    head = json.dumps(parts).encode()
    return len(head).to_bytes(HEAD_BYTES, "big") + head + zlib.compress(bytes(kept))


def add_kept(parts: list[tuple[int, int]], kept: bytearray, block: bytes) -> None:
    kept += block
    if parts and parts[-1][0] < 0:
        parts[-1] = (-1, parts[-1][1] + len(block))
    else:
        parts.append((-1, len(block)))


def common_end(one: bytes | bytearray, other: bytes, parts: list[tuple[int, int]]) -> int:
    most = min(len(one), len(other), parts[-1][1] if parts else 0)
    return len(commonprefix([bytes(one[len(one) - most :])[::-1], other[len(other) - most :][::-1]])) if most else 0


def shorten_last(parts: list[tuple[int, int]], by: int) -> None:
    place, length = parts.pop()
    if length > by:
        parts.append((place, length - by))


def common_start(one: bytes, place: int, other: bytes, found: int) -> int:
    """Return how many bytes are the same from two places on."""
    length, step = 0, 2**16
    while step:
        here = one[place + length : place + length + step]
        if len(here) == step and here == other[found + length : found + length + step]:
            length += step
        else:
            step //= 2
    return length


def common_tail(one: bytes, other: bytes) -> int:
    """Return how many bytes are the same at two ends."""
    length, step, most = 0, 2**16, min(len(one), len(other))
    while step:
        more = length + step
        if more <= most and one[len(one) - more : len(one) - length] == other[len(other) - more : len(other) - length]:
            length = more
        else:
            step //= 2
    return length


def undone(delta: bytes, later: bytes) -> bytes:
    """Return the former file."""
    start = HEAD_BYTES + int.from_bytes(delta[:HEAD_BYTES], "big")
    kept, taken, result = zlib.decompress(delta[start:]), 0, []
    for place, length in json.loads(delta[HEAD_BYTES:start]):
        if place < 0:
            result.append(kept[taken : taken + length])
            taken += length
        else:
            result.append(later[place : place + length])
    return b"".join(result)
