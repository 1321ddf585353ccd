"""A1111's `shared.state`, of the job whose hooks run."""

from __future__ import annotations

import time
from typing import Any, Protocol


class Stoppable(Protocol):
    """What can be stopped: a job."""

    def interrupt(self) -> None: ...
    def skip(self) -> None: ...
    def note(self, text: str) -> None: ...
    def show_progress(self) -> None: ...
    def show_image(self, image: Any) -> None: ...


class JobState:
    """How far a job is, and whether it is to stop. Attributes are A1111's; some are written by extensions."""

    def __init__(self, job: Stoppable) -> None:
        self._job = job
        self._interrupted = self._skipped = False
        self._job_count = 0
        self._textinfo: str | None = None
        self._image: Any = None
        self._stopping = False
        self.job, self.job_no = "", 0
        self.sampling_step, self.sampling_steps = 0, 0
        self.current_latent: Any = None
        self.current_image_sampling_step, self.id_live_preview = 0, 0
        self.time_start = time.time()
        self.job_timestamp = time.strftime("%Y%m%d%H%M%S")
        self.need_restart = self.server_command = self.processing_has_refined_job_count = None
        self.oom = False

    def interrupt(self) -> None:
        self._interrupted = True
        self._job.interrupt()

    def skip(self) -> None:
        self._skipped = True
        self._job.skip()

    @property
    def interrupted(self) -> bool:
        """True if the job is to end; True may be written."""
        return self._interrupted

    @interrupted.setter
    def interrupted(self, value: bool) -> None:
        if value and not self._interrupted:
            self.interrupt()
        self._interrupted = bool(value)

    @property
    def skipped(self) -> bool:
        """True if this batch is to end; True may be written."""
        return self._skipped

    @skipped.setter
    def skipped(self, value: bool) -> None:
        if value and not self._skipped:
            self.skip()
        self._skipped = bool(value)

    @property
    def stopping_generation(self) -> bool:
        """True if no further batch is to be begun; the one in the making goes on."""
        return self._stopping

    @stopping_generation.setter
    def stopping_generation(self, value: bool) -> None:
        self._stopping = bool(value)

    def stop_generating(self) -> None:
        self._stopping = True

    @property
    def job_count(self) -> int:
        """The number of batches, by which progress is counted; extensions write it."""
        return self._job_count

    @job_count.setter
    def job_count(self, value: int) -> None:
        self._job_count = int(value)
        self._job.show_progress()

    @property
    def textinfo(self) -> str | None:
        return self._textinfo

    @textinfo.setter
    def textinfo(self, value: str | None) -> None:
        self._textinfo = value
        if value:
            self._job.note(str(value))

    @property
    def current_image(self) -> Any:
        return self._image

    @current_image.setter
    def current_image(self, image: Any) -> None:
        self.assign_current_image(image)

    def assign_current_image(self, image: Any) -> None:
        """Show a picture as the job's preview."""
        self._image = image
        self.id_live_preview += 1
        if image is not None:
            self._job.show_image(image)

    def set_current_image(self) -> None:
        """Previews are shown as they come."""

    do_set_current_image = set_current_image

    def begin(self, job: str = "(unknown)") -> None:
        """Count batches anew. The job itself is A1111's unit, and begins and ends without it."""
        self.job, self.job_no, self.sampling_step = job, 0, 0

    def end(self) -> None:
        self.job = ""

    def nextjob(self) -> None:
        self.job_no += 1
        self.sampling_step = 0
        self.current_image_sampling_step = 0
        self._job.show_progress()

    def request_restart(self) -> None:
        """Extensions cannot restart the server."""

    def dict(self) -> dict[str, Any]:
        return {
            "skipped": self.skipped, "interrupted": self.interrupted, "stopping_generation": self._stopping,
            "job": self.job, "job_count": self.job_count, "job_timestamp": self.job_timestamp, "job_no": self.job_no,
            "sampling_step": self.sampling_step, "sampling_steps": self.sampling_steps,
        }
