"""Which upscalers there are, and their weights whatever the file."""

from __future__ import annotations

import pickle

import pytest
import torch
from safetensors.torch import save_file

from modules.base.errors import ModelCorrupt, ModelError, ModelUnsafe, ModelUnsupported
from modules.library.model_kinds import UPSCALER
from modules.library.upscalers import upscaler_files
from modules.models.upscaling.read_state import read_state
from tests.golden_data import catalog_of

WEIGHTS = {"a.weight": torch.arange(6.0)}


def write(path, content, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content, path, **options)
    return path


@pytest.mark.parametrize("content", [
    WEIGHTS,
    {"params": WEIGHTS},
    {"params": {"a.weight": torch.zeros(6)}, "params_ema": WEIGHTS},      # the averaged ones are the better ones
    {"state_dict": WEIGHTS, "epoch": 3},
], ids=lambda content: "+".join(content))
@pytest.mark.parametrize("new", [True, False])
def test_weights_are_found_in_every_wrapping(tmp_path, content, new):
    state = read_state(write(tmp_path / "x.pth", content, _use_new_zipfile_serialization=new))
    assert state.keys() == WEIGHTS.keys()
    assert torch.equal(state["a.weight"], WEIGHTS["a.weight"])


def test_safetensors_are_read_too(tmp_path):
    save_file(WEIGHTS, tmp_path / "x.safetensors")
    assert torch.equal(read_state(tmp_path / "x.safetensors")["a.weight"], WEIGHTS["a.weight"])


class Touch:
    def __init__(self, canary):
        self.canary = canary

    def __reduce__(self):
        return self.canary.touch, ()


def test_a_file_that_asks_to_run_code_is_not_obeyed(tmp_path):
    write(tmp_path / "evil.pth", {"params": Touch(tmp_path / "canary")})
    (tmp_path / "old.pth").write_bytes(pickle.dumps({"params": Touch(tmp_path / "canary")}, protocol=2))
    for name in ("evil.pth", "old.pth"):
        with pytest.raises(ModelError, match=name):
            read_state(tmp_path / name)
    with pytest.raises(ModelUnsafe):
        read_state(tmp_path / "evil.pth")
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize(
    ("content", "error"),
    [({"params": {}}, ModelUnsupported), ({"params": 3}, ModelUnsupported), ([1], ModelUnsupported)],
)
def test_a_file_without_weights_is_refused_by_name(tmp_path, content, error):
    with pytest.raises(error, match="x.pth"):
        read_state(write(tmp_path / "x.pth", content))


def test_a_file_cut_off_is_refused_by_name(tmp_path):
    path = write(tmp_path / "x.pth", {"w": torch.arange(1000.0)})
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ModelCorrupt, match="x.pth"):
        read_state(path)


def test_models_are_listed_by_folder_then_name_and_a_broken_one_among_them(tmp_path):
    write(tmp_path / "ESRGAN/4x-UltraSharp.pth", WEIGHTS)
    write(tmp_path / "ESRGAN/deeper/1x-DeJPEG.pt", WEIGHTS)
    write(tmp_path / "RealESRGAN/RealESRGAN_x4plus.pth", WEIGHTS)
    (tmp_path / "ESRGAN/broken.pth").write_text("<html>")
    (tmp_path / "ESRGAN/notes.txt").write_text("")
    found = upscaler_files(catalog_of(UPSCALER, tmp_path / "ESRGAN", tmp_path / "nowhere", tmp_path / "RealESRGAN"))
    assert list(found) == ["4x-UltraSharp", "broken", "1x-DeJPEG", "R-ESRGAN 4x+"]
    assert [name for name, file in found.items() if file.problem] == ["broken"]
    assert "broken.pth" in found["broken"].problem


def test_of_two_files_with_one_name_the_first_folder_counts(tmp_path):
    mine = write(tmp_path / "ESRGAN/a.pth", WEIGHTS)
    write(tmp_path / "RealESRGAN/a.pth", WEIGHTS)
    assert upscaler_files(catalog_of(UPSCALER, tmp_path / "ESRGAN", tmp_path / "RealESRGAN"))["a"].path == mine


def test_links_are_followed_and_one_that_leads_nowhere_is_told(tmp_path):
    outside = write(tmp_path / "outside.pth", WEIGHTS)
    (tmp_path / "ESRGAN").mkdir()
    (tmp_path / "ESRGAN/link.PTH").symlink_to(outside)
    (tmp_path / "ESRGAN/gone.pth").symlink_to("/nowhere")
    found = upscaler_files(catalog_of(UPSCALER, tmp_path / "ESRGAN"))
    assert found["link"].problem == "" and "leads nowhere" in found["gone"].problem
