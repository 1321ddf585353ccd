"""The settings of a worker's process: as the server has told them. What is changed here stays here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from modules.settings.foreign import A1111_SETTINGS, HIDDEN_SETTINGS
from modules.settings.options import SETTING_NAMES, Settings, change_settings, with_file


class ToldSettings:
    """Settings without a file, with what of `SettingsFile` extensions use.

    `current` is an immutable snapshot of Easel's own, `foreign` holds A1111's without effect and those of extensions.
    """

    def __init__(self, told: Mapping[str, Any]) -> None:
        """told: the values that differ from their defaults, as `SettingsFile.told` returns them"""
        self.declared: dict[str, Any] = {}
        self.hear(told)

    def hear(self, told: Mapping[str, Any]) -> None:
        """Take what the server has now in the place of what was here."""
        self.current, _ = with_file({name: value for name, value in told.items() if name in SETTING_NAMES})
        self._set = {name: value for name, value in told.items() if name not in SETTING_NAMES}

    @property
    def foreign(self) -> dict[str, Any]:
        usual = {**A1111_SETTINGS, **HIDDEN_SETTINGS, **self.declared}
        return {name: self._set.get(name, value) for name, value in usual.items()}

    def declare(self, name: str, default: Any) -> None:
        """Take an extension's setting into the list."""
        if name not in SETTING_NAMES and name not in A1111_SETTINGS:
            self.declared[name] = default

    def change(self, /, **values: Any) -> Settings:
        """Change some settings until the server tells them anew. Raises Invalid naming the field."""
        foreign = self.foreign
        own = {name: value for name, value in values.items() if name not in foreign}
        self.current = change_settings(self.current, own)
        self._set |= {name: value for name, value in values.items() if name in foreign}
        return self.current

    def forget(self, names: Collection[str]) -> None:
        """Reset those settings to their defaults."""
        usual = Settings()
        own = {name: getattr(usual, name) for name in names if name in SETTING_NAMES}
        self.current = replace(self.current, **own)
        self._set = {name: value for name, value in self._set.items() if name not in names}
