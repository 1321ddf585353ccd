from __future__ import annotations

import pytest
import torch

from modules.models.device import Device, Placement
from modules.prompts.tokenizer import load_tokenizer
from tests.golden_data import GOLDEN, assemble_models, golden_library


@pytest.fixture(scope="session")
def device(tmp_path_factory):
    """The golden checkpoints, on the CPU."""
    torch.set_num_threads(1)
    folder = assemble_models(tmp_path_factory.mktemp("golden-models"))
    return Device(golden_library(folder), load_tokenizer(GOLDEN / "models/tiny-clip"), Placement.choose(cpu=True), lambda *_: None)
