"""Reading tensors from model files of any age, without running anything in them.

safetensors is memory-mapped after our own header checks; pickles go through torch's `weights_only` reader alone, after
our own checks.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from modules.base.border import outcome
from modules.base.errors import ModelCorrupt, ModelUnsafe, ModelUnsupported
from modules.library.safetensors_header import DOWNLOAD_AGAIN, is_named_safetensors, read_header, sniff
from modules.models.files.pickle_check import CONVERT, IGNORED_TYPES, check_stream

LARGEST_PICKLE = 64 * 2**20      # bytes of the object stream; the tensors lie beside it
# of torch before 1.6: magic number, version, system, objects, names of the tensors after it
LEGACY_PICKLES = 5
TRAINING_WRAPPERS = "state_dict", "model", "depth_model"      # around the weights in files of training
PARALLEL = "module."      # before all names in files of networks that were trained on several devices


class IgnoredObject:
    """A substitute for objects in training checkpoints beside their weights, which are neither made nor imported."""

    def __init__(self, *_: Any) -> None:
        """Ignore the arguments."""

    def __setstate__(self, _: Any) -> None:
        """Ignore the state."""


# a global, and the name under which it is allowed
Allowed: TypeAlias = Callable[..., Any] | tuple[Callable[..., Any], str]
ALLOWED: list[Allowed] = [torch.nn.ParameterDict, *((IgnoredObject, name) for name in IGNORED_TYPES)]


@dataclass(frozen=True)
class StateDict:
    """A file's tensors by name, and its metadata if it has any."""

    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str]


def read_state_dict(path: Path) -> StateDict:
    """Read a file by its content, whatever its name.

    Raises ModelCorrupt, ModelUnsafe or ModelUnsupported, each naming the file.
    """
    if sniff(path) == "safetensors":
        metadata = read_header(path).metadata
        try:
            return StateDict(load_file(path), metadata)
        except SafetensorError as error:
            raise ModelCorrupt(f"{path.name}: {error}.", DOWNLOAD_AGAIN) from error
    return StateDict(tensors_in(path.name, read_pickle(path)), {})


def read_plain_object(path: Path) -> Any:
    """Read a small model file: tensors by name, or a pickle's plain values. Raises as `read_state_dict` does."""
    return read_state_dict(path).tensors if sniff(path) == "safetensors" else read_pickle(path)


def read_pickle(path: Path) -> Any:
    """Read a pickle's plain values: tables, lists and checked tensors. Raises as `read_state_dict` does."""
    content = checked_pickle(path)
    try:
        content = plain_value(content, {})
    except RecursionError as error:
        raise ModelCorrupt(f"{path.name}: its object stream is nested beyond measure.", DOWNLOAD_AGAIN) from error
    check_tensors(path, dict(tensors_within("", content, set())))
    return content


def read_pickle_standing_in(path: Path, names: re.Pattern[str], stand_in: type) -> Any:
    """Read a pickle in which objects of classes with such names stand: each is a `stand_in`, given its state.

    None of the classes is imported or called. Raises as `read_state_dict` does; tensors are yet to be checked.
    """
    with torch.serialization.safe_globals(ALLOWED):
        asked = outcome(torch.serialization.get_unsafe_globals_in_checkpoint, path)
    found = [] if isinstance(asked, Exception) else [name for name in asked if names.fullmatch(name)]
    return checked_pickle(path, [(stand_in, name) for name in found])


def checked_pickle(path: Path, also: Sequence[tuple[type, str]] = ()) -> Any:
    """Return what torch reads of a pickle that passed our checks; `also` are stand-ins, by the names they stand for."""
    kind = sniff(path)
    names = frozenset(name for _, name in also)
    if kind == "zip":
        check_zip(path, names)
    else:
        check_legacy(path, names)
    return unpickled(path, mapped=kind == "zip", also=also)


def check_zip(path: Path, also: frozenset[str] = frozenset()) -> None:
    """Refuse an archive that is not torch's: stored members under one root, `data.pkl` once.

    also: names of classes that may be asked for
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            stream = pickle_of(path.name, members)
            broken = archive.testzip()
            raw = archive.read(stream) if stream.file_size <= LARGEST_PICKLE else b""
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise ModelCorrupt(f"{path.name} is damaged or was cut off ({error}).", DOWNLOAD_AGAIN) from error
    if broken:
        raise ModelCorrupt(f"{path.name} is damaged: the checksum of {broken!r:.80} does not fit.", DOWNLOAD_AGAIN)
    if not raw:
        raise ModelCorrupt(f"{path.name}: its object stream is larger than any model's.", DOWNLOAD_AGAIN)
    check_stream(path.name, io.BytesIO(raw), also=also)


def check_legacy(path: Path, also: frozenset[str] = frozenset()) -> None:
    """Check the object streams at the head of a file of torch before 1.6; only tensors follow them."""
    with path.open("rb") as file:
        check_stream(path.name, io.BytesIO(file.read(LARGEST_PICKLE)), LEGACY_PICKLES, also)


def pickle_of(name: str, members: list[zipfile.ZipInfo]) -> zipfile.ZipInfo:
    names = [member.filename for member in members]
    streams = [member for member in members if member.filename.endswith("/data.pkl")]
    if any("/code/" in member or member.endswith("constants.pkl") for member in names):
        raise ModelUnsupported(f"{name} is a TorchScript program, not a checkpoint.", CONVERT)
    if len(names) != len(set(names)) or len(streams) != 1:
        raise ModelCorrupt(f"{name} is not an archive as torch writes it: its members are ambiguous.", DOWNLOAD_AGAIN)
    root = streams[0].filename.split("/")[0]
    for member in members:
        if member.compress_type != zipfile.ZIP_STORED or member.filename.split("/")[0] != root:
            raise ModelCorrupt(f"{name} is not an archive as torch writes it: {member.filename!r:.80}.", DOWNLOAD_AGAIN)
    return streams[0]


def unpickled(path: Path, mapped: bool, also: Sequence[tuple[type, str]] = ()) -> Any:
    """Read by torch, without the file's name: a name in .safetensors would change torch's reader."""
    try:
        with torch.serialization.safe_globals([*ALLOWED, *also]), path.open("rb") as file:
            named = not is_named_safetensors(path)
            return torch.load(
                path if named else file, map_location="cpu", weights_only=True, mmap=(mapped and named) or None
            )
    except Exception as error:       # noqa: BLE001  torch raises whatever its parts raise; which of ours that is, it decides
        raise_read_error(path, error)


def raise_read_error(path: Path, error: Exception) -> NoReturn:
    text = str(error)
    if "weights_only" in text.lower() or "Unsupported" in text or "GLOBAL" in text:
        raise ModelUnsafe(f"{path.name} asks to run code: {unsafe_names(path)}. It was not opened.", CONVERT) from error
    raise ModelCorrupt(f"{path.name} is damaged or was cut off ({type(error).__name__}).", DOWNLOAD_AGAIN) from error


def unsafe_names(path: Path) -> str:
    with torch.serialization.safe_globals(ALLOWED):
        names = outcome(torch.serialization.get_unsafe_globals_in_checkpoint, path)
    if isinstance(names, Exception):       # the same broken file: any of its errors will do
        names = []
    return ", ".join(names[:3]) or "an object that is not a tensor"


def plain_value(value: Any, seen: dict[int, Any]) -> Any:
    """Convert to plain tables and lists, with texts and whole numbers as keys; other entries are left out.

    seen: the result of each container met so far, by its id: one may be reached in many ways, or contain itself
    """
    if isinstance(value, torch.nn.ParameterDict):
        value = vars(value).get("_parameters")
    if not isinstance(value, dict | list | tuple) or id(value) in seen:
        return seen.get(id(value), value)
    made: Any = {} if isinstance(value, dict) else []
    seen[id(value)] = made
    if isinstance(value, dict):
        made |= {key: plain_value(item, seen) for key, item in dict.items(value) if isinstance(key, str | int)}
    else:
        made += [plain_value(item, seen) for item in value]
    return made


def tensors_within(place: str, value: Any, seen: set[int]) -> Iterator[tuple[str, Tensor]]:
    """Yield all tensors of a plain value by their places in it, `state_dict.w`."""
    if isinstance(value, Tensor):
        yield place, value
    elif isinstance(value, dict | list) and id(value) not in seen:
        seen.add(id(value))
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from tensors_within(f"{place}.{key}" if place else str(key), item, seen)


def tensors_in(name: str, content: Any) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint's plain values: those of TRAINING_WRAPPERS unwrapped, all else left out."""
    if isinstance(content, dict):
        content = next((content[name] for name in TRAINING_WRAPPERS if isinstance(content.get(name), dict)), content)
    if not isinstance(content, dict):
        raise ModelUnsupported(f"{name} holds no table of weights.", CONVERT)
    tensors = {str(key): value for key, value in content.items() if isinstance(value, Tensor)}
    if not tensors:
        raise ModelUnsupported(f"{name} holds no weights.", CONVERT)
    return tensors


def check_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Refuse tensors that claim more numbers than they have, or together than the file has, and unusable types."""
    storages: dict[int, int] = {}
    for key, tensor in tensors.items():
        check_tensor(path.name, key, tensor)
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
    if sum(storages.values()) > path.stat().st_size:
        raise ModelCorrupt(f"{path.name}: its tensors claim more numbers than the file holds.", DOWNLOAD_AGAIN)


def check_tensor(name: str, key: str, tensor: Tensor) -> None:
    odd = (
        tensor.layout is not torch.strided or tensor.is_quantized or tensor.is_complex() or tensor.device.type != "cpu"
    )
    if odd or type(tensor) not in (Tensor, torch.nn.Parameter):
        raise ModelUnsupported(f"{name}: the tensor {key!r:.80} is of a kind Easel cannot use.", CONVERT)
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise ModelCorrupt(f"{name}: the tensor {key!r:.80} claims more numbers than the file holds.", DOWNLOAD_AGAIN)
