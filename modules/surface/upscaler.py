"""A1111's `modules.upscaler`: bases of what enlarges pictures."""

from __future__ import annotations

from typing import Any

from PIL.Image import Resampling

LANCZOS, NEAREST = Resampling.LANCZOS, Resampling.NEAREST


class Upscaler:
    """A kind of upscalers; `do_upscale` is its subclass's."""

    name: str | None = None
    model_path: str | None = None
    model_name: str | None = None
    model_url: str | None = None
    user_path: str | None = None
    enable = True
    scale = 1
    filter = None
    scalers: list[Any] = []
    tile = True

    def __init__(self, create_dirs: bool = False) -> None:
        self.mod_pad_h = self.mod_scale = None
        self.scalers = []

    def do_upscale(self, img: Any, selected_model: str) -> Any:
        return img

    def upscale(self, img: Any, scale: float, selected_model: str | None = None) -> Any:
        """Return the picture that many times as large, by several passes if need be."""
        width, height = int(img.width * scale) // 8 * 8, int(img.height * scale) // 8 * 8
        for _ in range(3):
            if img.width >= width and img.height >= height:
                break
            before, img = img.size, self.do_upscale(img, selected_model or "")
            if img.size == before:
                break
        return img if img.size == (width, height) else img.resize((width, height), LANCZOS)

    def find_models(self, ext_filter: Any = None) -> list[str]:
        return []


class UpscalerData:
    """An upscaler of A1111's list."""

    def __init__(
        self, name: str, path: str | None, upscaler: Any = None, scale: int = 4, model: Any = None,
        sha256: str | None = None,
    ) -> None:
        self.name, self.data_path, self.local_data_path = name, path, path
        self.scaler, self.scale, self.model, self.sha256 = upscaler, scale, model, sha256


class UpscalerNone(Upscaler):
    """The picture as it is."""

    name = "None"


class UpscalerLanczos(Upscaler):
    """Lanczos's filter."""

    name = "Lanczos"

    def do_upscale(self, img: Any, selected_model: str | None = None) -> Any:
        return img.resize((int(img.width * self.scale), int(img.height * self.scale)), LANCZOS)


class UpscalerNearest(Upscaler):
    """The nearest pixel."""

    name = "Nearest"

    def do_upscale(self, img: Any, selected_model: str | None = None) -> Any:
        return img.resize((int(img.width * self.scale), int(img.height * self.scale)), NEAREST)
