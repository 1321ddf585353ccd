"""The program as one value: built once, passed to page, API and command line; nothing in it is global."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from modules.app.account_data import AccountData
from modules.app.authentication import Authenticator
from modules.app.decoding import DecodingBudget
from modules.app.folders import ServerFolders
from modules.app.galleries import Galleries
from modules.app.jobs import Jobs
from modules.app.picture_recorder import PictureRecorder
from modules.app.queue import QueueControl
from modules.app.setup_link import SetupLink
from modules.app.storage import FolderSize
from modules.app.streams import Streams
from modules.base.accounts import LOCAL_OWNER
from modules.base.hooks import Hooks
from modules.base.process_file import ProcessFile
from modules.library.cards import Cards
from modules.library.library import Library
from modules.plugins.host import Host
from modules.prompts.chunks import Tokenizer
from modules.prompts.styles import StyleFiles
from modules.prompts.wildcard_files import WildcardFiles
from modules.settings.account_paths import account_paths
from modules.settings.choices import ModelChoices
from modules.settings.file import SettingsFile
from modules.settings.flags import Flags, Paths


@dataclass
class App:
    flags: Flags
    settings: SettingsFile
    choices: ModelChoices
    models: Library
    cards: Cards
    jobs: Jobs
    tokenizer: Callable[[], Tokenizer]
    authenticator: Authenticator
    process: ProcessFile | None = None      # held while it runs; None in tests
    notices: tuple[str, ...] = ()           # remarks on its start for the server's administrator
    decoding: DecodingBudget = field(default_factory=DecodingBudget)
    streams: Streams = field(default_factory=Streams)
    setup_link: SetupLink = field(default_factory=SetupLink)
    hooks: Hooks = field(default_factory=Hooks)
    queue: QueueControl = field(init=False)
    galleries: Galleries = field(init=False)
    recorder: PictureRecorder = field(init=False)
    wildcards: WildcardFiles = field(init=False)
    extensions: Host = field(init=False)
    _data: dict[str, AccountData] = field(default_factory=dict, repr=False)      # by account

    def __post_init__(self) -> None:
        self.queue = QueueControl(self.jobs)
        self.galleries = Galleries(self.flags.paths, self.jobs.store)
        self.recorder = PictureRecorder(self.galleries, self.jobs.store)
        self.extensions = Host(self.flags.paths.extensions)
        self.wildcards = WildcardFiles(wildcard_folders(self.flags.paths))

    def data_of(self, owner: str) -> AccountData:
        """Return an account's data, by its name."""
        if owner not in self._data:
            paths = account_paths(self.flags.paths, owner)
            settings = self.settings if owner == LOCAL_OWNER else SettingsFile(paths.settings_file, self.settings)
            styles, folders = StyleFiles(paths.styles_files), ServerFolders.of(self.flags, owner)
            found = AccountData(paths, settings, styles, FolderSize(paths.outputs), folders)
            self._data.setdefault(owner, found)
        return self._data[owner]


def wildcard_folders(paths: Paths) -> list[Path]:
    """Return the folders of wildcards: those of A1111's extensions, and Easel's own over them."""
    extensions = ("stable-diffusion-webui-wildcards", "sd-dynamic-prompts")
    return [*(paths.extensions / each / "wildcards" for each in extensions), paths.data_dir / "wildcards"]
