"""Control-LoRAs and ControlLLLites: what their files say, against the formulas that they are."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import conv2d, linear, relu

from modules.base.errors import ModelMismatch
from modules.library.catalog import ModelFile
from modules.models.control.control_file import control_names, load_control_network
from modules.models.control.lllite import Lllite
from modules.sampling.control import CONTROL, Control, Controls
from tests.golden_data import GOLDEN

CANNY = GOLDEN / "models/ControlNet/tiny_control_canny.safetensors"


def saved(path, tensors):
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    return ModelFile(path, path.name, "controlnet")


# Control-LoRAs ----------------------------------------------------------------------------------------


def low_rank(tiny):
    """A control-LoRA's tensors: those of a ControlNet, whose matrices are differences of the checkpoint's own."""
    tensors = {name.removeprefix("control_model."): each.float() for name, each in load_file(CANNY).items()}
    base, names, found = tiny.unet.state_dict(), control_names(tensors), {"lora_controlnet": torch.zeros(1)}
    noise = torch.Generator().manual_seed(6)
    for name, each in tensors.items():
        if names.get(name) not in base:
            found[name] = each
        elif name.endswith(".weight") and each.ndim > 1:
            module, rest = name.removesuffix(".weight"), each[0].numel()
            found[f"{module}.up"] = torch.randn(len(each), 3, generator=noise) * 0.1
            found[f"{module}.down"] = torch.randn(3, rest, generator=noise) * 0.1
        elif "norm" not in name:
            found[name] = each
    return found, tensors, names, base


def test_a_control_lora_is_its_difference_to_the_checkpoint(tiny, tmp_path):
    lora, tensors, names, base = low_rank(tiny)
    network = load_control_network(saved(tmp_path / "lora.safetensors", lora), tiny)
    module = "input_blocks.1.0.in_layers.2"
    ours = network.module.state_dict()
    wanted = base[names[f"{module}.weight"]]
    wanted = wanted + (lora[f"{module}.up"] @ lora[f"{module}.down"]).view(wanted.shape)
    assert torch.allclose(ours[names[f"{module}.weight"]], wanted, atol=1e-6)
    hint = "input_hint_block.0.weight"
    assert torch.equal(ours[names[hint]], tensors[hint])      # whole in the file
    norm = "input_blocks.1.1.transformer_blocks.0.norm1.weight"
    assert torch.equal(ours[names[norm]], base[names[norm]])      # not in the file


def test_a_control_lora_controls_its_rows_alone(tiny, tmp_path, row, in_company):
    network = load_control_network(saved(tmp_path / "lora.safetensors", low_rank(tiny)[0]), tiny)
    hint = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(1))
    asked = row(**{CONTROL: Controls((Control("c", hint, (1.0,) * 13),))})
    alone, company = in_company({"c": network}, asked, row(seed=7))
    assert torch.allclose(alone, company, atol=1e-4)


def test_a_control_lora_of_another_family_is_refused_by_name(tiny, tmp_path):
    lora = low_rank(tiny)[0] | {"input_blocks.1.0.in_layers.2.up": torch.zeros(7, 3)}
    with pytest.raises(ModelMismatch, match=r"lora\.safetensors does not fit tiny-sd1"):
        load_control_network(saved(tmp_path / "lora.safetensors", lora), tiny)


# ControlLLLite ----------------------------------------------------------------------------------------


FIRST = "input_blocks.1.1.transformer_blocks.0.attn1.to_q"      # at the latent's own size


def lllite(tiny, module=FIRST, width=32, depth=1):
    noise = torch.Generator().manual_seed(8)

    def some(*shape):
        return torch.randn(shape, generator=noise) * 0.3

    strides = {1: (4, 2), 2: (4, 4), 3: (4, 4, 2)}[depth]
    name, found, inner = f"lllite_unet_{module.replace('.', '_')}", {}, 3
    for place, stride in enumerate(strides):
        found[f"conditioning1.{2 * place}.weight"] = some(8, inner, stride, stride)
        found[f"conditioning1.{2 * place}.bias"] = some(8)
        inner = 8
    found |= {
        "down.0.weight": some(6, width), "down.0.bias": some(6), "mid.0.weight": some(6, 14), "mid.0.bias": some(6),
        "up.0.weight": some(width, 6), "up.0.bias": some(width),
    }
    return {f"{name}.{part}": each for part, each in found.items()}


def test_a_module_adds_what_the_formula_says(tiny, tmp_path):
    tensors = lllite(tiny)
    network = load_control_network(saved(tmp_path / "l.safetensors", tensors), tiny)
    assert isinstance(network, Lllite)
    [(path, own)] = network.modules.items()
    assert path == "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
    hint, x = torch.rand(3, 64, 64), torch.randn(64, 32)
    seen = conv2d(hint[None] * 2 - 1, own["conditioning1.0.weight"], own["conditioning1.0.bias"], 4)
    seen = conv2d(relu(seen), own["conditioning1.2.weight"], own["conditioning1.2.bias"], 2)[0].flatten(1).T
    inner = torch.cat([seen, relu(linear(x, own["down.0.weight"], own["down.0.bias"]))], dim=1)
    inner = relu(linear(inner, own["mid.0.weight"], own["mid.0.bias"]))
    expected = linear(inner, own["up.0.weight"], own["up.0.bias"])
    assert torch.allclose(network.change(path, x, hint, (8, 8)), expected, atol=1e-6)


def test_a_hint_counts_for_its_rows_alone_and_a_strength_of_none_changes_nothing(tiny, tmp_path, row, drawn, in_company):
    network = load_control_network(saved(tmp_path / "l.safetensors", lllite(tiny)), tiny)
    hint = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(1))
    asked, off = (
        row(**{CONTROL: Controls((Control("l", hint, (strength,) * 13),))}) for strength in (1.0, 0.0)
    )
    alone, company = in_company({"l": network}, asked, row(seed=7))
    assert torch.allclose(alone, company, atol=1e-4)
    [none] = drawn({"l": network}, off)
    assert torch.equal(none, drawn({}, row())[0]) and not torch.allclose(alone, none, atol=1e-3)


def test_a_size_that_the_strides_do_not_divide_is_brought_to_the_layers(tiny, tmp_path):
    network = load_control_network(saved(tmp_path / "l.safetensors", lllite(tiny, depth=2)), tiny)
    [path] = network.modules
    assert network.change(path, torch.randn(25, 32), torch.rand(3, 72, 72), (5, 5)).shape == (25, 32)


def test_a_lllite_of_another_family_is_refused_by_name(tiny, tmp_path):
    other = lllite(tiny, module="input_blocks.9.1.transformer_blocks.0.attn1.to_q")
    with pytest.raises(ModelMismatch, match=r"l\.safetensors does not fit tiny-sd1"):
        load_control_network(saved(tmp_path / "l.safetensors", other), tiny)
    with pytest.raises(ModelMismatch, match="do not fit"):
        load_control_network(saved(tmp_path / "l.safetensors", lllite(tiny, width=31)), tiny)
