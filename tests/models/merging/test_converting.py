"""A converted checkpoint is the same checkpoint; writing one holds one tensor at a time."""

from __future__ import annotations

import json
import os
import time
import weakref

import pytest
import torch
from safetensors.torch import load_file, save_file

from modules.base.errors import DiskFull, ModelMismatch
from modules.base.files import new_file
from modules.models.files.tensor_stream import TensorEntry, opened
from modules.models.merging import convert
from modules.models.merging.converting import EMA
from modules.models.merging.writing import write_checkpoint
from modules.params.merge import Conversion

MIDDLE = "model.diffusion_model.middle_block.0.x"


def quiet(done, of):
    pass


def write_to(path, *how):
    with new_file(path, "test") as out:
        write_checkpoint(out, *how)


def convert_to(request, source, path, told):
    path.unlink(missing_ok=True)
    with new_file(path, "test") as out:
        convert(request, source, out, told)


def some(tmp_path, **others):
    torch.manual_seed(0)
    save_file({MIDDLE: torch.randn(5), "betas": torch.randn(3), **others}, tmp_path / "a.safetensors", {"made": "a"})
    return tmp_path / "a.safetensors"


def test_one_tensor_is_in_memory_at_a_time(tmp_path):
    """Each is let go before the next is made."""
    alive, seen = weakref.WeakSet(), []

    def make(name):
        seen.append(len(alive))
        tensor = torch.zeros(4)
        alive.add(tensor)
        return tensor

    write_to(
        tmp_path / "x.safetensors", {f"t{i}": TensorEntry(torch.float32, (4,)) for i in range(20)}, make, {}, quiet
    )
    assert seen == [0] * 20


def test_what_has_no_room_is_not_begun(tmp_path):
    with pytest.raises(DiskFull, match="GiB are needed"):
        write_to(tmp_path / "x.safetensors", {"x": TensorEntry(torch.float32, (2**50,))}, pytest.fail, {}, quiet)
    assert not list(tmp_path.iterdir())


def test_what_a_crash_left_behind_is_swept_away(tmp_path):
    """What somebody may still be writing is not, nor what another program has there."""
    old, young, others = tmp_path / f".{'a' * 32}.tmp", tmp_path / f".{'b' * 32}.tmp", tmp_path / ".mine.tmp"
    for path in (old, young, others):
        path.write_bytes(b"half")
    for path in (old, others):
        os.utime(path, (time.time() - 7200,) * 2)
    write_to(
        tmp_path / "x.safetensors", {"x": TensorEntry(torch.float32, (1,))}, lambda name: torch.zeros(1), {}, quiet
    )
    assert {path.name for path in tmp_path.iterdir()} == {young.name, others.name, "x.safetensors"}


def test_each_tensor_lies_aligned(tmp_path):
    entries = {
        "a": TensorEntry(torch.float16, (3,)),
        "b": TensorEntry(torch.int64, ()),
        "c": TensorEntry(torch.float32, (1,)),
        "d": TensorEntry(torch.uint8, (0,)),
    }
    write_to(
        tmp_path / "x.safetensors",
        entries,
        lambda name: torch.zeros(entries[name].shape, dtype=entries[name].dtype),
        {},
        quiet,
    )
    raw = (tmp_path / "x.safetensors").read_bytes()
    header = json.loads(raw[8: 8 + int.from_bytes(raw[:8], "little")])
    assert all(entry["data_offsets"][0] % entries[name].dtype.itemsize == 0 for name, entry in header.items())
    assert {name: tensor.dtype for name, tensor in load_file(tmp_path / "x.safetensors").items()} == {
        n: e.dtype for n, e in entries.items()
    }


@pytest.mark.parametrize("precision", ["keep", "fp16", "bf16", "fp32"])
def test_conversion_keeps_every_weight(tmp_path, precision):
    path = some(tmp_path)
    convert_to(Conversion(precision=precision, ema=False), path, tmp_path / "out.safetensors", quiet)
    for name, tensor in load_file(tmp_path / "out.safetensors").items():
        assert torch.equal(tensor.float(), load_file(path)[name].to(tensor.dtype).float())


def test_ema_weights_can_be_taken_or_dropped(tmp_path):
    ema = {EMA + "diffusion_modelmiddle_block0x": torch.full((5,), 7.0)}
    path = some(tmp_path, **ema)
    for take, value in ((True, ema[EMA + "diffusion_modelmiddle_block0x"]), (False, load_file(path)[MIDDLE])):
        convert_to(Conversion(precision="keep", ema=take), path, tmp_path / "out.safetensors", quiet)
        found = load_file(tmp_path / "out.safetensors")
        assert not any(name.startswith(EMA) for name in found)
        assert torch.equal(found[MIDDLE], value)


def test_averages_that_are_not_there_cannot_be_taken(tmp_path):
    with pytest.raises(ModelMismatch, match="a.safetensors holds no EMA"):
        convert_to(Conversion(precision="keep", ema=True), some(tmp_path), tmp_path / "out.safetensors", quiet)


def test_a_converted_models_yaml_goes_with_it(tmp_path):
    path = some(tmp_path)
    path.with_suffix(".yaml").write_text("model:")
    convert_to(Conversion(precision="fp16", ema=False), path, tmp_path / "out.safetensors", quiet)
    assert (tmp_path / "out.yaml").read_text() == "model:"


def test_old_files_become_safetensors(tmp_path):
    torch.save({"state_dict": load_file(some(tmp_path))}, tmp_path / "old.ckpt")
    convert_to(Conversion(precision="keep", ema=False), tmp_path / "old.ckpt", tmp_path / "new.safetensors", quiet)
    with opened(tmp_path / "new.safetensors") as new, opened(tmp_path / "old.ckpt") as old:
        assert new.entries == old.entries
