"""A1111's `file=` addresses over HTTP."""

from __future__ import annotations

import pytest

PICTURE = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def outputs(guarded):
    for name in ("alice", "bob"):
        path = guarded.app.data_of(name).paths.outputs / "mine.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PICTURE + name.encode())
    return guarded


@pytest.mark.parametrize("address", ["/file={}", "/file/{}"])
def test_a_picture_is_its_owner_s(outputs, address):
    path = outputs.app.data_of("bob").paths.outputs / "mine.png"
    relative = path.relative_to(outputs.app.flags.data_dir).as_posix()
    for named in (str(path), relative):
        found = outputs.get(address.format(named), auth=("bob", "b-secret"))
        assert found.content == PICTURE + b"bob" and found.headers["x-content-type-options"] == "nosniff"
        assert outputs.get(address.format(named), auth=("alice", "a-secret")).status_code == 404
        assert outputs.get(address.format(named)).status_code == 401


def test_secrets_are_not_served(outputs):
    for name in ("easel.sqlite", "config.json", "../etc/passwd", str(outputs.app.flags.paths.database)):
        assert outputs.get(f"/file={name}", auth=("bob", "b-secret")).status_code == 404, name
