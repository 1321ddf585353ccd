"""A1111's `modules.face_restoration`: the base of what mends faces."""

from __future__ import annotations

from typing import Any

from modules.surface import shared


class FaceRestoration:
    """A restorer of faces, as extensions add one to `shared.face_restorers`."""

    def name(self) -> str:
        return "None"

    def restore(self, np_image: Any) -> Any:
        return np_image


def restore_faces(np_image: Any) -> Any:
    """Return the picture with its faces mended by the restorer that the settings name, if there is one."""
    wanted = getattr(shared.opts, "face_restoration_model", None)
    found = next((each for each in shared.face_restorers if each.name() == wanted or wanted is None), None)
    return found.restore(np_image) if found else np_image
