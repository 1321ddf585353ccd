"""A source is mapped anew now and then, so that merging never has whole models in memory."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file, save_file

from modules.models.merging import sources
from modules.models.merging.sources import Renamed, streamed

MANY = {f"model.{i}": torch.full((4,), float(i)) for i in range(10)}


@pytest.mark.parametrize(("ending", "kind"), [("safetensors", "safetensors"), ("ckpt", "zip")])
def test_what_was_read_is_let_go(tmp_path, monkeypatch, ending, kind):
    path, opened = tmp_path / f"a.{ending}", []
    save_file(MANY, path) if kind == "safetensors" else torch.save({"state_dict": MANY}, path)
    again = sources.AGAIN[kind]
    monkeypatch.setattr(sources, "MAPPED", 40)      # bytes: two tensors and a half
    monkeypatch.setitem(sources.AGAIN, kind, lambda file: opened.append(file) or again(file))
    with streamed(path) as source:
        assert all(torch.equal(source.tensor(name), tensor) for name, tensor in MANY.items())
    assert opened == [path] * 3


def test_an_old_pickle_that_cannot_be_mapped_is_read_once(tmp_path, monkeypatch):
    torch.save(MANY, tmp_path / "old.ckpt", _use_new_zipfile_serialization=False)
    monkeypatch.setattr(sources, "MAPPED", 0)
    with streamed(tmp_path / "old.ckpt") as source:
        assert all(torch.equal(source.tensor(name), tensor) for name, tensor in MANY.items())


def test_the_names_of_the_first_files_are_those_of_today(tmp_path):
    save_file(
        {"cond_stage_model.transformer.encoder.x": torch.ones(2), "betas": torch.ones(1)}, tmp_path / "a.safetensors"
    )
    with streamed(tmp_path / "a.safetensors") as source:
        renamed = Renamed.of(source)
        assert torch.equal(renamed.tensor("cond_stage_model.transformer.text_model.encoder.x"), torch.ones(2))
    assert (
        renamed.entries.keys()
        == {"cond_stage_model.transformer.text_model.encoder.x", "betas"}
        != load_file(tmp_path / "a.safetensors").keys()
    )
