"""The program as one value: built once, passed to every face; nothing in it is global."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from modules.app.jobs import Jobs
from modules.base.hooks import Hooks
from modules.models.catalog import Catalog
from modules.prompts.chunks import Tokenizer
from modules.settings.file import SettingsFile
from modules.settings.flags import Flags

LOCAL = "local"      # the owner of everything, where nobody logs in


@dataclass
class App:
    flags: Flags
    settings: SettingsFile
    catalog: Catalog
    jobs: Jobs
    tokenizer: Callable[[], Tokenizer]
    hooks: Hooks = field(default_factory=Hooks)

    @property
    def data(self) -> Path:
        return self.flags.paths.data_dir
