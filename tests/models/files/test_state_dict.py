"""Files that attack, lie or are broken: a typed error, in passing, and nothing in them is ever run."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from collections import OrderedDict

import pytest
import torch

from modules.base.errors import ModelCorrupt, ModelError, ModelUnsafe, ModelUnsupported
from modules.models.files.state_dict import read_state_dict


def st(header, data=b"", n=None):
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw) if n is None else n) + raw + data


def archive(stream, extra=(), method=zipfile.ZIP_STORED, root="archive"):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        file.writestr(f"{root}/data.pkl", stream)
        file.writestr(f"{root}/version", b"3\n")
        file.writestr(f"{root}/byteorder", b"little")
        for name, data in extra:
            file.writestr(name if "/" in name else f"{root}/{name}", data)
    return out.getvalue()


def entry(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def read(tmp_path, content, name="model.safetensors"):
    path = tmp_path / name
    path.write_bytes(content)
    return read_state_dict(path)


def whole_file():
    out = io.BytesIO()
    torch.save({"state_dict": {"w": torch.arange(1000.0)}}, out)
    return out.getvalue()


class Touch:
    """Creates a file when unpickled."""

    def __init__(self, canary, call):
        self.canary, self.call = canary, call

    def __reduce__(self):
        return self.call(self.canary)


def by_eval(canary):
    return eval, (f"open({canary!r}, 'w')",)


def by_system(canary):
    import os

    return os.system, (f"touch {canary}",)


@pytest.mark.parametrize("call", [by_eval, by_system], ids=["eval", "system"])
@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("name", ["x.ckpt", "x.safetensors", "x.pt"])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_payload_is_refused_and_not_run(tmp_path, call, protocol, name, zipped):
    canary = tmp_path / "canary"
    stream = pickle.dumps({"state_dict": Touch(str(canary), call)}, protocol)
    with pytest.raises(ModelError):
        read(tmp_path, archive(stream) if zipped else stream, name)
    assert not canary.exists()


@pytest.mark.parametrize(
    "stream",
    [
        b"cos\nsystem\n(S'touch {c}'\ntR.",
        b"(S'touch {c}'\nios\nsystem\n.",
        b"(cos\nsystem\nS'touch {c}'\no.",
        b"\x80\x02cos\nsystem\n(S'touch {c}'\nt\x81.",
        b"\x80\x02cpkgutil\nresolve_name\n(S'os:system'\ntR(S'touch {c}'\ntR.",
        b"\x80\x02Pbad\n.",
        b"\x80\x02\x82\x01.",
        b"cos\nsystem\n(S'touch {c}'\ntRgarbage",
    ],
    ids=["reduce", "inst", "obj", "newobj", "resolve_name", "persid", "ext", "then-garbage"],
)
def test_every_way_to_run_code_is_shut(tmp_path, stream):
    canary = tmp_path / "canary"
    with pytest.raises((ModelUnsafe, ModelCorrupt)):
        read(tmp_path, archive(stream.replace(b"{c}", str(canary).encode())), "x.ckpt")
    assert not canary.exists()


def test_an_unsafe_file_is_named_with_what_it_asks_for(tmp_path):
    with pytest.raises(ModelUnsafe, match=r"x\.ckpt.*system"):
        read(tmp_path, archive(b"\x80\x02cos\nsystem\nX\x01\x00\x00\x00a\x85R."), "x.ckpt")


def two_pickles():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file, pytest.warns(UserWarning):
        file.writestr("archive/data.pkl", pickle.dumps({}, 2))
        file.writestr("archive/data.pkl", pickle.dumps({}, 2))
    return out.getvalue()


def strided_bomb():
    """A tensor of 2^40 numbers over four."""
    storage = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04tQ"
    size = b"J\x00\x00\x10\x00J\x00\x00\x10\x00\x86"
    tensor = (
        b"ctorch._utils\n_rebuild_tensor_v2\n("
        + storage
        + b"K\x00"
        + size
        + b"K\x00K\x00\x86\x89ccollections\nOrderedDict\n)RtR"
    )
    return archive(b"\x80\x02}X\x01\x00\x00\x00w" + tensor + b"s.", [("data/0", b"\0" * 16)])


@pytest.mark.slow
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"1234567",
        b"\0" * 2**20,
        b"<!doctype html><html>login</html>" * 9,
        b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 1\n",
        whole_file()[: len(whole_file()) // 2],
        whole_file()[:-1],
        st({}, n=2**63),
        st({}, n=2**64 - 1),
        st(b"{" + b" " * 40_000_000 + b"}"),
        st(
            b"{"
            + b",".join(b'"t%d":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}' % i for i in range(300_000))
            + b"}"
        ),
        st(
            b'{"w":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
            b"\0\0\x80?",
        ),
        st({"a": entry("F32", [2], 0, 8), "b": entry("F32", [2], 4, 12)}, b"\0" * 12),
        st({"a": entry("F32", [1], 0, 4), "b": entry("F32", [1], 8, 12)}, b"\0" * 12),
        st({"a": entry("F32", [1], 4, 0)}, b"\0" * 4),
        st({"a": entry("F32", [-1], 0, 4)}, b"\0" * 4),
        st({"a": entry("F32", [9], 0, 36)}, b"\0" * 4),
        st({"a": entry("F32", [1], 0, 4)}, b"\0" * 9),
        st({"a": entry("F32", [2**40, 2**40], 0, 16)}, b"\0" * 16),
        st({"a": entry("F3", [1], 0, 4)}, b"\0" * 4),
        st(b"[]"),
        st({"__metadata__": {"a": 1}, "w": entry("U8", [1], 0, 1)}, b"\0"),
        st({"__metadata__": ["a"], "w": entry("U8", [1], 0, 1)}, b"\0"),
        two_pickles,
        archive(pickle.dumps({}, 2), [("data/0", b"\0" * 2**20)], zipfile.ZIP_DEFLATED),
        strided_bomb(),
        archive(b"\x80\x02](" + b"N" * 20_000_000 + b"e."),
        archive(b"\x80\x02" + b"]" * 200_000 + b"a" * 199_999 + b"."),
        archive(pickle.dumps({}, 2), [("other/evil.pt", b"x")]),
        whole_file()[:300] + b"X" + whole_file()[301:],
    ],
    ids=[
        "empty",
        "7-bytes",
        "zeros",
        "html",
        "lfs",
        "half",
        "last-byte",
        "2^63",
        "2^64-1",
        "spaces",
        "300000",
        "duplicate",
        "overlap",
        "hole",
        "end<begin",
        "negative",
        "beyond",
        "trailing",
        "overflow",
        "dtype",
        "list",
        "meta-int",
        "meta-list",
        "two-pickles",
        "deflated",
        "stride-0",
        "opcodes",
        "deep",
        "two-roots",
        "flipped",
    ],
)
def test_a_broken_file_is_called_so(tmp_path, content):
    content = content() if callable(content) else content
    with pytest.raises((ModelCorrupt, ModelUnsupported)) as caught:
        read(tmp_path, content, "x.ckpt" if content[:2] == b"PK" else "x.safetensors")
    assert str(caught.value).startswith("x.") and caught.value.hint


def test_a_flipped_byte_in_a_tensor_is_noticed(tmp_path):
    content = bytearray(whole_file())
    at = content.find(torch.arange(1000.0).numpy().tobytes()) + 400
    content[at] ^= 1
    with pytest.raises(ModelCorrupt, match="checksum"):
        read(tmp_path, bytes(content), "x.ckpt")


@pytest.mark.parametrize("tensor", [
    torch.zeros(2, dtype=torch.complex64), torch.eye(3).to_sparse(),
], ids=["complex", "sparse"])
def test_kinds_of_tensor_no_layer_takes_are_refused(tmp_path, tensor):
    out = io.BytesIO()
    torch.save({"w": tensor}, out)
    with pytest.raises(ModelError):
        read(tmp_path, out.getvalue(), "x.pt")


def test_torchscript_is_not_a_checkpoint(tmp_path):
    with pytest.raises(ModelUnsupported, match="TorchScript"):
        read(tmp_path, archive(pickle.dumps({}, 2), [("code/m.py", b""), ("constants.pkl", b"")]), "x.pt")


def test_content_decides_not_the_name(tmp_path):
    from safetensors.torch import save

    plain = save({"w": torch.ones(3)})
    assert torch.equal(read(tmp_path, plain, "x.ckpt").tensors["w"], torch.ones(3))
    assert torch.equal(read(tmp_path, whole_file(), "x.safetensors").tensors["w"], torch.arange(1000.0))


def test_ordered_parameters_are_welcome(tmp_path):
    out = io.BytesIO()
    torch.save(OrderedDict(w=torch.nn.Parameter(torch.ones(2))), out)
    assert torch.equal(read(tmp_path, out.getvalue(), "x.pt").tensors["w"], torch.ones(2))
