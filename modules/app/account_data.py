"""The data of one account: its folders, its settings, its styles."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock

from modules.app.folders import ServerFolders
from modules.app.storage import FolderSize
from modules.app.style_previews import StylePreviews
from modules.prompts.style_edits import StyleBook
from modules.prompts.styles import Style, StyleFiles
from modules.prompts.wildcard_files import WildcardFiles
from modules.settings.account_paths import AccountPaths
from modules.settings.file import SettingsFile
from modules.store.drafts import AccountDrafts


@dataclass(frozen=True)
class AccountData:
    """One account's data, made by `App.data_of`. Any thread may use it."""

    paths: AccountPaths
    settings: SettingsFile
    style_book: StyleBook
    wildcards: WildcardFiles
    outputs: FolderSize
    folders: ServerFolders
    drafts: AccountDrafts
    sending: Lock = field(default_factory=Lock)      # held while a picture that was sent is given room and written
    editing: Lock = field(default_factory=Lock)      # held while pictures' data are read, changed and written

    @property
    def style_files(self) -> StyleFiles:
        return self.style_book.files

    @property
    def style_previews(self) -> StylePreviews:
        return StylePreviews(self.paths.style_previews)

    def styles(self) -> dict[str, Style]:
        """The saved prompt styles, as they are on disk now."""
        return self.style_files.styles()
