"""The program as one value: built once, passed to every face; nothing in it is global."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from modules.app.decoding import DecodingBudget
from modules.app.jobs import Jobs
from modules.base.hooks import Hooks
from modules.base.process_file import ProcessFile
from modules.library.cards import Cards
from modules.library.library import Library
from modules.prompts.chunks import Tokenizer
from modules.prompts.styles import Style, StyleFiles
from modules.settings.choices import ModelChoices
from modules.settings.file import SettingsFile
from modules.settings.flags import Flags


@dataclass
class App:
    flags: Flags
    settings: SettingsFile
    choices: ModelChoices
    models: Library
    cards: Cards
    jobs: Jobs
    tokenizer: Callable[[], Tokenizer]
    process: ProcessFile | None = None      # held while it runs; none in tests that are a program among others
    decoding: DecodingBudget = field(default_factory=DecodingBudget)
    hooks: Hooks = field(default_factory=Hooks)
    style_files: StyleFiles = field(init=False)

    def __post_init__(self) -> None:
        self.style_files = StyleFiles(self.flags.paths.styles_files)

    def styles(self) -> dict[str, Style]:
        """The saved prompt styles, as they are on disk now."""
        return self.style_files.styles()
