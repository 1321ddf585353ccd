"""What all tests of workers share."""

from __future__ import annotations

import pytest

from modules.worker.cluster.ray_token import AUTH_MODE


@pytest.fixture(scope="session", autouse=True)
def ray_without_token():
    """Clusters within the tests have no strangers, whatever token lies in the home directory.

    For all of a process's: Ray keeps the first one's mode, and actors of a cluster with another mode never start.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(AUTH_MODE, "disabled")
        yield
