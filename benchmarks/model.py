"""A random model of 35 million UNet parameters, in memory, and a device that has it ready."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from modules.library.catalog import ModelFile
from modules.models.checkpoint.families import CLIP, FAMILIES
from modules.models.checkpoint.loaded_model import LoadedModel, TextEncoder
from modules.models.checkpoint.loader import alphas_cumprod
from modules.models.device import Placement, Ready
from modules.prompts.tokenizer import load_tokenizer
from modules.sampling.latent import SD_LATENT
from modules.sampling.questions import Weights
from modules.sampling.schedules import ModelSigmas

WEIGHTS = Weights("0" * 64)
CHECKPOINT = ModelFile(Path("random-35m.safetensors"), "random-35m.safetensors", WEIGHTS.checkpoint)
SIDE = 128      # pixels; latents of 16 × 16
VOCABULARY = Path(__file__).resolve().parents[1] / "configs/clip"


def random_model(dtype: torch.dtype = torch.float32) -> LoadedModel:
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(64, 128, 256, 256),
        layers_per_block=2,
        cross_attention_dim=256,
        attention_head_dim=8,
    )
    vae = AutoencoderKL(
        block_out_channels=(16, 32, 64, 128), norm_num_groups=8, latent_channels=4,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
    )
    clip = CLIPTextModel(
        CLIPTextConfig(
            hidden_size=256, intermediate_size=1024, num_hidden_layers=4, num_attention_heads=4, projection_dim=256
        )
    )
    torch.nn.init.constant_(clip.final_layer_norm.bias, 0.1)      # as in trained ones, texts' mean is not 0
    unet, vae, clip = (part.eval().requires_grad_(False).to(dtype) for part in (unet, vae, clip))
    levels = ModelSigmas.of(alphas_cumprod(0.00085, 0.012))
    return LoadedModel(unet, {}, vae, (TextEncoder(clip, CLIP),), FAMILIES[0], levels, SD_LATENT, SIDE, CHECKPOINT)


class Memory:
    """The part of a library that a device asks for."""

    def __init__(self, checkpoint: ModelFile) -> None:
        self.checkpoints, self.catalogs = self, {}
        self.of, self.list, self.refresh = lambda _: self, lambda: [], lambda: None      # its upscalers: none
        self.find = self.hashed = lambda _: checkpoint
        self.vae_for = lambda *_: None


def ready_device(model: LoadedModel) -> object:
    """A Device that has the model already."""
    from modules.models.device import Device

    device = Device(Memory(model.checkpoint), load_tokenizer(VOCABULARY), Placement.choose(cpu=True), lambda *_: None)
    device._ready[WEIGHTS.checkpoint, None] = Ready(model, device.tokenizer, device.files)
    return device
