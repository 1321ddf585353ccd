"""The program as one value: built once, passed to every face; nothing in it is global."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from modules.app.chores import Chores
from modules.app.jobs import Jobs
from modules.base.hooks import Hooks
from modules.models.cards import Cards
from modules.models.library import Library
from modules.prompts.chunks import Tokenizer
from modules.prompts.styles import Style, read_styles
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
    chores: Chores = field(default_factory=Chores)
    hooks: Hooks = field(default_factory=Hooks)

    def styles(self) -> dict[str, Style]:
        """The saved prompt styles, as they are on disk now."""
        return read_styles(self.flags.paths.styles_file)
