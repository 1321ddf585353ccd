from __future__ import annotations

import pytest

from modules.models.catalog import ModelFile
from tests.golden_data import GOLDEN

TINY = GOLDEN / "models/Stable-diffusion/tiny-sd1.safetensors"


@pytest.fixture(scope="session")
def tiny():
    return ModelFile(TINY, TINY.name)
