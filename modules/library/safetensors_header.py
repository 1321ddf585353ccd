"""The format of a model file by its content, and a safetensors header, which is not trusted. No torch.

Format: https://github.com/huggingface/safetensors — 8 bytes little-endian header length, a JSON header, the tensors.
"""

from __future__ import annotations

import json
import stat
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from modules.base.errors import ModelCorrupt, ModelUnsupported

LARGEST_HEADER = 32 * 2**20      # bytes; a real one of 10,000 tensors has about one million
MOST_TENSORS = 100_000
# counted by colons and commas, also those in texts: a tensor has 4 and about 8
MOST_NAMES, MOST_HEADER_VALUES = 5 * MOST_TENSORS, 20 * MOST_TENSORS
SIZES = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "I16": 2, "U16": 2, "F16": 2, "BF16": 2,
    "I32": 4, "U32": 4, "F32": 4, "I64": 8, "U64": 8, "F64": 8,
}
DOWNLOAD_AGAIN = "Download it again."


@dataclass(frozen=True)
class Header:
    """A safetensors header; shapes: tensor name → shape."""

    shapes: dict[str, tuple[int, ...]]
    metadata: dict[str, str]


def sniff(path: Path) -> str:
    """Return "safetensors", "zip" or "pickle", by the first bytes alone. Raises ModelCorrupt or ModelUnsupported."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):      # reading a pipe would wait, and a device has no end
            raise ModelUnsupported(f"{path.name} is not a file.", "Put a model's file there.")
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise ModelCorrupt(f"{path.name} cannot be read ({error.strerror}).", "Check who may read it.") from error
    if len(head) < 8:
        raise ModelCorrupt(f"{path.name} is empty.", DOWNLOAD_AGAIN)
    if head.lstrip()[:1] == b"<" or b"<html" in head[:256].lower():
        raise ModelCorrupt(
            f"{path.name} is a web page, not a model.", "The download failed or needs a login. " + DOWNLOAD_AGAIN
        )
    if head.startswith(b"version https://git-lfs"):
        raise ModelCorrupt(
            f"{path.name} is a Git LFS pointer, not the model itself.",
            "Run `git lfs pull`, or download the file itself.",
        )
    length = int.from_bytes(head[:8], "little")
    if head[8:9] == b"{" and 0 < length <= path.stat().st_size - 8:
        return "safetensors"
    if head.startswith(b"PK\x03\x04"):
        return "zip"
    if head.startswith(b"\x80") and head[1] <= 5:
        return "pickle"
    if head[257:262] == b"ustar":
        raise ModelUnsupported(
            f"{path.name} is a tar archive, a format no Stable Diffusion model uses.", "Convert it to safetensors."
        )
    raise ModelCorrupt(f"{path.name} is not a model file, or was cut off.", DOWNLOAD_AGAIN)


def is_named_safetensors(path: Path) -> bool:
    return path.suffix.casefold() == ".safetensors"


def read_header_metadata(path: Path) -> dict[str, str]:
    """Return the header's metadata. Where they stand first, as the library writes them, no tensor is looked at.

    Raises ModelCorrupt.
    """
    raw = raw_header(path)
    if not raw.startswith(METADATA_FIRST):
        return read_header(path).metadata
    try:
        found, _ = METADATA_READER.raw_decode(raw[len(METADATA_FIRST) :].decode("utf-8"))
    except (ValueError, RecursionError):
        return read_header(path).metadata      # which says what is wrong
    return checked_metadata(path.name, found)


def read_header(path: Path) -> Header:
    """Return the header, with all the checks that the library leaves out. Raises ModelCorrupt."""
    raw = raw_header(path)
    return check_header(path.name, parse_header(path.name, raw), path.stat().st_size - 8 - len(raw))


def raw_header(path: Path) -> bytes:
    """Return the header's JSON. Raises ModelCorrupt."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > min(LARGEST_HEADER, size - 8):
            raise ModelCorrupt(f"{path.name}: its header claims {length} bytes.", DOWNLOAD_AGAIN)
        raw = file.read(length)
    if len(raw.rstrip()) < len(raw) - 4096:
        raise ModelCorrupt(f"{path.name}: its header is padded beyond measure.", DOWNLOAD_AGAIN)
    return raw


def parse_header(name: str, raw: bytes) -> dict[str, Any]:
    if (
        raw.count(b"data_offsets") > MOST_TENSORS
        or raw.count(b":") > MOST_NAMES
        or raw.count(b",") > MOST_HEADER_VALUES
    ):
        raise ModelCorrupt(f"{name}: it claims more than {MOST_TENSORS:,} tensors.", DOWNLOAD_AGAIN)
    try:
        header = json.loads(raw, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise ModelCorrupt(
            f"{name}: its header is not what a safetensors file has ({error}).", DOWNLOAD_AGAIN
        ) from error
    if not isinstance(header, dict):
        raise ModelCorrupt(f"{name}: its header is not a JSON object.", DOWNLOAD_AGAIN)
    return header


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands there twice")
    return found


def check_header(name: str, header: dict[str, Any], data: int) -> Header:
    """Check that the tensors fill the `data` bytes after the header exactly, each as long as its shape says."""
    metadata = checked_metadata(name, header.pop("__metadata__", {}))
    spans, shapes = [], {}
    for key, entry in header.items():
        try:
            shape, (begin, end), width = tuple(entry["shape"]), entry["data_offsets"], SIZES[entry["dtype"]]
            numbers = (*shape, begin, end)
            whole = ONLY_WHOLE.issuperset(map(type, numbers))
            sound = whole and min(numbers) >= 0 and end - begin == prod(shape) * width
        except (KeyError, TypeError, ValueError):
            sound = False
        if not sound:
            raise ModelCorrupt(f"{name}: the entry of tensor {key!r:.80} makes no sense.", DOWNLOAD_AGAIN)
        spans.append((begin, end))
        shapes[key] = shape
    reached = 0
    for begin, end in sorted(spans):
        if begin != reached:
            raise ModelCorrupt(f"{name}: its tensors overlap or leave a hole at byte {reached}.", DOWNLOAD_AGAIN)
        reached = end
    if reached != data:
        raise ModelCorrupt(f"{name} was cut off or has bytes too many: {data} of {reached}.", DOWNLOAD_AGAIN)
    return Header(shapes, metadata)


def checked_metadata(name: str, metadata: Any) -> dict[str, str]:
    """Return metadata that are texts by name. Raises ModelCorrupt."""
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ModelCorrupt(f"{name}: its metadata is not text.", DOWNLOAD_AGAIN)
    return {clean(key): clean(value) for key, value in metadata.items()}


METADATA_FIRST = b'{"__metadata__":'
METADATA_READER = json.JSONDecoder(object_pairs_hook=unique)
ONLY_WHOLE = frozenset({int})


def clean(text: str) -> str:
    """Return the text without lone surrogates, which neither JSON nor a database can hold."""
    return text.encode("utf-8", "replace").decode()
