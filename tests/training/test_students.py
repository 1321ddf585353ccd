"""What is trained: its names, its first values, and that files of it are read again."""

from __future__ import annotations

import io

import pytest
import torch
from safetensors import safe_open

from modules.base.errors import Invalid
from modules.models.learning import trainable
from modules.networks.hypernetwork import Hypernetwork
from modules.networks.network import read_network
from modules.training.hypernetwork import HypernetworkShape, HypernetworkStudent
from modules.training.inversion import WordStudent, a1111_embedding
from modules.training.lora import Lora, LoraShape
from modules.training.student import TrainableModel
from tests.golden_data import GOLDEN

LORAS = GOLDEN / "models/Lora"      # made with kohya-ss's names


@pytest.fixture(scope="module")
def loaded(device, weights):
    return device.loaded(weights)


@pytest.fixture(scope="module")
def model(loaded) -> TrainableModel:
    return trainable(loaded.model)


def modules_in(file: str) -> set[str]:
    """The modules that a LoRA file of the golden data has: 24 of the text encoder and 192 of the UNet, in "locon" 50 convolutions more."""
    with safe_open(LORAS / f"{file}.safetensors", "pt") as golden:
        return {key.partition(".")[0] for key in golden.keys()}      # noqa: SIM118  it is no mapping


def test_a_loras_modules_are_those_of_sd_scripts(model):
    assert {layer.name for layer in Lora(model, LoraShape(4), 1).layers} == modules_in("lora_linear")


def test_with_convolutions_come_all_layers_of_their_blocks(model):
    """As in sd-scripts: beside the convolutions of 3×3 the linear ones and those of 1×1 in the same blocks, which the golden file leaves out."""
    names = {layer.name for layer in Lora(model, LoraShape(4, conv_dim=2), 1).layers}
    assert modules_in("locon") < names
    assert {name.rpartition("resnets_")[2][2:] for name in names - modules_in("locon")} == {"time_emb_proj", "conv_shortcut"}


def test_a_rank_and_an_alpha_are_those_asked_for(model):
    lora = Lora(model, LoraShape(4, alpha=2, conv_dim=3, conv_alpha=1), 1)
    tensors = lora.file_tensors()
    for layer in lora.layers:
        wide = tensors[f"{layer.name}.lora_down.weight"].ndim == 4 and tensors[f"{layer.name}.lora_down.weight"].shape[-1] == 3
        assert len(tensors[f"{layer.name}.lora_down.weight"]) == (3 if wide else 4)
        assert float(tensors[f"{layer.name}.alpha"]) == pytest.approx(1 if wide else 2)


def test_a_lora_begins_as_nothing_in_kaimings_range(model):
    lora, again = Lora(model, LoraShape(4), 1), Lora(model, LoraShape(4), 1)
    for name, tensor in lora.tensors.items():
        assert torch.equal(tensor, again.tensors[name])
        if "lora_up" in name:
            assert not tensor.any()
        else:
            bound = tensor[0].numel() ** -0.5
            assert 0.5 * bound < tensor.abs().max() <= bound


def test_a_loras_file_is_read_whole(model, loaded):
    lora = Lora(model, LoraShape(4, conv_dim=2), 1)
    network = read_network("trained", lora.file_tensors(), {}, loaded.adapters.targets)
    assert network.unmatched == () and len(network.patches) == len(lora.layers)


def test_an_update_is_limited_to_a_norm(model):
    lora = Lora(model, LoraShape(4, largest_norm=0.5), 1)
    name = lora.layers[0].name
    with torch.no_grad():
        lora.tensors[f"{name}.lora_up.weight"].fill_(3)
    lora.after_step()
    up, down = lora.tensors[f"{name}.lora_up.weight"].detach(), lora.tensors[f"{name}.lora_down.weight"].detach()
    assert float((up.flatten(1) @ down.flatten(1)).norm() * lora.layers[0].scale) == pytest.approx(0.5, rel=1e-3)


def test_nothing_to_train_is_refused(model):
    with pytest.raises(Invalid, match="No layer"):
        Lora(model, LoraShape(unet=False, text=False), 1)


def test_a_words_vectors_begin_with_tokens(model):
    student = WordStudent(model, "zorb", 4, [10, 20])
    table = model.token_table["clip"]
    assert torch.equal(student.tensors["clip"].detach(), table[[10, 10, 20, 20]].float())
    file = io.BytesIO()
    torch.save(a1111_embedding("zorb", student.tensors, 7, ("abcd", "tiny")), file)
    file.seek(0)
    read = torch.load(file, weights_only=True)
    assert read["string_to_token"] == {"*": 265} and read["step"] == 7 and read["string_to_param"]["*"].shape[0] == 4


@pytest.mark.parametrize(("shape", "names"), [
    (HypernetworkShape(), ["0", "2"]),
    (HypernetworkShape(activation="linear"), ["0", "1"]),
    (HypernetworkShape(layer_norm=True), ["0", "2", "3", "4"]),
    (HypernetworkShape((1, 2, 2, 1), dropout=(0, 0.1, 0.1, 0)), ["0", "3", "6"]),
])
def test_a_hypernetworks_file_is_a1111s(model, shape, names):
    student = HypernetworkStudent(model, shape, 1)
    content = student.file_content("zorb", 5, ("abcd", "tiny"))
    width = student.widths[0]
    numbers = [name.split(".")[1] for name in content[width][0] if name.endswith("weight")]
    assert numbers == names
    read = Hypernetwork.read("zorb.pt", content)
    x = torch.randn(2, 3, width)
    expected = student.mlp(width, 0, x, lambda y, layer: y)
    assert torch.allclose(read.mlps[width][0](x), expected, atol=1e-6)


@pytest.mark.parametrize(("wrong", "field"), [
    ({"structure": (1, 2)}, "layer_structure"), ({"activation": "relo"}, "activation_func"),
    ({"structure": (1, float("nan"), 1)}, "layer_structure"), ({"structure": (1, 1e9, 1)}, "layer_structure"),
])
def test_an_impossible_hypernetwork_is_refused(wrong, field):
    with pytest.raises(Invalid) as refused:
        HypernetworkShape(**wrong)
    assert refused.value.field == field


@pytest.mark.parametrize("structure", [(1, 900, 900, 1), (1, 0.001, 1)])
def test_a_hypernetwork_has_no_more_weights_than_may_be_and_no_empty_layer(model, structure):
    with pytest.raises(Invalid) as refused:
        HypernetworkStudent(model, HypernetworkShape(structure), 1)
    assert refused.value.field == "layer_structure"
