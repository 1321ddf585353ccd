"""A1111's `modules.script_callbacks`: functions that register callbacks, and the values these are given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from modules.surface.binding import bound_host

Callback = Callable[..., Any]


class ImageSaveParams:
    """A picture before it is saved, or after; all may be changed before."""

    def __init__(self, image: Any, p: Any, filename: str, pnginfo: dict[str, Any]) -> None:
        self.image, self.p, self.filename, self.pnginfo = image, p, filename, pnginfo


class ExtraNoiseParams:
    def __init__(self, noise: Any, x: Any, xi: Any) -> None:
        self.noise, self.x, self.xi = noise, x, xi


class CFGDenoiserParams:
    """What the denoiser is about to be asked; rows are conditional parts first. All may be replaced."""

    def __init__(
        self, x: Any, image_cond: Any, sigma: Any, sampling_step: int, total_sampling_steps: int, text_cond: Any,
        text_uncond: Any, denoiser: Any = None,
    ) -> None:
        self.x, self.image_cond, self.sigma = x, image_cond, sigma
        self.sampling_step, self.total_sampling_steps = sampling_step, total_sampling_steps
        self.text_cond, self.text_uncond, self.denoiser = text_cond, text_uncond, denoiser


class CFGDenoisedParams:
    def __init__(self, x: Any, sampling_step: int, total_sampling_steps: int, inner_model: Any) -> None:
        self.x, self.sampling_step, self.total_sampling_steps = x, sampling_step, total_sampling_steps
        self.inner_model = inner_model


class AfterCFGCallbackParams:
    def __init__(self, x: Any, sampling_step: int, total_sampling_steps: int) -> None:
        self.x, self.sampling_step, self.total_sampling_steps = x, sampling_step, total_sampling_steps


class UiTrainTabParams:
    def __init__(self, txt2img_preview_params: Any) -> None:
        self.txt2img_preview_params = txt2img_preview_params


class ImageGridLoopParams:
    def __init__(self, imgs: list[Any], cols: int, rows: int) -> None:
        self.imgs, self.cols, self.rows = imgs, cols, rows


@dataclass
class BeforeTokenCounterParams:
    prompt: str
    steps: int
    styles: list[str]
    is_positive: bool = True


def on_app_started(callback: Callback, *, name: str | None = None) -> None:
    """Call it with the page (None without one) and the FastAPI application once the server answers."""
    bound_host().listen("app_started", callback, name or "")


def on_before_reload(callback: Callback, *, name: str | None = None) -> None:
    bound_host().listen("before_reload", callback, name or "")


def on_model_loaded(callback: Callback, *, name: str | None = None) -> None:
    bound_host().listen("model_loaded", callback, name or "")


def on_ui_tabs(callback: Callback, *, name: str | None = None) -> None:
    bound_host().listen("ui_tabs", callback, name or "")


def on_ui_train_tabs(callback: Callback, *, name: str | None = None) -> None:
    bound_host().listen("ui_train_tabs", callback, name or "")


def on_ui_settings(callback: Callback, *, name: str | None = None) -> None:
    bound_host().listen("ui_settings", callback, name or "")


def on_before_image_saved(callback: Callback, *, name: str | None = None) -> None:
    bound_host().listen("before_image_saved", callback, name or "")


def on_image_saved(callback: Callback, *, name: str | None = None) -> None:
    bound_host().listen("image_saved", callback, name or "")


def on_extra_noise(callback: Callback, *, name: str | None = None) -> None:
    bound_host().listen("extra_noise", callback, name or "")


def on_cfg_denoiser(callback: Callback, *, name: str | None = None) -> None:
    bound_host().listen("cfg_denoiser", callback, name or "")


def on_cfg_denoised(callback: Callback, *, name: str | None = None) -> None:
    bound_host().listen("cfg_denoised", callback, name or "")


def on_cfg_after_cfg(callback: Callback, *, name: str | None = None) -> None:
    bound_host().listen("cfg_after_cfg", callback, name or "")


def on_before_component(callback: Callback, *, name: str | None = None) -> None:
    bound_host().listen("before_component", callback, name or "")


def on_after_component(callback: Callback, *, name: str | None = None) -> None:
    bound_host().listen("after_component", callback, name or "")


def on_image_grid(callback: Callback, *, name: str | None = None) -> None:
    bound_host().listen("image_grid", callback, name or "")


def on_infotext_pasted(callback: Callback, *, name: str | None = None) -> None:
    bound_host().listen("infotext_pasted", callback, name or "")


def on_script_unloaded(callback: Callback, *, name: str | None = None) -> None:
    bound_host().listen("script_unloaded", callback, name or "")


def on_before_ui(callback: Callback, *, name: str | None = None) -> None:
    bound_host().listen("before_ui", callback, name or "")


def on_list_optimizers(callback: Callback, *, name: str | None = None) -> None:
    bound_host().listen("list_optimizers", callback, name or "")


def on_list_unets(callback: Callback, *, name: str | None = None) -> None:
    bound_host().listen("list_unets", callback, name or "")


def on_before_token_counter(callback: Callback, *, name: str | None = None) -> None:
    bound_host().listen("before_token_counter", callback, name or "")


def remove_current_script_callbacks() -> None:
    """Remove the callbacks that the calling file has registered; those of its extension's other files stay."""
    host = bound_host()
    file = host.importing.calling_file()
    host.callbacks.remove(lambda listener: listener.file == file)


def remove_callbacks_for_function(callback_func: Callback) -> None:
    """Remove that function wherever it is registered."""
    bound_host().callbacks.remove(lambda listener: listener.function == callback_func)


def clear_callbacks() -> None:
    """Remove the calling extension's callbacks; those of others are theirs."""
    host = bound_host()
    extension = host.importing.extension_of(str(host.importing.calling_file()))
    host.callbacks.remove(lambda listener: bool(extension) and listener.extension == extension)
