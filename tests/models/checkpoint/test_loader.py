"""Checkpoints of any size and age become modules that compute what A1111's do."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file, save_file

from modules.base.errors import ModelError, ModelMismatch, ModelUnsupported
from modules.library.catalog import ModelFile
from modules.library.model_kinds import VAE
from modules.models.checkpoint import key_mapping as layout
from modules.models.checkpoint.loader import load_checkpoint
from modules.models.device import Device, Placement
from modules.models.lora.adapters import AdapterFiles
from modules.models.text import PromptEmbeddings, TextReader
from modules.models.vae.preview import LatentPreview
from modules.models.vae.vae import Vae
from modules.prompts import grammar
from modules.prompts.tokenizer import load_tokenizer
from modules.sampling.latent import LatentFormat
from modules.sampling.parametrization import EPSILON, VELOCITY
from modules.sampling.questions import Decode, Encode, Facts, Reading, SizeConditioning, Weights
from tests.golden_data import GOLDEN, library, with_folders

CPU = torch.device("cpu")
WEIGHTS = Weights("0" * 64)
TENSORS = np.load(GOLDEN / "tensors/vae_unet.npz")
CASES = json.loads((GOLDEN / "tensors/vae_unet.json").read_text())


@pytest.fixture(scope="module")
def model(tiny):
    found = load_checkpoint(tiny)
    found.to(CPU, *[torch.float32] * 3)
    return found


@pytest.fixture(scope="module")
def loaded(tiny):
    """The same in its file's precision, as it is loaded."""
    return load_checkpoint(tiny)


def saved(tensors, path, **how):
    save_file(tensors, path, **how)
    shutil.copy(GOLDEN / "models/Stable-diffusion/tiny-sd1.yaml", path.with_suffix(".yaml"))
    return ModelFile(path, path.name)


@pytest.fixture
def weights(tiny):
    return load_file(tiny.path)


@pytest.mark.parametrize("case", [c for c in CASES if c["id"].startswith("u")], ids=lambda c: c["id"])
@torch.inference_mode()
def test_the_unet_is_a1111s(model, case):
    x, cond, out = (torch.from_numpy(TENSORS[f"{case['id']}/{name}"]) for name in ("x", "c", "out"))
    ours = model.unet(x, torch.tensor(case["t"]), encoder_hidden_states=cond).sample
    assert (ours - out).abs().max() < 1e-4


@pytest.mark.parametrize("case", [c for c in CASES if c["id"].startswith("v")], ids=lambda c: c["id"])
@torch.inference_mode()
def test_the_vae_is_a1111s(model, case):
    names = {key.split("/")[1]: torch.from_numpy(TENSORS[key]) for key in TENSORS if key.startswith(case["id"] + "/")}
    latent = next(tensor for name, tensor in names.items() if tensor.shape[-3] == 4)
    picture = next(tensor for name, tensor in names.items() if name.startswith("dec"))
    ours = Vae(model.vae, model.latent).decode(latent.reshape(latent.shape[-3:]))
    assert (ours - picture.reshape(picture.shape[-3:])).abs().max() < 1e-3


CONDS = json.loads((GOLDEN / "tensors/conds.json").read_text())


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    """The golden embeddings that fit into a prompt."""
    files = AdapterFiles(library(tmp_path_factory.mktemp("none"), GOLDEN / "models"))
    hashes = [files.library.embeddings.hashed(file).sha256 for file in files.library.embeddings.list()]
    return [found for found in map(files.embedding, hashes) if found.count <= 75]


CONDITIONINGS = np.load(GOLDEN / "tensors/conds.npz")


@pytest.mark.parametrize("case", CONDS, ids=lambda c: c["id"])
@torch.inference_mode()
def test_prompts_mean_what_they_mean_to_a1111(model, case, words):
    reader = TextReader(model, load_tokenizer(GOLDEN / "models/tiny-clip"))
    reading = Reading(case["emphasis"], case["clip_skip"])
    for i, (text, _) in enumerate(grammar.compose(case["prompt"])):
        entries = grammar.schedule(text, case["steps"])
        for j, cond in enumerate(
            reader.read(
                Encode(WEIGHTS, tuple(text for _, text in entries), reading, SizeConditioning(64, 64)),
                PromptEmbeddings(words),
            ).conds
        ):
            if f"{case['id']}/{i}_{j}" in CONDITIONINGS:      # of many entries the first few were recorded
                np.testing.assert_allclose(cond.text.numpy(), CONDITIONINGS[f"{case['id']}/{i}_{j}"], atol=2e-5)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_files_precision_is_kept_until_it_is_moved(weights, tmp_path, dtype):
    found = load_checkpoint(
        saved({k: t.to(dtype) if t.is_floating_point() else t for k, t in weights.items()}, tmp_path / "x.safetensors")
    )
    assert {parameter.dtype for parameter in found.unet.parameters()} == {dtype}


def test_moving_keeps_every_weight(weights, tiny, model):
    unet = layout.unet_names(layout.below(weights, layout.UNET_PREFIX))
    state = model.unet.state_dict()
    assert len(unet) == len(state)
    for ours, theirs in unet.items():
        assert torch.equal(weights[layout.UNET_PREFIX + ours].float().reshape(state[theirs].shape), state[theirs])


@pytest.mark.slow
def test_ema_weights_are_left_alone(weights, tmp_path):
    extra = {"model_ema." + k.replace("model.", "").replace(".", ""): t.clone() for k, t in list(weights.items())[-20:]}
    load_checkpoint(saved(weights | extra, tmp_path / "ema.safetensors"))


@pytest.mark.slow
@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_old_ckpt_files_give_the_same_tensors(weights, tiny, tmp_path, zipped):
    path = tmp_path / "old.ckpt"
    content = {
        "state_dict": weights,
        "epoch": 3,
        "callbacks": {"x": {"best_model_score": torch.tensor(0.5)}},
        "lr": np.float64(1e-4),
    }
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    shutil.copy(tiny.path.with_suffix(".yaml"), path.with_suffix(".yaml"))
    ours, theirs = load_checkpoint(ModelFile(path, path.name)), load_checkpoint(tiny)
    found = ours.unet.state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in theirs.unet.state_dict().items())


def test_the_demo_model_loads_with_the_shapes_its_metadata_tells():
    path = GOLDEN.parents[1] / "models/Stable-diffusion/easel-stickers-128.safetensors"
    found = load_checkpoint(ModelFile(path, path.name))
    assert (found.native_size, found.unet.config.attention_head_dim, found.vae.config.norm_num_groups) == (128, 4, 8)
    assert found.latent.factor == pytest.approx(0.26583558)
    assert found.texts[0].module.config.num_attention_heads == 4


@pytest.mark.slow
def test_parameterization_is_read_from_the_yaml(tiny, tmp_path):
    path = tmp_path / "v.safetensors"
    shutil.copy(tiny.path, path)
    shutil.copy(GOLDEN / "models/Stable-diffusion/tiny-v.yaml", path.with_suffix(".yaml"))
    assert load_checkpoint(ModelFile(path, path.name)).parametrization == VELOCITY
    assert load_checkpoint(tiny).parametrization == EPSILON


FIRST = "model.diffusion_model.input_blocks.0.0.weight"


def without(weights, name):
    return {key: tensor for key, tensor in weights.items() if key != name}


@pytest.mark.slow
@pytest.mark.parametrize(("spoil", "named"), [
    (lambda w: without(w, "model.diffusion_model.out.2.bias"), "model.diffusion_model."),
    (lambda w: w | {"model.diffusion_model.out.2.bias": torch.zeros(7).half()}, "model.diffusion_model.out.2.bias"),
    (lambda w: w | {FIRST: w[FIRST].transpose(2, 3)[:, :, :2].contiguous()}, FIRST),
    (lambda w: without(w, "first_stage_model.decoder.conv_in.weight"), "first_stage_model."),
    (lambda w: without(w, "cond_stage_model.transformer.text_model.final_layer_norm.weight"), "final_layer_norm"),
    (lambda w: {k: t for k, t in w.items() if ".encoder.layers." not in k}, "cond_stage_model."),
], ids=["missing", "misshapen", "transposed", "vae", "clip", "clip-hollow"])
def test_what_does_not_fit_is_named(weights, tmp_path, spoil, named):
    with pytest.raises(ModelMismatch) as caught:
        assert load_checkpoint(saved(spoil(weights), tmp_path / "bad.safetensors")).vae
    assert "bad.safetensors" in str(caught.value) and named in str(caught.value)


CLIP = "cond_stage_model.transformer."
EXTRAS = {
    "projection": {f"{CLIP}text_projection.weight": torch.zeros(64, 64)},
    "scale": {f"{CLIP}logit_scale": torch.tensor(4.6)},
    "vision": {
        f"{CLIP}vision_model.encoder.layers.0.mlp.fc1.weight": torch.zeros(8, 8),
        f"{CLIP}visual_projection.weight": torch.zeros(8, 8),
    },
    "positions": {f"{CLIP}text_model.embeddings.position_ids": torch.arange(77)[None]},
    "unet": {
        "model.diffusion_model.middle_block.1.transformer_blocks.0.attn2.to_k_ip.weight": torch.zeros(4, 4),
        "model.diffusion_model.y": torch.ones(1),
    },
    "vae": {
        "first_stage_model.loss.logvar": torch.zeros(1),
        "first_stage_model.decoder.mid.attn_1.extra.weight": torch.zeros(4),
    },
    "open_clip": {
        "cond_stage_model.model.token_embedding.weight": torch.zeros(8, 24),
        "cond_stage_model.model.ln_final.bias": torch.zeros(24),
    },
    "sdxl": {"conditioner.embedders.0.model.logit_scale": torch.tensor(1.0)},
    "own": {
        "alphas_cumprod": torch.ones(1000),
        "model_ema.decay": torch.tensor(0.5),
        "control_model.x": torch.zeros(2),
        "optimizer.step": torch.tensor(3),
    },
}


def same_weights(one, other):
    parts = [
        (one.unet, other.unet),
        (one.vae, other.vae),
        *((a.module, b.module) for a, b in zip(one.texts, other.texts, strict=True)),
    ]
    states = ((a.state_dict(), b.state_dict()) for a, b in parts)
    return all(torch.equal(tensor, theirs[name]) for ours, theirs in states for name, tensor in ours.items())


@pytest.mark.slow
@pytest.mark.parametrize("extra", EXTRAS.values(), ids=EXTRAS.keys())
def test_what_other_tools_put_beside_the_weights_is_passed_over(weights, tmp_path, loaded, extra):
    found = load_checkpoint(saved(weights | extra, tmp_path / "more.safetensors"))
    assert found.family.name == "SD1" and same_weights(found, loaded)


@pytest.mark.slow
def test_what_is_passed_over_in_a_part_is_logged(weights, tmp_path, caplog):
    load_checkpoint(saved(weights | EXTRAS["unet"] | EXTRAS["positions"], tmp_path / "more.safetensors"))
    [said] = [record.getMessage() for record in caplog.records]
    assert "more.safetensors: 2 tensors are left out" in said and "to_k_ip" in said


@pytest.mark.slow
def test_nothing_is_said_of_a_file_as_its_makers_wrote_it(tiny, caplog):
    load_checkpoint(tiny)
    assert not caplog.records


@pytest.mark.parametrize(
    ("key", "looks"),
    [
        ("lora_unet_x.lora_up.weight", "LoRA"),
        ("double_blocks.0.x", "Flux"),
        ("x", "none of the kinds"),
        ("decoder.conv_in.weight", "VAE"),
        ("control_model.x", "ControlNet"),
        ("text_model.encoder.layers.0.mlp.fc1.bias", "text encoder"),
        ("emb_params", "embedding"),
        ("down_blocks.0.resnets.0.conv1.weight", "diffusers"),
        ("model.0.body.0.rdb1.conv1.weight", "upscaler"),
        ("down_blocks.0.motion_modules.0.x", "motion"),
    ],
)
def test_strangers_are_told_what_they_are(tmp_path, key, looks):
    with pytest.raises(ModelUnsupported, match=f"stranger.safetensors is no checkpoint: it is .*{looks}"):
        load_checkpoint(saved({key: torch.zeros(2)}, tmp_path / "stranger.safetensors"))


def test_a_unet_alone_is_told_what_it_lacks(weights, tmp_path):
    unet = {key: tensor for key, tensor in weights.items() if key.startswith(layout.UNET_PREFIX)}
    with pytest.raises(
        ModelUnsupported, match="half.safetensors is the UNet of a checkpoint without the text encoders"
    ):
        load_checkpoint(saved(unet, tmp_path / "half.safetensors"))


def test_a_checkpoint_where_a_vae_is_asked_for_is_told_so(tiny):
    from modules.models.checkpoint.loader import load_vae_file

    lora = GOLDEN / "models/Lora/locon.safetensors"
    with pytest.raises(ModelUnsupported, match="is a LoRA"):
        load_vae_file(lora)


VAES = {
    "none": lambda weights: {key: tensor for key, tensor in weights.items() if not key.startswith(layout.VAE_PREFIX)},
    "half": lambda weights: without(weights, "first_stage_model.decoder.conv_in.weight"),
}


@pytest.mark.slow
@pytest.mark.parametrize("spoil", VAES.values(), ids=VAES.keys())
def test_a_checkpoint_without_a_vae_draws_with_a_chosen_one_and_else_says_what_to_choose(weights, tmp_path, spoil):
    saved(spoil(weights), tmp_path / "novae.safetensors")
    shutil.copy(GOLDEN / "models/VAE/tiny-alt.vae.safetensors", tmp_path / "alt.vae.safetensors")
    models = library(tmp_path)
    models = with_folders(models, VAE, tmp_path)
    device = Device(models, load_tokenizer(GOLDEN / "models/tiny-clip"), Placement.choose(cpu=True), lambda *_: None)
    checkpoint = models.checkpoints.hashed(models.checkpoints.find("novae")).sha256
    other = models.vaes.hashed(models.vaes.find("alt.vae.safetensors")).sha256
    assert device.answer([Facts(Weights(checkpoint, other), decodes=True)]) and device.answer(
        [Facts(Weights(checkpoint))]
    )
    latent = torch.zeros(4, 8, 8)
    assert device.answer([Decode(Weights(checkpoint, other), latent)])[0].shape == (64, 64, 3)
    assert device.preview(Weights(checkpoint, other))(latent).shape[0] == 3
    for question in (Facts(Weights(checkpoint), decodes=True), Decode(Weights(checkpoint), latent)):
        with pytest.raises(ModelError, match="novae.safetensors") as caught:
            device.answer([question])
        assert "VAE" in caught.value.hint and "Download" not in caught.value.hint


def test_a_broken_vaes_preview_is_grey(model):
    broken = copy.deepcopy(model.vae)
    next(broken.decoder.parameters()).fill_(float("inf"))
    assert torch.equal(
        LatentPreview(Vae(broken, LatentFormat(factor=1.0))).look(torch.ones(4, 8, 8)), torch.zeros(3, 8, 8)
    )


@pytest.mark.slow
def test_a_broken_file_leaves_the_model_in_use(tmp_path, tiny):
    shutil.copy(tiny.path, tmp_path / "good.safetensors")
    shutil.copy(tiny.path.with_suffix(".yaml"), tmp_path / "good.yaml")
    (tmp_path / "bad.safetensors").write_bytes(tiny.path.read_bytes()[:-100])
    models = library(tmp_path)
    catalog = models.checkpoints
    device = Device(models, load_tokenizer(GOLDEN / "models/tiny-clip"), Placement.choose(cpu=True), lambda *_: None)
    good, bad = (Weights(catalog.hashed(catalog.find(name)).sha256) for name in ("good", "bad"))
    ready = device.ready(good)
    with pytest.raises(Exception, match="bad.safetensors"):
        device.ready(bad)
    assert device.ready(good) is ready


PEAK = """
import sys, resource, torch
from pathlib import Path
from modules.library.catalog import ModelFile
from modules.models.checkpoint.loader import load_checkpoint
path = Path(sys.argv[1])
load_checkpoint(ModelFile(Path(sys.argv[2]), "warm")).to(torch.device("cpu"), *[torch.float32] * 3)
def anonymous():
    return int(next(l for l in open("/proc/self/status") if l.startswith("RssAnon")).split()[1]) * 1024
before = anonymous()
model = load_checkpoint(ModelFile(path, path.name))
print(anonymous() - before)
"""


@pytest.mark.slow
def test_loading_copies_no_weights(tmp_path, tiny):
    """A file of 128 MB, mapped, costs next to no memory of one's own."""
    unet = UNet2DConditionModel(block_out_channels=(128, 192), down_block_types=("CrossAttnDownBlock2D",) * 2,
                                up_block_types=("CrossAttnUpBlock2D",) * 2, cross_attention_dim=64, layers_per_block=2)
    back = {theirs: ours for ours, theirs in inverse_names(unet.state_dict()).items()}
    tensors = {layout.UNET_PREFIX + back[name]: tensor for name, tensor in unet.state_dict().items()}
    rest = {k: t for k, t in load_file(tiny.path).items() if not k.startswith(layout.UNET_PREFIX)}
    checkpoint = saved(tensors | rest, tmp_path / "large.safetensors")
    out = subprocess.run(
        [sys.executable, "-c", PEAK, str(checkpoint.path), str(tiny.path)], capture_output=True, text=True, check=True
    )
    assert int(out.stdout) < 0.3 * checkpoint.path.stat().st_size


def inverse_names(state):
    """LDM name → diffusers name for a UNet of two levels with two blocks each, attention everywhere."""
    places = ["input_blocks.0.0.x", "time_embed.0.x", "time_embed.2.x", "out.0.x", "out.2.x"]
    places += [f"input_blocks.{n}.{m}" for n in (1, 2, 4, 5) for m in ("0", "1")] + ["input_blocks.3.0.op"]
    places += [f"output_blocks.{n}.{m}" for n in range(6) for m in ("0", "1")] + ["output_blocks.2.2.conv"]
    keys = [f"{place}.weight" for place in places]
    prefixes = dict(layout.UNET_ENDS)
    prefixes |= layout.resnet("middle_block.0", "mid_block.resnets.0") | layout.resnet(
        "middle_block.2", "mid_block.resnets.1"
    )
    prefixes |= dict(layout.down_blocks(keys)) | dict(layout.up_blocks(keys))
    found = layout.replace_prefixes(state, {theirs: ours for ours, theirs in prefixes.items()})
    return {ours: theirs for theirs, ours in found.items()}
