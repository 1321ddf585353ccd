from __future__ import annotations

import pytest

from modules.library.catalog import ModelFile
from modules.models.lora.adapters import AdapterFiles
from tests.golden_data import GOLDEN, library

TINY = GOLDEN / "models/Stable-diffusion/tiny-sd1.safetensors"


@pytest.fixture(scope="session")
def tiny():
    return ModelFile(TINY, TINY.name)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The networks among the golden models."""
    return AdapterFiles(library(tmp_path_factory.mktemp("none"), GOLDEN / "models"))
