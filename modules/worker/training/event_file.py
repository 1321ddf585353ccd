"""A run's curves as tensorboard reads them."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from modules.training.run import StepRecord


class EventFile:
    """An event file in a run's folder; curves after a step that is learnt again are superseded."""

    def __init__(self, folder: Path, step: int) -> None:
        from tensorboardX import SummaryWriter

        self.writer = SummaryWriter(str(folder), purge_step=step or None, flush_secs=30)

    def __enter__(self) -> EventFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.writer.close()

    def step(self, record: StepRecord) -> None:
        self.writer.add_scalar("Loss/train", record.loss, record.step)
        for part, rate in record.rates.items():
            self.writer.add_scalar(f"Learn_rate/{part}", rate, record.step)

    def validation(self, step: int, loss: float, drift: float | None = None) -> None:
        self.writer.add_scalar("Loss/validation", loss, step)
        if drift is not None:
            self.writer.add_scalar("Loss/drift", drift, step)
