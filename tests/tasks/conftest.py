from __future__ import annotations

import pytest

from tests.playing import golden_device


@pytest.fixture(scope="session")
def device(tmp_path_factory):
    """The golden checkpoints, on the CPU."""
    return golden_device(tmp_path_factory.mktemp("golden-models"))
