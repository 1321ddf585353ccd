"""The networks of Stable Diffusion checkpoints, as diffusers and transformers have them."""

from __future__ import annotations

from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from modules.models.checkpoint import infer_config as shapes
from modules.models.checkpoint import key_mapping as layout
from modules.models.checkpoint.family import PartNetwork

UNET_NETWORK = PartNetwork(
    layout.unet_names, lambda tensors, hints: UNet2DConditionModel(**shapes.unet_config(tensors, hints.unet))
)
VAE_NETWORK = PartNetwork(
    layout.vae_names, lambda tensors, hints: AutoencoderKL(**shapes.vae_config(tensors, hints.vae))
)
CLIP_TEXT = PartNetwork(
    layout.clip_names, lambda tensors, hints: CLIPTextModel(CLIPTextConfig(**shapes.clip_config(tensors, hints.clip)))
)
OPEN_CLIP_TEXT = PartNetwork(
    layout.open_clip_names,
    lambda tensors, hints: CLIPTextModelWithProjection(CLIPTextConfig(**shapes.open_clip_config(tensors))),
    layout.split_open_clip,
    layout.join_open_clip,
)
