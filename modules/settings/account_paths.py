"""Where an account's things lie: the local account's as A1111 has them, all others' in folders of their own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from modules.base.accounts import account_folder
from modules.settings.flags import Paths


@dataclass(frozen=True)
class AccountPaths:
    """All absolute, none need exist."""

    outputs: Path                       # pictures, in sub folders as the settings name them
    inputs: Path                        # pictures that jobs start from, by `imaging.inputs`
    settings_file: Path                 # what is set otherwise than on the server
    styles_files: tuple[Path, ...]      # the last counts most; their names may hold * and ?


def account_paths(paths: Paths, name: str) -> AccountPaths:
    """The places of an account. The server's styles are everybody's to use, under an account's own."""
    folder, inputs = account_folder(name), paths.cache / "inputs"
    if not folder:
        return AccountPaths(paths.outputs, inputs, paths.settings_file, paths.styles_files)
    own = paths.data_dir / "configs" / "accounts" / folder
    styles = (*paths.styles_files, own / "styles.csv")
    return AccountPaths(paths.outputs / folder, inputs / folder, own / "config.json", styles)
