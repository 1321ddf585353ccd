"""The program as one value: built once, passed to page, API and command line; nothing in it is global."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from modules.app.account_data import AccountData
from modules.app.authentication import Authenticator
from modules.app.decoding import DecodingBudget
from modules.app.folders import ServerFolders
from modules.app.galleries import Galleries
from modules.app.jobs import Jobs
from modules.app.page_sessions import PageSessions
from modules.app.picture_recorder import PictureRecorder
from modules.app.queue import QueueControl
from modules.app.restart import Restart
from modules.app.setup_link import SetupLink
from modules.app.storage import FolderSize
from modules.app.streams import Streams
from modules.app.training_looks import TrainingLooks
from modules.base.accounts import LOCAL_OWNER, Account, Role
from modules.base.hooks import Hooks
from modules.base.process_file import ProcessFile
from modules.library.cards import Cards
from modules.library.library import Library
from modules.plugins.host import Host
from modules.plugins.installers import Installers
from modules.prompts.explained import PieceTokenizer
from modules.prompts.style_edits import StyleBook
from modules.prompts.styles import StyleFiles
from modules.prompts.tag_files import TagFiles
from modules.prompts.wildcard_edits import WildcardEditor, WildcardFolder
from modules.prompts.wildcard_files import WildcardFiles
from modules.settings.account_paths import TAG_LISTS, WILDCARDS, AccountPaths, account_paths
from modules.settings.choices import ModelChoices
from modules.settings.file import SettingsFile
from modules.settings.flags import Flags
from modules.store.drafts import AccountDrafts


@dataclass
class App:
    flags: Flags
    settings: SettingsFile
    choices: ModelChoices
    models: Library
    cards: Cards
    jobs: Jobs
    tokenizer: Callable[[], PieceTokenizer]
    authenticator: Authenticator
    process: ProcessFile | None = None      # held while it runs; None in tests
    notices: tuple[str, ...] = ()           # remarks on its start for the server's administrator
    decoding: DecodingBudget = field(default_factory=DecodingBudget)
    streams: Streams = field(default_factory=Streams)
    setup_link: SetupLink = field(default_factory=SetupLink)
    hooks: Hooks = field(default_factory=Hooks)
    pages: PageSessions = field(default_factory=PageSessions)
    restart: Restart = field(default_factory=Restart)
    training_looks: TrainingLooks = field(default_factory=TrainingLooks)
    queue: QueueControl = field(init=False)
    galleries: Galleries = field(init=False)
    recorder: PictureRecorder = field(init=False)
    extensions: Host = field(init=False)
    installers: Installers = field(init=False)
    tags: TagFiles = field(init=False)
    shared_files: Lock = field(default_factory=Lock)      # held while a file of styles or wildcards is changed
    _data: dict[str, AccountData] = field(default_factory=dict, repr=False)      # by account

    def __post_init__(self) -> None:
        self.queue = QueueControl(self.jobs)
        self.galleries = Galleries(self.flags.paths, self.jobs.store)
        self.recorder = PictureRecorder(self.galleries, self.jobs.store)
        self.extensions = Host(self.flags.paths.extensions, examples=self.flags.paths.examples)
        self.extensions.shared = lambda: self.authenticator.required
        self.extensions.load_parts(self.flags, self.settings.foreign)
        self.installers = Installers(self.flags)
        of_extension = self.flags.paths.extensions / "a1111-sd-webui-tagcomplete" / "tags"
        self.tags = TagFiles((of_extension, self.flags.paths.data_dir / TAG_LISTS))

    def data_of(self, owner: str) -> AccountData:
        """Return an account's data, by its name."""
        if owner not in self._data:
            paths = account_paths(self.flags.paths, owner)
            settings = self.settings if owner == LOCAL_OWNER else SettingsFile(paths.settings_file, self.settings)
            found = AccountData(
                paths, settings, self._style_book(paths, owner), self._wildcards(paths), FolderSize(paths.outputs),
                ServerFolders.of(self.flags, owner), AccountDrafts(paths.drafts),
            )
            self._data.setdefault(owner, found)
        return self._data[owner]

    def _style_book(self, paths: AccountPaths, owner: str) -> StyleBook:
        own = single_file(paths.styles_files)
        return StyleBook(StyleFiles(paths.styles_files), own, owner != LOCAL_OWNER, self.shared_files)

    def _wildcards(self, paths: AccountPaths) -> WildcardFiles:
        """Return an account's wildcards: those of A1111's extensions, then Easel's own, then the account's."""
        extensions = ("stable-diffusion-webui-wildcards", "sd-dynamic-prompts")
        there = [self.flags.paths.extensions / each / "wildcards" for each in extensions]
        folders = dict.fromkeys([*there, self.flags.paths.data_dir / WILDCARDS, paths.wildcards])
        return WildcardFiles(list(folders))

    def wildcard_editor(self, account: Account) -> WildcardEditor:
        """Return the files of wildcards as an account may change them: its own, and an administrator all."""
        own, keeper = self.data_of(account.name).paths.wildcards, account.role >= Role.ADMINISTRATOR
        names = {self.flags.paths.data_dir / WILDCARDS: "shared"} | {own: "own"}
        files = self.data_of(account.name).wildcards
        folders = tuple(
            WildcardFolder(names.get(path, path.parent.name), path, keeper or path == own) for path in files.folders
        )
        return WildcardEditor(files, folders, self.shared_files)


def single_file(patterns: Sequence[Path]) -> Path:
    """Return the file for new styles: the last that is named whole, else `styles.csv` beside the last pattern."""
    whole = [pattern for pattern in patterns if not set("*?") & set(pattern.name)]
    return whole[-1] if whole else patterns[-1].with_name("styles.csv")
