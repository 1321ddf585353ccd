from __future__ import annotations

import pytest
from safetensors import safe_open
from safetensors.torch import load_file

from modules.library.catalog import ModelFile
from modules.models.checkpoint import key_mapping as layout
from modules.models.checkpoint.loader import load_checkpoint
from modules.networks.dialects import Targets
from tests.golden_data import GOLDEN

TINY = GOLDEN / "models/Stable-diffusion/tiny-sd1.safetensors"


@pytest.fixture(scope="session")
def model():
    return load_checkpoint(ModelFile(TINY, TINY.name))


@pytest.fixture(scope="session")
def ldm_names():
    """The tiny model's UNet parameters: LDM's name → diffusers'."""
    with safe_open(TINY, "pt") as file:
        return layout.unet_names(layout.below(list(file.keys()), layout.UNET_PREFIX))


@pytest.fixture(scope="session")
def targets(model, ldm_names):
    parts = {"unet": model.unet, "text_encoder": model.texts[0].module}
    shapes = {
        f"{part}.{name}": tuple(p.shape) for part, module in parts.items() for name, p in module.named_parameters()
    }
    return Targets.of(shapes, ldm_names)


@pytest.fixture(scope="session")
def lora():
    """A golden network's tensors and metadata, by name."""
    def read(name):
        path = GOLDEN / f"models/Lora/{name}.safetensors"
        with safe_open(path, "pt") as file:
            return load_file(path), file.metadata()
    return read
