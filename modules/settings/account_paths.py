"""The folders and files of an account: the local account's as in A1111, all others' in folders of their own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from modules.base.accounts import account_folder
from modules.settings.flags import Paths

LIBRARY_NAME = "library.sqlite"
DATA_HISTORY_NAME = "picture-history.sqlite"
STYLE_PREVIEWS = "style-previews"
WILDCARDS = "wildcards"
TRAINING_RUNS = "train"
TRAINING_PICTURES = "datasets"
TAG_LISTS = "tags"
PROMPT_FOLDERS = (STYLE_PREVIEWS, WILDCARDS, TAG_LISTS)      # of the data folder, for everybody
ACCOUNT_DATABASES = (LIBRARY_NAME, DATA_HISTORY_NAME)


@dataclass(frozen=True)
class AccountPaths:
    """The paths of one account; all absolute, none need exist."""

    outputs: Path                       # pictures, in subfolders as the settings name them
    inputs: Path                        # input pictures of jobs, as in `imaging.inputs`
    settings_file: Path                 # settings that differ from the server's
    styles_files: tuple[Path, ...]      # by rising precedence; their names may contain * and ?
    library: Path                       # the database of the picture library
    style_previews: tuple[Path, ...]    # folders by rising precedence; the last is the account's own
    wildcards: Path                     # the account's own folder of wildcards
    runs: Path                          # a folder for each training
    datasets: Path                      # a folder for each set of pictures to train on

    @property
    def drafts(self) -> Path:
        """The folder of what forms and editors held last; only accounts have one."""
        return self.settings_file.with_name("drafts")

    @property
    def data_history(self) -> Path:
        """The database of what pictures' data were before they were edited."""
        return self.library.with_name(DATA_HISTORY_NAME)


def account_paths(paths: Paths, name: str) -> AccountPaths:
    """Return the paths of an account. Everybody uses the server's styles, with an account's own over them."""
    folder, inputs = account_folder(name), paths.cache / "inputs"
    previews, wildcards = paths.data_dir / STYLE_PREVIEWS, paths.data_dir / WILDCARDS
    runs, datasets = paths.data_dir / TRAINING_RUNS, paths.data_dir / TRAINING_PICTURES
    if not folder:
        library = paths.data_dir / LIBRARY_NAME
        return AccountPaths(
            paths.outputs, inputs, paths.settings_file, paths.styles_files, library, (previews,), wildcards, runs,
            datasets,
        )
    own = paths.data_dir / "configs" / "accounts" / folder
    styles = (*paths.styles_files, own / "styles.csv")
    return AccountPaths(
        paths.outputs / folder, inputs / folder, own / "config.json", styles, own / LIBRARY_NAME,
        (previews, own / STYLE_PREVIEWS), own / WILDCARDS, runs / folder, datasets / folder,
    )
