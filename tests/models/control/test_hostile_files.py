"""Files of every kind of control that are not what they should be: each is refused by name, or does no harm."""

from __future__ import annotations

import pickle
import zipfile
from itertools import product

import pytest
import torch
from safetensors.torch import save_file

from modules.base.errors import ModelError, ModelUnsafe
from modules.library.catalog import ModelFile
from modules.models.control.control_file import load_control_network
from tests.ip_adapters import flat, tables
from tests.models.control.test_families_of_control import (
    control_lora,
    controlnet,
    ldm_names,
    lllite,
    t2i_adapter,
)


def original(model):
    names = ldm_names(model)
    return {names[name]: each for name, each in controlnet(model).items()}


MAKERS = {
    "controlnet": controlnet, "ldm": original, "control_lora": control_lora, "t2i": t2i_adapter, "lllite": lllite,
    "ip base": lambda model: flat(tables(model.unet, "base")), "ip plus": lambda model: flat(tables(model.unet, "plus")),
    "ip full": lambda model: flat(tables(model.unet, "full")),
}
HARMS = {
    "gone": None, "a number": lambda each: torch.zeros(()), "empty": lambda each: each.new_zeros(0),
    "turned": lambda each: each.movedim(0, -1).contiguous(), "whole numbers": lambda each: each.to(torch.int64),
    "deeper": lambda each: each[None, None], "wider": lambda each: torch.cat([each, each]),
    "nothing": lambda each: each[:0] if each.ndim else each,
}
SAMPLED = 8      # tensors of a file that are harmed, spread over it


def some_names(tensors):
    names = sorted(tensors)
    return names[:: max(1, len(names) // SAMPLED)]


@pytest.fixture(scope="module")
def files(tiny):
    return {kind: {name: each.contiguous().clone() for name, each in make(tiny).items()}
            for kind, make in MAKERS.items()}


@pytest.mark.parametrize(("kind", "harm"), product(MAKERS, HARMS))
def test_a_harmed_tensor_is_told_with_the_files_name_or_does_no_harm(tiny, files, tmp_path, kind, harm):
    for name in some_names(files[kind]):
        tensors = dict(files[kind])
        if HARMS[harm] is None:
            del tensors[name]
        else:
            tensors[name] = HARMS[harm](tensors[name]).contiguous()
        save_file(tensors, tmp_path / "harmed.safetensors")
        try:
            load_control_network(ModelFile(tmp_path / "harmed.safetensors", "harmed", "c"), tiny)
        except ModelError as error:
            assert "harmed.safetensors" in str(error), name


# Files that want more than to be read -------------------------------------------------------------------


class Harm:
    def __reduce__(self):
        return print, ("harm",)


def by_global(path):
    """A stream that names a function by hand (MDL-07)."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", b"cposix\nsystem\n(S'echo harm'\ntR.")
        archive.writestr("archive/version", b"3\n")


def doubled(path):
    """Two streams under one name (MDL-18)."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"a": 1}, 2))
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("archive/data.pkl", pickle.dumps(Harm(), 2))


def script(path):
    """A program of TorchScript (MDL-16)."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name in ("archive/code/__torch__.py", "archive/constants.pkl", "archive/data.pkl"):
            archive.writestr(name, b"\x80\x02}.")


def claimed(path):
    """Four numbers that claim to be a million millions (MDL-21)."""
    torch.save({"input_hint_block.0.weight": torch.zeros(4).as_strided((2**20, 2**20), (0, 0))}, path)


CONTENTS = {
    "reduce": lambda path: torch.save({"input_hint_block.0.weight": Harm()}, path),
    "legacy": lambda path: torch.save({"a": Harm()}, path, _use_new_zipfile_serialization=False),
    "global": by_global, "doubled": doubled, "script": script, "claimed": claimed,
    "bare": lambda path: path.write_bytes(pickle.dumps(Harm())),
    "page": lambda path: path.write_bytes(b"<!DOCTYPE html><html>404</html>"),
    "pointer": lambda path: path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 7\n"),
    "empty": lambda path: path.write_bytes(b""), "short": lambda path: path.write_bytes(b"1234567"),
    "zeros": lambda path: path.write_bytes(b"\0" * 2**20),
    "header": lambda path: path.write_bytes((2**63).to_bytes(8, "little") + b"{}"),
    "nested": lambda path: torch.save({"image_proj": {"ip_adapter": {"latents": [[[Harm()]]]}}}, path),
}


@pytest.mark.parametrize(("content", "ending"), product(CONTENTS, [".pth", ".bin", ".safetensors"]))
def test_a_file_that_is_no_model_is_refused_by_name_and_nothing_runs(tiny, tmp_path, capfd, content, ending):
    path = tmp_path / f"hostile{ending}"
    CONTENTS[content](path)
    with pytest.raises(ModelError, match="hostile") as refused:
        load_control_network(ModelFile(path, path.name, "c"), tiny)
    assert content not in ("reduce", "global", "nested") or isinstance(refused.value, ModelUnsafe)
    assert "harm" not in capfd.readouterr().out


