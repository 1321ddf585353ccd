"""Stable Diffusion's safety checker with random weights: small ones to run, and the names and shapes of the real one."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from safetensors.torch import save_file
from transformers import CLIPConfig

SMALL = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
         "image_size": 24, "patch_size": 8, "projection_dim": 16}
# ViT-L/14 of Radford et al. 2021
REAL = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16,
        "image_size": 224, "patch_size": 14, "projection_dim": 768}
NEVER, ALWAYS = 2.0, -2.0      # thresholds of a cosine


def small_checker(threshold=NEVER, sizes=SMALL):
    """A checker whose 17 concepts, and 3 special ones, have that threshold."""
    torch.manual_seed(0)
    checker = StableDiffusionSafetyChecker(CLIPConfig(vision_config=sizes, projection_dim=sizes["projection_dim"]))
    for name in ("concept_embeds", "special_care_embeds"):
        checker.get_parameter(name).data.normal_()
    checker.concept_embeds_weights.data.fill_(threshold)
    checker.special_care_embeds_weights.data.fill_(NEVER)
    return checker.eval()


def write_checker(path: Path, checker, config=True):
    """The checker as a file, with diffusers' config.json beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {name: tensor.contiguous() for name, tensor in checker.state_dict().items()}
    save_file(state, path) if path.suffix == ".safetensors" else torch.save(state, path)
    if config:
        path.with_name("config.json").write_text(json.dumps(checker.config.to_dict()))
    return path


def as_published(state):
    """The names of the published file, which has the encoder's own name twice, and its positions as a tensor."""
    old = {name.replace("vision_model.", "vision_model.vision_model.", 1): tensor for name, tensor in state.items()}
    positions = len(state["vision_model.embeddings.position_embedding.weight"])
    return old | {"vision_model.vision_model.embeddings.position_ids": torch.arange(positions)[None]}
