from __future__ import annotations

import pytest

from tests.servers import serving, with_tiny_model


@pytest.fixture(scope="session")
def client(tmp_path_factory):
    with serving(with_tiny_model(tmp_path_factory.mktemp("data"))) as found:
        yield found


@pytest.fixture(scope="session")
def guarded(tmp_path_factory):
    """A server with two people."""
    with serving(
        with_tiny_model(tmp_path_factory.mktemp("shared")), "--api-auth", "alice:a-secret,bob:b-secret"
    ) as found:
        yield found
