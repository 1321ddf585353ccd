"""Models of other families: SDXL with its two encoders, and those that predict v."""

from __future__ import annotations

import pytest
import torch

from modules.models.learning import trainable
from modules.networks.network import read_network
from modules.sampling.weights import Weights
from modules.training.inversion import WordStudent, embedding_tensors
from modules.training.lora import Lora, LoraShape
from modules.training.lycoris_student import LycorisStudent
from modules.training.run import run_course
from tests.training.runs import SEED, Follower, carried_out, course_of, data_of, digest, lessons_of, run_to

pytestmark = pytest.mark.slow


@pytest.fixture
def family(device, request) -> Weights:
    file = device.library.checkpoints.find(request.param)
    return Weights(device.library.checkpoints.hashed(file).sha256 or "")


def trained(device, weights, folder, make, rate, steps=6):
    follower = Follower(validates_every=steps - 1)
    course, data = course_of(weights, make, steps, rate), data_of(folder, 2, 0.0)
    run = carried_out(device, run_course(course, lessons_of(device, weights, data, most_held_out=2), follower))
    return run.student, follower.losses


@pytest.mark.parametrize(("family", "prefixes"), [
    ("tiny-xl", {"lora_unet", "lora_te1", "lora_te2"}), ("tiny-v", {"lora_unet", "lora_te"}),
], indirect=["family"])
def test_a_lora_learns_and_its_file_is_read_whole(device, family, zorbs, prefixes):
    student, losses = trained(device, family, zorbs, lambda model: Lora(model, LoraShape(4), SEED), 1e-2)
    assert losses[5] < losses[0]
    file = student.file_tensors()
    assert {"_".join(name.split("_")[:2]) for name in file} == prefixes
    network = read_network("trained", file, {}, device.loaded(family).adapters.targets)
    assert network.unmatched == () and len(network.patches) == len(student.layers)
    assert trainable(device.loaded(family).model).velocity == (prefixes == {"lora_unet", "lora_te"})


@pytest.mark.parametrize("family", ["tiny-xl"], indirect=True)
def test_sdxls_layers_have_sd_scripts_names(device, family):
    names = {layer.name for layer in Lora(trainable(device.loaded(family).model), LoraShape(2, conv_dim=2), SEED).layers}
    unet = {name for name in names if name.startswith("lora_unet_")}
    assert unet and all(name.startswith(("lora_unet_input_blocks_", "lora_unet_middle_block_", "lora_unet_output_blocks_")) for name in unet)
    assert any(name.endswith("_transformer_blocks_0_attn2_to_k") for name in unet)
    assert "lora_te1_text_model_encoder_layers_0_self_attn_q_proj" in names and "lora_te2_text_model_encoder_layers_0_mlp_fc1" in names


@pytest.mark.parametrize("family", ["tiny-xl"], indirect=True)
def test_a_word_of_sdxl_has_vectors_of_both_encoders(device, family, zorbs):
    student, losses = trained(device, family, zorbs, lambda model: WordStudent(model, "zorb", 2, [320]), 5e-2)
    tensors = embedding_tensors(student.tensors)
    assert set(tensors) == {"clip_l", "clip_g"} and losses[5] < losses[0]
    assert all(student.part(name) == part for name, part in (("clip_l", "text_encoder"), ("clip_g", "text_encoder_2")))


KINDS = {
    "loha": {}, "lokr": {"factor": 4}, "glora": {}, "full": {}, "diag-oft": {}, "boft": {},
    "lora": {"weight_decompose": True},
}


@pytest.fixture(scope="module")
def base_loss(device, weights, zorbs) -> float:
    """The loss of the model itself, which a LoRA has before its first step."""
    return trained(device, weights, zorbs, lambda model: Lora(model, LoraShape(4, text=False), SEED), 0.0, steps=2)[1][0]


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_of_lycoris_begins_as_nothing_learns_and_is_read_whole(device, weights, zorbs, base_loss, kind):
    pytest.importorskip("lycoris", reason="lycoris-lora is not installed")

    def make(model):
        return LycorisStudent(model, LoraShape(4, text=False), kind, KINDS[kind], SEED)

    student, losses = trained(device, weights, zorbs, make, 3e-3, steps=4)
    assert losses[3] < losses[0] == pytest.approx(base_loss, rel=1e-3)
    ready = device.loaded(weights)
    network = read_network("trained", student.file_tensors(), {}, ready.adapters.targets)
    assert network.unmatched == () and len(network.patches) >= len(student.layers)
    assert not any("forward" in module.__dict__ for module in ready.model.unet.modules())


def test_a_network_of_lycoris_goes_on_to_the_bit(device, weights, zorbs):
    pytest.importorskip("lycoris", reason="lycoris-lora is not installed")

    def make(model):
        return LycorisStudent(model, LoraShape(4, text=False, dropout=0.2), "lokr", {}, SEED)

    course, data = course_of(weights, make, 4), data_of(zorbs)
    whole, half = (run_to(device, course, lessons_of(device, weights, data), until) for until in (4, 2))
    torch.manual_seed(1)
    resumed = run_to(device, course, lessons_of(device, weights, data), 4, half)
    assert digest(resumed.tensors) == digest(whole.tensors) != digest(half.tensors)
