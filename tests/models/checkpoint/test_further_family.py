"""A further family is a row and two networks: a tiny flow-matching
transformer with a text encoder of its own draws like the others.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers import SD3Transformer2DModel
from safetensors.torch import load_file, save_file
from torch import nn

from modules.base.errors import ModelUnsupported
from modules.base.families import KnownFamily
from modules.engine.engine import Engine, ImageTask
from modules.models.checkpoint.families import FAMILIES
from modules.models.checkpoint.family import Denoiser, Family, PartNetwork, TextPart
from modules.models.checkpoint.hints import Hints
from modules.models.checkpoint.key_mapping import count
from modules.models.checkpoint.loader import load_checkpoint
from modules.models.device import Device, Placement
from modules.models.vae.vae import to_uint8 as to_pixels
from modules.params.txt2img import Txt2Img
from modules.pipelines.plan import Files
from modules.prompts.tokenizer import load_tokenizer
from modules.requests.resolve import resolve_request
from modules.sampling.latent import LatentFormat
from modules.sampling.noise import ImageNoise
from modules.sampling.parametrization import FLOW
from modules.sampling.questions import Cond, Decode, Meaning, Weights
from modules.settings.options import Settings
from tests.golden_data import GOLDEN, library
from tests.planning import image_plan

WIDTH, SHIFT, STEPS, SCALE = 16, 3.0, 4, 3.0


# The two networks -----------------------------------------------------------------------------------


def config(tensors):
    """Arguments of the transformer, read off its weights."""
    width, channels, patch, _ = tensors["pos_embed.proj.weight"].shape
    return {
        "sample_size": 8, "patch_size": patch, "in_channels": channels, "out_channels": channels,
        "num_layers": count(tensors, "transformer_blocks"), "attention_head_dim": 8, "num_attention_heads": width // 8,
        "joint_attention_dim": tensors["context_embedder.weight"].shape[1], "caption_projection_dim": width,
        "pooled_projection_dim": WIDTH, "pos_embed_max_size": 16,
    }


def arguments(network, inputs, rows):
    """The transformer is told t in thousandths, which is what a flow's timestep is."""
    weight = next(network.parameters())
    texts, pooled = (torch.stack([getattr(row.cond, name) for row in rows]).to(weight) for name in ("text", "vector"))
    times = torch.tensor([row.timestep for row in rows])
    return (inputs.latents.to(weight.dtype), texts, pooled, times), {"return_dict": False}


class ByteEncoder(nn.Module):
    """A text's bytes, looked up and mixed."""

    def __init__(self):
        super().__init__()
        self.table, self.mix = nn.Embedding(256, WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, text):
        states = self.mix(self.table(torch.tensor([0, *text.encode()])))
        return states, states.mean(0)


class ByteReader:
    """How this family reads prompts."""

    def __init__(self, model, tokenizer):
        self.encoder = model.texts[0].module

    def read(self, ask, words):
        return Meaning(tuple(Cond(*self.encoder(text)) for text in ask.texts))


def same_names(keys):
    return {key: key for key in keys}


# The row --------------------------------------------------------------------------------------------

TRANSFORMER = PartNetwork(same_names, lambda tensors, hints: SD3Transformer2DModel(**config(tensors)))
BYTES = PartNetwork(same_names, lambda tensors, hints: ByteEncoder())
TINY_FLOW = Family(
    KnownFamily("TinyFlow", "Tiny Flow", "tinyflow", ("context_embedder",)),
    Denoiser(
        TRANSFORMER,
        arguments,
        "transformer.",
        "transformer.pos_embed.proj.weight",
        "transformer.context_embedder.weight",
    ),
    (TextPart("bytes.", BYTES, table="table.weight"),),
    ByteReader,
    LatentFormat(4, 8, 0.3611, 0.1159, tiny=""),
    Hints(prediction_type=FLOW.name, shift=SHIFT),
    aligned=(),
)


# Its checkpoint, and how it draws -------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A checkpoint of random weights, with the VAE of the golden one."""
    torch.manual_seed(0)
    shape = {"pos_embed.proj.weight": torch.empty(32, 4, 2, 2), "context_embedder.weight": torch.empty(32, WIDTH)}
    shape |= {f"transformer_blocks.{number}.x": torch.empty(0) for number in range(2)}
    parts = {"transformer.": SD3Transformer2DModel(**config(shape)), "bytes.": ByteEncoder()}
    tensors = {prefix + name: tensor for prefix, part in parts.items() for name, tensor in part.state_dict().items()}
    tiny = load_file(GOLDEN / "models/Stable-diffusion/tiny-sd1.safetensors")
    tensors |= {name: tensor for name, tensor in tiny.items() if name.startswith("first_stage_model.")}
    found = tmp_path_factory.mktemp("flow")
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, found / "tiny-flow.safetensors")
    return found


@pytest.fixture(scope="module")
def device(folder):
    tokenizer = load_tokenizer(GOLDEN / "models/tiny-clip")
    return Device(
        library(folder), tokenizer, Placement.choose(cpu=True), lambda *_: None, families=(*FAMILIES, TINY_FLOW)
    )


def drawn(device, *seeds, **asked):
    """The pictures of these seeds, made together by the engine."""
    files = Files(device.library.checkpoints.hashed(device.library.checkpoints.default()))
    usual = {"prompt": "a cat", "negative_prompt": "fog", "steps": STEPS, "cfg_scale": SCALE, "width": 64, "height": 64}
    plans = [
        image_plan(resolve_request(Txt2Img(**usual | {"scheduler": "Simple", "seed": seed} | asked)), Settings(), files)
        for seed in seeds
    ]
    tasks = [ImageTask(plan.task(), "job", place, "me", 0) for place, plan in enumerate(plans)]
    engine = Engine(device.answer, lambda task: None)
    engine.submit(tasks)
    engine.listen()
    while engine.running:
        engine.step()
    for task in tasks:
        if task.error:
            raise task.error
    return [task.result.pixels.astype(int) for task in tasks]


@torch.inference_mode()
def by_hand(device, seed):
    """Euler's method on dx/dt = v from t = 1 to 0, as flow matching is written."""
    weights = Weights(device.library.checkpoints.hashed(device.library.checkpoints.default()).sha256)
    model = device.loaded(weights).model
    even = [1 - step / STEPS for step in range(STEPS)]
    times = [min(SHIFT * t / (1 + (SHIFT - 1) * t), 1 - 1e-4) for t in even] + [0.0]
    x = ImageNoise(seed, (4, 8, 8)).first() * times[0]
    for now, then in zip(times, times[1:], strict=False):
        toward, away = (velocity(model, x, now, text) for text in ("a cat", "fog"))
        x = x + (away + SCALE * (toward - away)) * (then - now)
    return to_pixels(device.decoded(Decode(weights, x))).astype(int)


def velocity(model, x, t, text):
    states, pooled = model.texts[0].module(text)
    return model.unet(x[None], states[None], pooled[None], torch.tensor([1000 * t]), return_dict=False)[0][0]


def test_it_is_told_by_its_tensors_and_says_what_it_is(folder, device):
    model = load_checkpoint(library(folder).checkpoints.default(), (*FAMILIES, TINY_FLOW))
    assert (model.family.title, model.parametrization, model.image_channels, len(model.texts)) == (
        "Tiny Flow",
        FLOW,
        0,
        1,
    )
    with pytest.raises(ModelUnsupported, match="is no checkpoint"):
        load_checkpoint(library(folder).checkpoints.default())


@pytest.mark.slow
def test_euler_draws_what_flow_matching_by_hand_draws(device):
    [ours] = drawn(device, 5, sampler_name="Euler")
    theirs = by_hand(device, 5)
    assert ours.std() > 1 and np.abs(ours - theirs).max() <= 2


@pytest.mark.slow
def test_company_changes_nothing(device):
    together = drawn(device, 5, 6, 7, sampler_name="Euler")
    for seed, pixels in zip((5, 6, 7), together, strict=True):
        assert np.abs(drawn(device, seed, sampler_name="Euler")[0] - pixels).max() <= 1
    assert np.abs(together[0] - together[1]).max() > 10


@pytest.mark.parametrize("sampler", ["Euler a", "Heun", "DPM++ 2M", "DPM++ SDE", "DDIM", "UniPC", "PLMS"])
def test_other_samplers_draw_too(device, sampler):
    [pixels] = drawn(device, 5, sampler_name=sampler, scheduler="Automatic", steps=6)
    assert pixels.shape == (64, 64, 3) and pixels.std() > 1


@pytest.mark.slow
def test_a_diffusion_family_may_be_trained_as_a_flow_too(tmp_path):
    """Rectified-flow checkpoints of a UNet say so in their metadata."""
    tiny = load_file(GOLDEN / "models/Stable-diffusion/tiny-sd1.safetensors")
    save_file(tiny, tmp_path / "flow.safetensors", {"config": '{"prediction_type": "flow"}'})
    model = load_checkpoint(library(tmp_path).checkpoints.default())
    assert (
        model.family.name == "SD1"
        and model.parametrization == FLOW
        and model.levels.highest == pytest.approx(9999, rel=1e-3)
    )
