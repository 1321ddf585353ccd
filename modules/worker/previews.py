"""Previews of pictures in the making, no faster than anybody looks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from modules.base.border import logged
from modules.engine.messages import Emit, Preview
from modules.models.device import Device
from modules.models.vae.preview import preview_jpeg
from modules.sampling.questions import Predict
from modules.settings.options import Settings

PREVIEW_SECONDS = 0.25      # a job's previews come no faster


@dataclass(eq=False)
class Previewer:
    """Shows what the engine's questions have as their newest estimate; called in the device's thread.

    later: carries something out in the io thread
    """

    device: Device
    emit: Emit
    later: Callable[..., None]
    shown: dict[str, float] = field(default_factory=dict)       # when a job's last was

    def show(self, job: str, index: int, settings: Settings, ask: Predict) -> None:
        """Show a job's picture if the settings want one of this step, and none was shown just now."""
        every = settings.show_progress_every_n_steps
        if every <= 0 or ask.step % every or ask.preview is None:
            return
        if time.monotonic() - self.shown.get(job, 0.0) > PREVIEW_SECONDS:
            self.shown[job] = time.monotonic()
            logged(self._draw, job, index, settings, ask)

    def forget(self, job: str) -> None:
        self.shown.pop(job, None)

    def _draw(self, job: str, index: int, settings: Settings, ask: Predict) -> None:
        latent: Any = ask.preview
        look = self.device.preview(ask.weights, settings.show_progress_type)
        cell = self.device.loaded(ask.weights).facts.latent.cell
        height, width = (side * cell for side in latent.shape[1:])

        def draw() -> None:
            self.emit(Preview(job, index, preview_jpeg(look(latent), width, height)))

        self.later(draw)
