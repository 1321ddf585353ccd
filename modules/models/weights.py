"""Tensors from a model file of any age, without running anything in it.

safetensors is memory-mapped after our own header checks; pickles go through torch's `weights_only` reader alone.
"""

from __future__ import annotations

import io
import pickletools
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from modules.base.errors import ModelCorrupt, ModelUnsafe, ModelUnsupported
from modules.models.header import AGAIN, read_header, sniff

LARGEST_PICKLE = 64 * 2**20      # bytes of the object stream; the tensors lie beside it
MOST_OPCODES = 2_000_000
CONVERT = "Ask for a safetensors version, or convert it on a machine you do not mind losing."


class ModelCheckpoint:
    """Stands in for pytorch-lightning's class of that name, which old training checkpoints mention."""


ALLOWED = [
    (ModelCheckpoint, "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint"),
    torch.nn.ParameterDict,
    np._core.multiarray.scalar,
    np.dtype,
    np.dtypes.Float64DType,
    np.dtypes.Float32DType,
    np.dtypes.Int64DType,
]


@dataclass(frozen=True)
class Weights:
    """A file's tensors by name, and its metadata if it has any."""

    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str]


def read_weights(path: Path) -> Weights:
    """What the file holds, by its content whatever it is called.

    Raises ModelCorrupt, ModelUnsafe or ModelUnsupported, each naming the file.
    """
    if sniff(path) == "safetensors":
        metadata = read_header(path).metadata
        try:
            return Weights(load_file(path), metadata)
        except SafetensorError as error:
            raise ModelCorrupt(f"{path.name}: {error}.", AGAIN) from error
    return Weights(tensors_in(path.name, read_pickle(path)), {})


def read_object(path: Path) -> Any:
    """What small model files of any age hold: tensors by name, or a pickle's plain values. Raises as `read_weights` does."""
    return read_weights(path).tensors if sniff(path) == "safetensors" else read_pickle(path)


def read_pickle(path: Path) -> Any:
    kind = sniff(path)
    if kind == "zip":
        check_zip(path)
    else:
        with path.open("rb") as file:
            count_opcodes(path.name, file.read(LARGEST_PICKLE))
    return unpickled(path, mapped=kind == "zip")


def check_zip(path: Path) -> None:
    """torch's own archives hold stored members under one root, `data.pkl` once; anything else is refused unread."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            stream = pickle_of(path.name, members)
            broken = archive.testzip()
            raw = archive.read(stream) if stream.file_size <= LARGEST_PICKLE else b""
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise ModelCorrupt(f"{path.name} is damaged or was cut off ({error}).", AGAIN) from error
    if broken:
        raise ModelCorrupt(f"{path.name} is damaged: the checksum of {broken!r:.80} does not fit.", AGAIN)
    if not raw:
        raise ModelCorrupt(f"{path.name}: its object stream is larger than any model's.", AGAIN)
    count_opcodes(path.name, raw)


def pickle_of(name: str, members: list[zipfile.ZipInfo]) -> zipfile.ZipInfo:
    names = [member.filename for member in members]
    streams = [member for member in members if member.filename.endswith("/data.pkl")]
    if any("/code/" in member or member.endswith("constants.pkl") for member in names):
        raise ModelUnsupported(f"{name} is a TorchScript program, not a checkpoint.", CONVERT)
    if len(names) != len(set(names)) or len(streams) != 1:
        raise ModelCorrupt(f"{name} is not an archive as torch writes it: its members are ambiguous.", AGAIN)
    root = streams[0].filename.split("/")[0]
    for member in members:
        if member.compress_type != zipfile.ZIP_STORED or member.filename.split("/")[0] != root:
            raise ModelCorrupt(f"{name} is not an archive as torch writes it: {member.filename!r:.80}.", AGAIN)
    return streams[0]


def count_opcodes(name: str, raw: bytes) -> None:
    """Refuse streams that take minutes to read. `raw` may be cut; what lies beyond is tensors."""
    try:
        for count, _ in enumerate(pickletools.genops(io.BytesIO(raw))):
            if count > MOST_OPCODES:
                raise ModelCorrupt(f"{name}: its object stream is longer than any model's.", AGAIN)
    except (ValueError, IndexError):
        return      # torch's reader will say what is wrong with it


def unpickled(path: Path, mapped: bool) -> Any:
    """torch's reader; it believes a name that ends in .safetensors, so such a file is handed over without its name."""
    try:
        with torch.serialization.safe_globals(ALLOWED), path.open("rb") as file:
            named = path.suffix != ".safetensors"
            return torch.load(path if named else file, map_location="cpu", weights_only=True, mmap=(mapped and named) or None)
    except Exception as error:       # torch raises whatever its parts raise; which of ours it becomes is decided there
        refused(path, error)


def refused(path: Path, error: Exception) -> NoReturn:
    text = str(error)
    if "weights_only" in text.lower() or "Unsupported" in text or "GLOBAL" in text:
        raise ModelUnsafe(f"{path.name} asks to run code: {unsafe_names(path)}. It was not opened.", CONVERT) from error
    raise ModelCorrupt(f"{path.name} is damaged or was cut off ({type(error).__name__}).", AGAIN) from error


def unsafe_names(path: Path) -> str:
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:       # the same broken file: any reason will do
        names = []
    return ", ".join(names[:3]) or "an object that is not a tensor"


def tensors_in(name: str, content: Any) -> dict[str, Tensor]:
    """The plain tensors of a checkpoint: `state_dict` unwrapped, everything else left out."""
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping):
        raise ModelUnsupported(f"{name} holds no table of weights.", CONVERT)
    tensors = {str(key): value for key, value in content.items() if isinstance(value, Tensor)}
    if not tensors:
        raise ModelUnsupported(f"{name} holds no weights.", CONVERT)
    for key, tensor in tensors.items():
        check_tensor(name, key, tensor)
    return tensors


def check_tensor(name: str, key: str, tensor: Tensor) -> None:
    """Refuse tensors that claim more elements than they have, and kinds that no layer takes."""
    if tensor.layout is not torch.strided or tensor.is_quantized or tensor.is_complex() or type(tensor) not in (Tensor, torch.nn.Parameter):
        raise ModelUnsupported(f"{name}: the tensor {key!r:.80} is of a kind Easel cannot use.", CONVERT)
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise ModelCorrupt(f"{name}: the tensor {key!r:.80} claims more numbers than the file holds.", AGAIN)
