"""Whole models written: the names, shapes and values of the file that they were loaded from."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from benchmarks.checkpoints import KINDS, save
from modules.base.files import ReplacingFile, new_file
from modules.library.catalog import ModelFile
from modules.models.checkpoint.loader import load_checkpoint, load_vae_file
from modules.models.checkpoint.saving import save_checkpoint, save_vae
from modules.models.lora.patcher import parameters_of
from tests.golden_data import GOLDEN
from tests.models.checkpoint.test_families import small

CHECKPOINTS = GOLDEN / "models/Stable-diffusion"


def file_at(path: Path) -> ModelFile:
    return ModelFile(path, path.stem)


def everything(path: Path) -> dict[str, torch.Tensor]:
    """All parameters of a checkpoint as training names them, the VAE's too."""
    model = load_checkpoint(file_at(path))
    return parameters_of(model) | {f"vae.{name}": tensor for name, tensor in model.vae.named_parameters()}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tiny-sd1", "SD2", "SDXL"])
def test_what_was_loaded_is_written_under_its_own_names(name, tmp_path):
    """With the halves of q, k and v that SD2's files join, and the convolutions that are matrices in memory."""
    base = CHECKPOINTS / f"{name}.safetensors"
    if name in KINDS:
        base = tmp_path / "base.safetensors"
        save(small(KINDS[name]), base)
    with new_file(tmp_path / "same.safetensors", "test", ReplacingFile) as out:
        save_checkpoint(base, {key: tensor + 1 for key, tensor in everything(base).items()}, out, None, {"mine": "yes"})
    ours, theirs = load_file(out.path), load_file(base)
    assert ours.keys() == theirs.keys()
    for key, tensor in theirs.items():
        assert (ours[key].shape, ours[key].dtype) == (tensor.shape, tensor.dtype), key
        trained = tensor.is_floating_point() and key.startswith(("model.diff", "first_stage", "cond_stage", "conditioner"))
        untrained = key.endswith(("logit_scale", "attn_mask"))
        assert torch.equal(ours[key], tensor + 1 if trained and not untrained else tensor), key
    with safe_open(base, "pt") as before, safe_open(out.path, "pt") as after:
        assert after.metadata() == (before.metadata() or {}) | {"mine": "yes", "format": "pt"}
    load_checkpoint(file_at(out.path))


def test_a_vae_alone_is_written_as_a1111_reads_it(tmp_path):
    base = CHECKPOINTS / "tiny-sd1.safetensors"
    trained = {f"vae.{name}": tensor.float() + 1 for name, tensor in load_checkpoint(file_at(base)).vae.named_parameters()
               if name.startswith("decoder.")}
    with new_file(tmp_path / "vae.safetensors", "test", ReplacingFile) as out:
        save_vae(base, trained, out, torch.float32, {})
    prefix, whole, alone = "first_stage_model.", load_file(base), load_file(out.path)
    assert {prefix + key for key in alone} == {key for key in whole if key.startswith(prefix)}
    for key, tensor in alone.items():
        expected = whole[prefix + key].float()
        assert torch.equal(tensor, expected + 1 if key.startswith("decoder.") else expected), key
    load_vae_file(out.path)


def test_a_vae_alone_says_what_its_weights_do_not_show(tmp_path):
    base = GOLDEN.parents[1] / "models/Stable-diffusion/easel-stickers-128.safetensors"
    with new_file(tmp_path / "vae.safetensors", "test", ReplacingFile) as out:
        save_vae(base, {}, out, None, {})
    assert load_vae_file(out.path).config.norm_num_groups == 8


def test_a_file_of_the_name_is_replaced(tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_text("old")
    with new_file(path, "test", ReplacingFile) as out:
        out.write([b"new", b"er"])
    assert path.read_text() == "newer" and list(tmp_path.iterdir()) == [path]
