"""Checkpoints as streams: one tensor in memory at a time, read lazily, written as safetensors.

Format (github.com/huggingface/safetensors): eight bytes of length, a JSON header of names, types, shapes and places,
the tensors.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from modules.base.errors import ModelCorrupt
from modules.base.files import NewFile
from modules.library.safetensors_header import DOWNLOAD_AGAIN, read_header, sniff
from modules.models.files.state_dict import read_state_dict

DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
    "U64": torch.uint64,
    "U32": torch.uint32,
    "U16": torch.uint16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}


@dataclass(frozen=True)
class TensorEntry:
    """A tensor's name, type and shape before it is made."""

    dtype: torch.dtype
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        count = 1
        for side in self.shape:
            count *= side
        return count * self.dtype.itemsize


class Source(Protocol):
    """A file's tensors by name; `entries` reads no tensor, `tensor` reads one."""

    @property
    def entries(self) -> Mapping[str, TensorEntry]: ...

    @property
    def metadata(self) -> Mapping[str, str]: ...

    def tensor(self, name: str) -> Tensor: ...


@dataclass(frozen=True)
class Mapped:
    """A safetensors file."""

    file: Any
    entries: Mapping[str, TensorEntry]
    metadata: Mapping[str, str]

    def tensor(self, name: str) -> Tensor:
        return self.file.get_tensor(name)


@dataclass(frozen=True)
class Held:
    """An old pickled file, whose tensors torch maps as well if it can."""

    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str]

    @property
    def entries(self) -> Mapping[str, TensorEntry]:
        return {name: TensorEntry(tensor.dtype, tuple(tensor.shape)) for name, tensor in self.tensors.items()}

    def tensor(self, name: str) -> Tensor:
        return self.tensors[name]


@contextmanager
def opened(path: Path) -> Iterator[Source]:
    """Open a file as a source. Raises ModelError, naming the file."""
    if sniff(path) != "safetensors":
        weights = read_state_dict(path)
        yield Held(weights.tensors, weights.metadata)
        return
    header = read_header(path)
    try:
        with safe_open(path, "pt") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118  it is no mapping
            entries = {
                name: TensorEntry(DTYPES[part.get_dtype()], tuple(part.get_shape())) for name, part in slices.items()
            }
            yield Mapped(file, entries, header.metadata)
    except SafetensorError as error:
        raise ModelCorrupt(f"{path.name}: {error}.", DOWNLOAD_AGAIN) from error


Make = Callable[[str], Tensor]      # makes a tensor by its name, as in its entry


def write(
    out: NewFile,
    entries: Mapping[str, TensorEntry],
    make: Make,
    metadata: Mapping[str, str],
    told: Callable[[int, int], None],
) -> None:
    """Write a safetensors file whole or not at all; each tensor is made, written and freed.

    told: called as `told(done, of)` with bytes before each tensor; its exceptions end the writing
    Raises DiskFull, Unwritable, or Invalid if there is such a file by now.
    """
    def parts() -> Iterator[bytes | memoryview]:
        done, size = 0, sum(entry.size for entry in entries.values())
        yield header_of(entries, metadata)
        for name, entry in entries.items():
            told(done, size)
            yield raw(make(name), entry)
            done += entry.size

    out.write(parts())


def header_of(entries: Mapping[str, TensorEntry], metadata: Mapping[str, str]) -> bytes:
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    place = 0
    for name, entry in entries.items():
        header[name] = {
            "dtype": NAMES[entry.dtype],
            "shape": list(entry.shape),
            "data_offsets": [place, place + entry.size],
        }
        place += entry.size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)      # tensors begin at a multiple of eight
    return len(text).to_bytes(8, "little") + text


def raw(tensor: Tensor, entry: TensorEntry) -> memoryview:
    assert (tensor.dtype, tuple(tensor.shape)) == (entry.dtype, entry.shape), "a tensor is not what was announced"
    return tensor.contiguous().flatten().view(torch.uint8).numpy().data
