"""What belongs to one account: where its files lie, its settings, its styles."""

from __future__ import annotations

from dataclasses import dataclass

from modules.prompts.styles import Style, StyleFiles
from modules.settings.account_paths import AccountPaths
from modules.settings.file import SettingsFile


@dataclass(frozen=True)
class AccountData:
    """Made by `App.data_of`. Any thread may use it."""

    paths: AccountPaths
    settings: SettingsFile
    style_files: StyleFiles

    def styles(self) -> dict[str, Style]:
        """The saved prompt styles, as they are on disk now."""
        return self.style_files.styles()
