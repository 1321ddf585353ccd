"""ncnn's two files, written here by the format's description, come back as the weights they were."""

from __future__ import annotations

import struct

import pytest
import torch
from safetensors import safe_open

from modules.base.errors import ModelCorrupt, ModelUnsupported
from modules.models.upscaling.convert_ncnn import SHIPPED, convert_ncnn, main
from modules.models.upscaling.read_state import read_state
from tests.models.upscaling.networks import rrdb_state, srvgg_state

FP16, FP32 = struct.pack("<I", 0x01306B47), struct.pack("<I", 0)


def write_ncnn(folder, name, state, half=True):
    """Convolutions and slopes in the state's order; other layers hold no numbers."""
    lines, numbers = ["7767517", "9 9", "Input input 0 1 data"], b""
    for key in (key for key in state if key.endswith(".weight")):
        weight, bias = state[key], state.get(key.replace(".weight", ".bias"))
        if weight.dim() == 1:
            lines.append(f"PReLU {key} 1 1 a b 0={len(weight)}")
            numbers += weight.numpy().tobytes()
            continue
        lines.append(
            f"Convolution {key} 1 1 a b 0={weight.shape[0]} 1=3 4=1 5=1 6={weight.numel()} 9=2 -23310=1,2.000000e-01"
        )
        raw = weight.half().numpy().tobytes() if half else weight.numpy().tobytes()
        numbers += (FP16 if half else FP32) + raw + bytes(-len(raw) % 4) + bias.numpy().tobytes()
        lines.append("Concat c 2 1 a b c")
    (folder / f"{name}.param").write_text("\n".join(lines))
    (folder / f"{name}.bin").write_bytes(numbers)
    return folder / f"{name}.param"


def in_order(state):
    """SRVGG's layers as they follow each other."""
    return dict(sorted(state.items(), key=lambda item: int(item[0].split(".")[1])))


@pytest.mark.parametrize("half", [True, False])
@pytest.mark.parametrize(
    "state", [rrdb_state(blocks=2), in_order(srvgg_state(features=5, scale=1))], ids=["rrdb", "srvgg"]
)
def test_weights_come_back_exactly(tmp_path, state, half):
    found = convert_ncnn(write_ncnn(tmp_path, "net", state, half))
    assert found.keys() == state.keys()
    for name, tensor in found.items():
        stored = state[name].half() if half and tensor.dim() == 4 else state[name]
        assert torch.equal(tensor, stored), name


def test_the_command_writes_both_models_with_their_metadata(tmp_path):
    for name in SHIPPED:
        write_ncnn(tmp_path, name, rrdb_state())
    main([str(tmp_path), str(tmp_path)])
    for stem, facts in SHIPPED.values():
        assert read_state(tmp_path / f"{stem}.safetensors").keys() == rrdb_state().keys()
        with safe_open(tmp_path / f"{stem}.safetensors", "pt") as file:
            assert file.metadata()["modelspec.title"] == facts["modelspec.title"]
            assert file.metadata()["modelspec.license"] == "BSD-3-Clause"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda raw: raw[:-4], ModelCorrupt),
        (lambda raw: raw + b"\0\0\0\0", ModelCorrupt),
        (lambda raw: b"\1" + raw[1:], ModelUnsupported),
    ],
)
def test_numbers_too_few_too_many_or_foreign_are_refused(tmp_path, change, error):
    path = write_ncnn(tmp_path, "net", rrdb_state())
    numbers = path.with_suffix(".bin")
    numbers.write_bytes(change(numbers.read_bytes()))
    with pytest.raises(error, match=r"net\.bin"):
        convert_ncnn(path)


def test_another_text_file_is_refused(tmp_path):
    (tmp_path / "x.param").write_text("hello")
    (tmp_path / "x.bin").write_bytes(b"")
    with pytest.raises(ModelUnsupported, match=r"x\.param"):
        convert_ncnn(tmp_path / "x.param")
