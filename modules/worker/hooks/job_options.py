"""A1111's `shared.opts` within a job: its snapshot of all settings, which its hooks may change for this job alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Protocol

from modules.engine.messages import JobSpec
from modules.plugins.host import Host
from modules.requests.extension_scripts import EXTENSION_SETTINGS
from modules.settings.options import SETTING_NAMES, Settings, change_settings


class HasSettings(Protocol):
    """A job with settings of its own."""

    settings: Settings
    spec: JobSpec
    host: Host


class JobOptions:
    """The settings of a job as attributes: Easel's own, A1111's without effect, and those of extensions."""

    def __init__(self, job: HasSettings, foreign: Mapping[str, Any]) -> None:
        """foreign: those that are not Easel's own, as they are when the job begins"""
        vars(self).update(_job=job, _foreign=dict(foreign))

    @classmethod
    def of(cls, job: HasSettings) -> JobOptions:
        """Return a job's settings as it begins: extensions' are the server's, but for those it was given."""
        return cls(job, job.host.program.settings.foreign | job.spec.params.get(EXTENSION_SETTINGS, {}))

    def values(self) -> dict[str, Any]:
        """Return all settings by name."""
        return asdict(self._job.settings) | self._foreign

    def reset(self, name: str) -> None:
        """Give a setting of Easel's own its default; forget another one."""
        if name in SETTING_NAMES:
            setattr(self, name, getattr(Settings(), name))
        else:
            self._foreign.pop(name, None)

    def __getattr__(self, name: str) -> Any:
        if name in SETTING_NAMES:
            return getattr(self._job.settings, name)
        if name in self._foreign:
            return self._foreign[name]
        raise AttributeError(f"There is no setting {name!r}.")

    def __setattr__(self, name: str, value: Any) -> None:
        if name in SETTING_NAMES:
            self._job.settings = change_settings(self._job.settings, {name: value})
        else:
            self._foreign[name] = value
