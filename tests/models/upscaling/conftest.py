from __future__ import annotations

import pytest
import torch


@pytest.fixture
def picture():
    """(1, 3, 11, 14) in 0–1; neither side is a multiple of 4."""
    return torch.rand(1, 3, 11, 14, generator=torch.Generator().manual_seed(1))
