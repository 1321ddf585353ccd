"""A1111's `shared.opts` within a job: its snapshot of all settings, which its hooks may change for this job alone."""

from __future__ import annotations

from typing import Any, Protocol

from modules.settings.options import SETTING_NAMES, Settings, change_settings


class HasSettings(Protocol):
    """A job with settings of its own."""

    settings: Settings


class JobOptions:
    """The settings of a job as attributes."""

    def __init__(self, job: HasSettings) -> None:
        vars(self)["_job"] = job

    def has(self, name: str) -> bool:
        """Return whether it is a setting of Easel's own; those of extensions are the same for all jobs."""
        return name in SETTING_NAMES

    def __getattr__(self, name: str) -> Any:
        if name not in SETTING_NAMES:
            raise AttributeError(f"There is no setting {name!r}.")
        return getattr(self._job.settings, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._job.settings = change_settings(self._job.settings, {name: value})
