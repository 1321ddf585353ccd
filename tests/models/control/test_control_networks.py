"""ControlNets: files of every layout, and what they add to rows of a UNet call."""

from __future__ import annotations

import pickle
import zipfile
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file, save_file

from modules.base.errors import ModelCorrupt, ModelError, ModelMismatch, ModelUnsafe, ModelUnsupported
from modules.library.catalog import ModelFile
from modules.library.model_kinds import CONTROLNET
from modules.models.checkpoint.loader import load_checkpoint
from modules.models.control.control_file import ControlNetwork, control_config, control_names, load_control_network
from modules.models.control.networks import ControlNetworks, check_use
from modules.models.control.residuals import with_residuals
from modules.models.unet import predict_batch
from modules.sampling.control import CONTROL, Control, Controls
from modules.sampling.questions import Cond, Predict
from modules.sampling.weights import Weights
from tests.golden_data import GOLDEN, library, with_folders

TINY = GOLDEN / "models/Stable-diffusion/tiny-sd1.safetensors"
CANNY = GOLDEN / "models/ControlNet/tiny_control_canny.safetensors"


@pytest.fixture(scope="module")
def model():
    loaded = load_checkpoint(ModelFile(TINY, TINY.name, "checkpoint"))
    loaded.to(torch.device("cpu"), unet=torch.float32, vae=torch.float32, text=torch.float32)
    return loaded


@pytest.fixture(scope="module")
def tensors():
    return {name.removeprefix("control_model."): tensor.float() for name, tensor in load_file(CANNY).items()}


@pytest.fixture(scope="module")
def canny(model):
    return loaded(model, CANNY)


def loaded(model, path):
    network = load_control_network(ModelFile(path, path.name, "control"), model)
    network.module.float()
    return network


def saved(path, tensors):
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    return path


def answers(network):
    torch.manual_seed(0)
    x, text, hint = torch.randn(2, 4, 8, 8), torch.randn(2, 77, 64), torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        down, middle = network.module(
            x, torch.tensor([7.0, 500.0]), encoder_hidden_states=text, controlnet_cond=hint, return_dict=False
        )
    return [*down, middle]


def same(one, other):
    """The same but for the last bits: they depend on where in its file a tensor begins."""
    return all(torch.allclose(a, b, atol=1e-6) for a, b in zip(answers(one), answers(other), strict=True))


# Files ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["", "control_model.", "module.control_model."])
def test_ldms_names_with_and_without_a_prefix(model, canny, tensors, tmp_path, prefix):
    path = saved(tmp_path / "c.safetensors", {prefix + name: each for name, each in tensors.items()})
    assert same(loaded(model, path), canny)


def test_diffusers_names(model, canny, tmp_path):
    path = saved(tmp_path / "c.safetensors", canny.module.state_dict())
    assert same(loaded(model, path), canny)


def test_torchs_files_are_read_as_safetensors_are(model, canny, tensors, tmp_path):
    torch.save({"state_dict": {f"control_model.{name}": each for name, each in tensors.items()}}, tmp_path / "c.pth")
    assert same(loaded(model, tmp_path / "c.pth"), canny)


def test_a_difference_is_added_to_the_checkpoints_own_weights(model, canny, tensors, tmp_path):
    base = model.unet.state_dict()
    names = control_names(tensors)
    less = {
        name: each - base[names[name]].float() if names.get(name) in base else each for name, each in tensors.items()
    }
    path = saved(tmp_path / "d.safetensors", less | {"difference": torch.zeros(1)})
    for one, other in zip(answers(loaded(model, path)), answers(canny), strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_a_union_has_the_types_that_its_tensors_have(model, canny, tmp_path):
    from diffusers import ControlNetUnionModel

    config = control_config(canny.module.state_dict(), model)
    torch.manual_seed(1)
    own = {"num_control_type": 8, "num_trans_channel": 32, "num_trans_head": 1, "num_proj_channel": 32}
    union = ControlNetUnionModel(**config, **own, addition_time_embed_dim=256)
    path = saved(tmp_path / "u.safetensors", union.state_dict())
    network = loaded(model, path)
    assert network.union and network.module.config.num_control_type == 8
    outputs = predict_batch(model, [question(1.0)], control=adding(network, controls=[[control(task=6)]]))
    assert outputs[0][0].isfinite().all()


def test_sizes_are_those_of_the_weights(model, tensors):
    names = control_names(tensors)
    config = control_config({names[name]: each for name, each in tensors.items() if name in names}, model)
    assert config["block_out_channels"] == [32, 32, 64, 64] and config["cross_attention_dim"] == 64
    assert config["conditioning_embedding_out_channels"] == [16, 32, 96, 256]


def test_another_familys_is_refused_by_name(model, tensors, tmp_path):
    wide = {
        name: each.repeat(1, 2) if name.endswith("attn2.to_k.weight") else each for name, each in tensors.items()
    }
    with pytest.raises(ModelMismatch, match=r"wide\.safetensors does not fit tiny-sd1"):
        loaded(model, saved(tmp_path / "wide.safetensors", wide))


OTHERS = {
    "ip_adapter.1.to_k_ip.weight": "a part of an IP-Adapter",
    "a.motion_modules.0.w": "SparseCtrl", "lora_unet_x.lora_up.weight": "a LoRA", "x.y": "none of the kinds",
    "model.diffusion_model.input_blocks.0.0.weight": "a checkpoint",
}


@pytest.mark.parametrize(("name", "what"), OTHERS.items())
def test_another_kind_of_file_is_named(model, tmp_path, name, what):
    with pytest.raises(ModelUnsupported, match=what):
        loaded(model, saved(tmp_path / "o.safetensors", {name: torch.zeros(2, 2)}))


class Evil:
    def __reduce__(self):
        return (print, ("run",))


def zipped_pickle(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"input_hint_block.0.weight": Evil()}, protocol=2))
        archive.writestr("archive/version", "3")


def test_a_file_that_asks_to_run_code_is_not_opened(model, tmp_path, capsys):
    zipped_pickle(tmp_path / "evil.pth")
    with pytest.raises((ModelUnsafe, ModelCorrupt)):
        loaded(model, tmp_path / "evil.pth")
    assert "run" not in capsys.readouterr().out


@pytest.mark.parametrize("harm", ["cut", "lacks", "misshapen", "whole numbers", "no blocks", "flat"])
def test_a_damaged_file_is_named(model, tensors, tmp_path, harm):
    broken, path = dict(tensors), tmp_path / "broken.safetensors"
    if harm == "lacks":
        del broken["zero_convs.3.0.weight"]
    elif harm == "misshapen":
        broken["middle_block_out.0.weight"] = torch.zeros(64, 3, 1, 1)
    elif harm == "whole numbers":
        broken["zero_convs.0.0.weight"] = torch.zeros(32, 32, 1, 1, dtype=torch.int64)
    elif harm == "no blocks":
        broken = {name: each for name, each in broken.items() if "input_blocks" not in name}
    elif harm == "flat":
        broken["input_blocks.0.0.weight"] = torch.zeros(7)
    saved(path, broken)
    if harm == "cut":
        path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(ModelError, match=r"broken\.safetensors"):
        loaded(model, path)


# Rows -------------------------------------------------------------------------------------------------


def control(strength=1.0, **given):
    torch.manual_seed(3)
    return Control("c", torch.rand(3, 64, 64), (strength,) * 13, **given)


def question(sigma, *controls):
    torch.manual_seed(int(sigma * 10))
    extras = {CONTROL: Controls(controls)} if controls else {}
    conds = (Cond(torch.randn(77, 64), extras=extras), Cond(torch.randn(77, 64)))
    return Predict(Weights("w"), torch.randn(4, 8, 8), sigma, 100 * sigma, conds, 0)


def adding(network, controls=None):
    return lambda call, rows: with_residuals({"c": network}, call, controls or rows)


def drawn(model, canny, *questions):
    with torch.inference_mode():
        return predict_batch(model, questions, control=adding(canny))


def test_a_row_without_control_is_the_same_to_the_bit_in_controlled_company(model, canny):
    bare = question(2.0)
    with torch.inference_mode():
        [alone] = predict_batch(model, [bare, question(3.0)])[:1]
    company = drawn(model, canny, bare, question(3.0, control()))[0]
    assert all(torch.equal(one, other) for one, other in zip(alone, company, strict=True))


def test_a_controlled_row_is_the_same_alone_and_in_company(model, canny):
    mine, other = question(1.0, control()), question(5.0, control(0.5), control(0.2))
    [alone] = drawn(model, canny, mine)
    company = drawn(model, canny, question(2.0), other, mine)[-1]
    for one, two in zip(alone, company, strict=True):
        assert torch.allclose(one, two, atol=1e-4)
    assert not torch.equal(alone[0], drawn(model, canny, question(1.0, control(0.5)))[0][0])


def test_controls_add_up(model, canny):
    """Twice a half is a whole; without strength it is as if there were none."""
    [twice] = drawn(model, canny, question(1.0, control(0.5), control(0.5)))
    [whole] = drawn(model, canny, question(1.0, control()))
    assert torch.allclose(twice[0], whole[0], atol=1e-4)
    [none] = drawn(model, canny, question(1.0, control(0.0)))
    with torch.inference_mode():
        [plain] = predict_batch(model, [question(1.0)])
    assert torch.equal(none[0], plain[0])


def test_a_hints_features_are_computed_once(model, canny):
    asked, calls = [], 0
    hook = canny.module.controlnet_cond_embedding.register_forward_hook(lambda *_: asked.append(1))
    own = control()
    for sigma in (1.0, 2.0, 3.0):
        drawn(model, canny, question(sigma, own), question(sigma + 0.5))
        calls += 1
    hook.remove()
    assert (len(asked), calls) == (1, 3)


def test_a_union_of_six_types_is_not_given_the_map_of_another(canny):
    union = ControlNetwork(SimpleNamespace(config=SimpleNamespace(num_control_type=6)), "union.safetensors", union=True)
    check_use(union, control(task=5))
    with pytest.raises(ModelMismatch, match="union.safetensors does not know maps of the type Tile"):
        check_use(union, control(task=6))
    check_use(canny, control(task=6))      # of one type, whatever a unit says of its map


def test_a_unions_row_is_what_diffusers_makes_of_it(model, canny):
    from diffusers import ControlNetUnionModel

    torch.manual_seed(1)
    own = {"num_control_type": 8, "num_trans_channel": 32, "num_trans_head": 1, "num_proj_channel": 32}
    union = ControlNetUnionModel(
        **control_config(canny.module.state_dict(), model), **own, addition_time_embed_dim=256
    ).eval()
    for name, weight in union.named_parameters():
        weight.data = torch.randn_like(weight) * 0.05 if "controlnet_" in name else weight.data
    row, hint, kinds = torch.randn(1, 4, 8, 8), control(task=6).hint, torch.zeros(1, 8)
    kinds[0, 6], text = 1, torch.randn(1, 77, 64)
    call = (row, torch.tensor([7.0])), {"encoder_hidden_states": text, "added_cond_kwargs": None}
    with torch.inference_mode():
        _, named = with_residuals({"c": ControlNetwork(union, "u", union=True)}, call, [(control(task=6),)])
        down, middle = union(row, torch.tensor([7.0]), text, [hint[None]], kinds, [6], return_dict=False)
    for one, other in zip(named["down_block_additional_residuals"], down, strict=True):
        assert torch.allclose(one, other, atol=1e-5)
    assert torch.allclose(named["mid_block_additional_residual"], middle, atol=1e-5)


def test_a_region_of_everything_changes_nothing_and_one_of_nothing_leaves_no_control(model, canny):
    [whole] = drawn(model, canny, question(1.0, control()))
    [everywhere] = drawn(model, canny, question(1.0, control(region=torch.ones(64, 64))))
    [nowhere] = drawn(model, canny, question(1.0, control(region=torch.zeros(64, 64))))
    [none] = drawn(model, canny, question(1.0, control(0.0)))
    assert torch.allclose(whole[0], everywhere[0], atol=1e-5) and torch.equal(nowhere[0], none[0])


def test_networks_are_kept_within_a_number_of_bytes(model, tmp_path):
    folder = tmp_path / "ControlNet"
    folder.mkdir()
    for name, byte in (("a", b"1"), ("b", b"2")):
        tensors = load_file(CANNY)
        saved(folder / f"{name}.safetensors", tensors | {"zero_convs.0.0.bias": torch.full((32,), float(byte))})
    found = with_folders(library(tmp_path), CONTROLNET, folder)
    files = [found.of("controlnet").hashed(file) for file in found.of("controlnet").list()]
    networks = ControlNetworks(found, torch.device("cpu"), torch.float32, kept=10_000_000)
    for file in (*files, files[0]):
        extras = {CONTROL: Controls((Control(file.sha256, torch.rand(3, 64, 64), (1.0,) * 13),))}
        networks.of_rows([extras], model)
        assert [key[0] for key in networks._loaded] == [file.sha256]      # each has 6 MB
    other = replace(model, checkpoint=replace(model.checkpoint, sha256="0" * 64))
    networks.of_rows([extras], other)
    assert [*networks._loaded] == [(files[0].sha256, "0" * 64)]      # not as it was loaded for the first checkpoint
    roomy = ControlNetworks(found, torch.device("cpu"), torch.float32)
    for file in files:
        roomy.network(file.sha256, model)
    assert len(roomy._loaded) == 2
