"""A network file finds its places in a model, whoever wrote it."""

from __future__ import annotations

import pytest
import torch

from modules.base.errors import ModelMismatch, ModelUnsupported
from modules.networks.dialects import Targets
from modules.networks.network import is_text, made_for, read_network
from tests.golden_data import GOLDEN

FILES = sorted(path.stem for path in (GOLDEN / "models/Lora").glob("*.safetensors"))
STRANGE = "oft_kohya_diffkeys"      # A1111 does not know these names either


@pytest.mark.parametrize("name", [name for name in FILES if name != STRANGE])
def test_every_key_of_a_golden_file_has_its_place(name, lora, targets):
    network = read_network(name, *lora(name), targets)
    assert not network.unmatched
    assert network.patches and network.patches.keys() <= targets.shapes.keys()


def test_names_a1111_does_not_know_are_passed_over(lora, targets):
    """Its pictures with such a file are made without it."""
    network = read_network(STRANGE, *lora(STRANGE), targets)
    assert not network.patches and network.unmatched


def test_a_file_for_another_model_is_refused_by_name(targets):
    with pytest.raises(
        ModelMismatch, match=r"other has nothing for this model: lora_unet_no_such_block\.lora_up\.weight"
    ):
        read_network("other", {"lora_unet_no_such_block.lora_up.weight": torch.zeros(4, 2)}, {}, targets)


def test_te_and_unet_are_told_apart(lora, targets):
    assert all(is_text(path) for path in read_network("x", *lora("lora_te_only"), targets).patches)
    assert not any(is_text(path) for path in read_network("x", *lora("lora_unet_only"), targets).patches)


def test_a_bundle_brings_its_words(lora, targets):
    network = read_network("bundle", *lora("lora_bundle"), targets)
    assert {
        word: {encoder: tuple(t.shape) for encoder, t in found.items()} for word, found in network.embeddings.items()
    } == {"bundletok": {"clip_l": (2, 64)}}


def test_a_word_may_hold_dots_and_have_two_encoders(targets):
    tensors = {f"bundle_emb.a.b.{encoder}": torch.zeros(1, 64) for encoder in ("clip_l", "clip_g")}
    assert read_network("x", tensors, {}, targets).embeddings["a.b"].keys() == {"clip_l", "clip_g"}


# A small SDXL: the places that dialects differ over.
SHAPES = {
    "unet.conv_in.weight": (8, 9, 3, 3),
    "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q.weight": (8, 8),
    "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_out.0.weight": (8, 8),
    "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_out.0.bias": (8,),
    "text_encoder.encoder.layers.0.self_attn.q_proj.weight": (8, 8),
    "text_encoder.encoder.layers.0.self_attn.out_proj.weight": (8, 8),
    "text_encoder_2.text_model.encoder.layers.0.self_attn.q_proj.weight": (8, 8),
}
LDM = {
    "input_blocks.0.0.weight": "conv_in.weight",
    "input_blocks.4.1.transformer_blocks.0.attn1.to_q.weight": "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q.weight",
    "input_blocks.4.1.transformer_blocks.0.attn1.to_out.0.weight": "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_out.0.weight",
}
XL = Targets.of(SHAPES, LDM)
Q, TO_OUT, _, TEXT_Q, TEXT_OUT, TEXT_2_Q = list(SHAPES)[1:]
BLOCK = "down_blocks.1.attentions.0.transformer_blocks.0"
JOINED = BLOCK.replace(".", "_")


@pytest.mark.parametrize(("module", "path"), [
    (f"lora_unet_{JOINED}_attn1_to_q.lora_#.weight", Q),
    (f"lora_unet_{JOINED}_attn1_to_out_0.lora_#.weight", TO_OUT),
    ("lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q.lora_#.weight", Q),
    ("lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_out_0.lora_#.weight", TO_OUT),
    ("diffusion_model.input_blocks.4.1.transformer_blocks.0.attn1.to_q.lora_#.weight", Q),
    ("unet.input_blocks.4.1.transformer_blocks.0.attn1.to_out.0.lora_#.weight", TO_OUT),
    ("oft_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q.lora_#.weight", Q),
    (f"lycoris_{JOINED}_attn1_to_q.lora_#.weight", Q),
    (f"lora_unet.{BLOCK}.attn1.to_out.0.lora_#.weight", TO_OUT),
    (f"unet.{BLOCK}.attn1.to_q.lora_@.weight", Q),
    (f"unet.{BLOCK}.attn1.to_q.lora_@.default.weight", Q),
    (f"unet.{BLOCK}.attn1.to_q.lora.#.weight", Q),
    (f"unet.{BLOCK}.attn1.processor.to_q_lora.#.weight", Q),
    (f"unet.{BLOCK}.attn1.processor.to_out_lora.#.weight", TO_OUT),
    (f"{BLOCK}.attn1.processor.to_q_lora.#.weight", Q),
    (f"base_model.model.{BLOCK}.attn1.to_q.lora_@.weight", Q),
    (f"base_model.model.unet.{BLOCK}.attn1.to_q.lora_@.weight", Q),
    ("lora_te_text_model_encoder_layers_0_self_attn_q_proj.lora_#.weight", TEXT_Q),
    ("lora_te1_text_model_encoder_layers_0_self_attn_q_proj.lora_#.weight", TEXT_Q),
    ("lora_te1.text_model.encoder.layers.0.self_attn.q_proj.lora_#.weight", TEXT_Q),
    ("text_encoder.text_model.encoder.layers.0.self_attn.q_proj.lora_linear_layer.#.weight", TEXT_Q),
    ("text_encoder.text_model.encoder.layers.0.self_attn.to_out_lora.#.weight", TEXT_OUT),
    ("text_encoder.text_model.encoder.layers.0.self_attn.q_proj.lora_@.weight", TEXT_Q),
    ("base_model.model.text_model.encoder.layers.0.self_attn.q_proj.lora_@.weight", TEXT_Q),
    ("lora_te2_text_model_encoder_layers_0_self_attn_q_proj.lora_#.weight", TEXT_2_Q),
    ("text_encoder_2.text_model.encoder.layers.0.self_attn.q_proj.lora_@.weight", TEXT_2_Q),
    ("clip_l.text_model.encoder.layers.0.self_attn.q_proj.lora_#.weight", TEXT_Q),
    ("clip_g.text_model.encoder.layers.0.self_attn.q_proj.lora_#.weight", TEXT_2_Q),
    ("text_encoders.clip_l.transformer.text_model.encoder.layers.0.self_attn.q_proj.lora_#.weight", TEXT_Q),
    ("text_encoders.clip_g.transformer.text_model.encoder.layers.0.self_attn.q_proj.lora_#.weight", TEXT_2_Q),
])
def test_one_module_has_many_names(module, path):
    """# stands for up and down, @ for PEFT's B and A."""
    names = [module.replace("#", way).replace("@", letter) for way, letter in (("up", "B"), ("down", "A"))]
    network = read_network("x", {names[0]: torch.ones(8, 2), names[1]: torch.ones(2, 8)}, {}, XL)
    assert list(network.patches) == [path] and not network.unmatched


@pytest.mark.parametrize(
    "module",
    [
        f"oft_unet_{JOINED}_attn1_to_q",
        f"lora_unet_{JOINED}_attn1_to",
        f"lora_unet_{JOINED}_attn1_to_q_",
        f"lora_te2_{JOINED}_attn1_to_q",
        "lora_unet",
        "",
    ],
)
def test_nearly_a_name_is_none(module):
    assert XL.place(f"{module}.lora_up.weight") is None


def lora_of(module, outputs, inputs, *kernel):
    return {
        f"{module}.lora_up.weight": torch.ones(outputs, 2, *[1 for _ in kernel]),
        f"{module}.lora_down.weight": torch.ones(2, inputs, *kernel),
    }


def test_an_ordinary_first_convolution_fits_an_inpainting_models():
    """Its four channels are the first of nine; the others stay."""
    network = read_network("x", lora_of("lora_unet_conv_in", 8, 4, 3, 3), {}, XL)
    changed = network.truncated(1).patches["unet.conv_in.weight"].apply(torch.zeros(8, 9, 3, 3), 1.0)
    assert changed[:, :4].eq(1).all() and changed[:, 4:].eq(0).all()


def test_a_misfit_is_named_with_what_it_is_for():
    tensors = lora_of(f"lora_unet_{JOINED}_attn1_to_q", 8, 16)
    with pytest.raises(ModelMismatch, match=r"my-lora .*to_q.weight is \(8, 8\).*\(2, 16\)") as caught:
        read_network("my-lora", tensors, {"ss_base_model_version": "sd_v2"}, XL)
    assert caught.value.hint == "It was made for SD 2: choose such a checkpoint."


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"ss_base_model_version": "sd_v1"}, "SD 1.5"),
        ({"modelspec.architecture": "stable-diffusion-xl-v1-base/lora"}, "SDXL"),
        ({"ss_base_model_version": "sd3_m"}, "SD 3"),
        ({"ss_base_model_version": "stable_cascade"}, "stable_cascade"),
        ({}, "another family of models"),
    ],
)
def test_a_family_is_told_in_peoples_words(said, told):
    assert told in made_for(said) and "_v" not in made_for(said)


def test_a_transposed_weight_is_a_misfit():
    with pytest.raises(ModelMismatch):
        read_network("x", lora_of("lora_unet_conv_in", 36, 2, 3, 3), {}, XL)


def test_an_unknown_kind_names_file_and_layer():
    with pytest.raises(ModelUnsupported, match=f"my-lora: {Q.removesuffix('.weight')}.*vera"):
        read_network("my-lora", {f"unet.{BLOCK}.attn1.to_q.vera_lambda_b": torch.ones(8)}, {}, XL)


def test_what_is_left_over_is_told():
    stray = {"lora_unet_nowhere.lora_up.weight": torch.ones(1)}
    tensors = (
        lora_of(f"lora_unet_{JOINED}_attn1_to_q", 8, 8)
        | {f"lora_unet_{JOINED}_attn1_to_q.diff_b": torch.ones(8)}
        | stray
    )
    network = read_network("x", tensors, {}, XL)
    assert network.unmatched == (*stray, Q.replace(".weight", ".bias"))      # to_q has no bias


@pytest.mark.parametrize("part", ["lora_up.bias", "lora_B.bias", "scalar", "bias_indices"])
def test_what_no_kind_reads_is_told(part):
    """A file may be known but for something that its trainer added."""
    tensors = lora_of(f"lora_unet_{JOINED}_attn1_to_q", 8, 8)
    network = read_network("x", tensors | {f"lora_unet_{JOINED}_attn1_to_q.{part}": torch.ones(8)}, {}, XL)
    assert list(network.patches) == [Q] and network.unmatched == (f"{Q.removesuffix('.weight')}.{part}",)


def test_a_network_moves_whole():
    network = read_network("x", lora_of("lora_unet_conv_in", 8, 9, 3, 3), {}, XL).to(torch.device("meta"))
    assert network.patches["unet.conv_in.weight"].up.is_meta
