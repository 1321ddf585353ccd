"""Pickles that run nothing, and ask their reader for too much: refused before it is asked."""

from __future__ import annotations

import io
import pickle
import sys
import zipfile
from struct import pack
from types import ModuleType

import numpy as np
import pytest
import torch
from torch.serialization import MAGIC_NUMBER, PROTOCOL_VERSION

from modules.base.errors import ModelCorrupt, ModelError, ModelUnsafe, ModelUnsupported
from modules.models.files.state_dict import read_plain_object, read_state_dict

READERS = (read_state_dict, read_plain_object)
NONE_KEPT = b"\x80\x02}"       # an empty table, to be given one entry
STORED = b"\0" * 16            # four float32


def archive(stream):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, content in (("data.pkl", stream), ("version", b"3\n"), ("byteorder", b"little"), ("data/0", STORED)):
            file.writestr(f"archive/{name}", content)
    return out.getvalue()


def text(word):
    raw = word.encode()
    return b"X" + pack("<I", len(raw)) + raw


def number(n):
    raw = pickle.encode_long(n)
    return b"\x8a" + bytes([len(raw)]) + raw


def several(*items):
    return b"(" + b"".join(items) + b"t"


def called(name, *arguments):
    module, _, function = name.rpartition(".")
    return f"c{module}\n{function}\n".encode() + several(*arguments) + b"R"


def tensor(size, stride, kind="FloatStorage", held=4):
    storage = several(text("storage"), f"ctorch\n{kind}\n".encode(), text("0"), text("cpu"), number(held)) + b"Q"
    shape = several(*map(number, size)), several(*map(number, stride))
    return called(
        "torch._utils._rebuild_tensor_v2", storage, number(0), *shape, b"\x89", called("collections.OrderedDict")
    )


def table(value, key="w"):
    return NONE_KEPT + text(key) + value + b"s."


def legacy(stream, tensors=()):
    head = (
        MAGIC_NUMBER,
        PROTOCOL_VERSION,
        {"protocol_version": PROTOCOL_VERSION, "little_endian": True, "type_sizes": {}},
    )
    return b"".join(pickle.dumps(part, 2) for part in head) + stream + pickle.dumps(list(tensors), 2)


def doubled(times):
    """A tuple of twice the one before it, again and again: 2^times values, each hashed anew."""
    return b")q\0" + b"".join(b"h" + bytes([n]) + b"h" + bytes([n]) + b"\x86q" + bytes([n + 1]) for n in range(times))


def shadowing():
    """A table whose own attributes hide its methods."""
    return (
        b"\x80\x02" + called("collections.OrderedDict") + b"}(" + text("items") + b"K\x01" + text("get") + b"K\x01ub."
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "error"),
    [
        (archive(NONE_KEPT + b")" + b"\x85" * 200_000 + b"Ns."), ModelCorrupt),
        (archive(NONE_KEPT + doubled(80) + b"Ns."), ModelCorrupt),
        (archive(b"\x80\x02" + b"]" * 200_000 + b"a" * 199_999 + b"."), ModelCorrupt),
        (legacy(b"\x80\x02](" + b"N" * 5_000_000 + b"e."), ModelCorrupt),
        (archive(table(called("builtins.bytearray", number(10**11)))), ModelUnsafe),
        (archive(table(called("torch.FloatTensor", number(2**40)))), ModelUnsafe),
        (archive(table(called("_codecs.encode", text("\u00fc" * 2000), text("punycode")))), ModelUnsafe),
        (
            archive(
                table(
                    called(
                        "torch._utils._rebuild_meta_tensor_no_storage",
                        b"ctorch\nfloat32\n",
                        several(number(4)),
                        several(number(1)),
                        b"\x89",
                    )
                )
            ),
            ModelUnsafe,
        ),
        (archive(table(tensor((2**20, 2**20), (0, 0)))), ModelCorrupt),
        (
            archive(table(table(tensor((2**24, 64), (0, 0), "HalfStorage", 8), "*")[2:-1], "string_to_param")),
            ModelCorrupt,
        ),
        (archive(table(called("torch._utils._rebuild_tensor_v2"))), ModelCorrupt),
    ],
    ids=[
        "tuples-as-a-key",
        "doubling",
        "lists",
        "legacy-opcodes",
        "bytearray",
        "unfilled",
        "punycode",
        "meta",
        "stride-0",
        "stride-0-within",
        "no-operands",
    ],
)
@pytest.mark.parametrize("reader", READERS)
def test_more_than_a_model_needs_is_refused(tmp_path, content, error, reader):
    path = tmp_path / "x.pt"
    path.write_bytes(content)
    with pytest.raises(error, match=r"^x\.pt") as caught:
        reader(path)
    assert caught.value.hint


def test_tensors_that_are_named_and_not_there_are_missed(tmp_path):
    path = tmp_path / "x.ckpt"
    storage = several(text("storage"), b"ctorch\nFloatStorage\n", text("0"), text("cpu"), number(2**20), b"N") + b"Q"
    made = called(
        "torch._utils._rebuild_tensor_v2",
        storage,
        number(0),
        several(number(2**20)),
        several(number(1)),
        b"\x89",
        called("collections.OrderedDict"),
    )
    path.write_bytes(legacy(table(made)))
    with pytest.raises(ModelCorrupt, match="more numbers than the file holds"):
        read_state_dict(path)


def test_a_table_that_hides_its_methods_or_holds_itself_is_read(tmp_path):
    path = tmp_path / "x.ckpt"
    path.write_bytes(archive(shadowing()))
    with pytest.raises(ModelUnsupported):
        read_state_dict(path)
    path.write_bytes(archive(b"\x80\x02}q\0(" + text("state_dict") + b"h\0" + text("w") + tensor((4,), (1,)) + b"u."))
    assert list(read_state_dict(path).tensors) == ["w"]


class ModelCheckpoint:
    __module__ = "pytorch_lightning.callbacks.model_checkpoint"


@pytest.mark.parametrize("numpy_called", [b"numpy.core.multiarray", b"numpy._core.multiarray"])
def test_what_trainers_keep_beside_the_weights_is_passed_over(tmp_path, monkeypatch, numpy_called):
    """As in Stable Diffusion 1.4: callbacks by their class, settings, and NumPy's numbers,
    under NumPy's old names and new.
    """
    parts = ModelCheckpoint.__module__.split(".")
    for end in range(1, len(parts) + 1):
        monkeypatch.setitem(sys.modules, ".".join(parts[:end]), ModuleType(parts[end - 1]))
    sys.modules[ModelCheckpoint.__module__].ModelCheckpoint = ModelCheckpoint
    out = io.BytesIO()
    best = {"score": np.float64(0.5), "steps": np.int64(3)}
    settings = {"device": torch.device("cuda:0"), "dtype": torch.float16, "size": torch.Size((1, 2)), "names": {"a"}}
    torch.save(
        {"state_dict": {"w": torch.arange(4.0)}, "callbacks": {ModelCheckpoint: best}, "hyper_parameters": settings},
        out,
    )
    with zipfile.ZipFile(out) as saved:
        stream = next(saved.read(name) for name in saved.namelist() if name.endswith("data.pkl"))
    path = tmp_path / "x.ckpt"
    stream = stream.replace(b"numpy._core.multiarray", numpy_called).replace(b"numpy.core.multiarray", numpy_called)
    path.write_bytes(archive(stream))
    assert list(read_state_dict(path).tensors) == ["w"]


def test_a_cut_stream_is_called_so(tmp_path):
    path = tmp_path / "x.pt"
    path.write_bytes(archive(table(tensor((4,), (1,)))[:-40]))
    with pytest.raises(ModelError, match=r"^x\.pt"):
        read_state_dict(path)
