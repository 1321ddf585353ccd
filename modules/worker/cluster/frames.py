"""What a machine of the cluster sends: a message's line (engine/wire.py), and the files that go with it.

JSON and bytes, no pickles: a frame is the message's line, a line that lists the files, and their contents.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Frame:
    """A message and its files: path, relative to the sender's data folder, with `/` → content."""

    line: bytes
    files: Mapping[str, bytes] = field(default_factory=dict)


def packed_frame(frame: Frame) -> bytes:
    listed = json.dumps([[name, len(content)] for name, content in frame.files.items()]).encode()
    return b"".join([frame.line.rstrip(b"\n"), b"\n", listed, b"\n", *frame.files.values()])


def unpacked_frame(content: bytes) -> Frame:
    """The opposite of `packed_frame`. Raises ValueError for what is no frame."""
    line, _, rest = content.partition(b"\n")
    listed, newline, blobs = rest.partition(b"\n")
    files, begin = {}, 0
    for name, size in json.loads(listed) if newline else ():
        files[str(name)] = blobs[begin : begin + int(size)]
        begin += int(size)
    if not newline or begin != len(blobs):
        raise ValueError(f"not a frame: {content[:100]!r}")
    return Frame(line + b"\n", files)
