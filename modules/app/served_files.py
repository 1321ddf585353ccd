"""Files that a page names by A1111's `file=` addresses: which of them may be read, and by whom."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from modules.app.app import App
from modules.base.accounts import Account, Role
from modules.base.errors import NotFound

SHOWN_PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".avif", ".gif"})
SHOWN_TEXTS = frozenset({".txt", ".csv", ".json"})
SHOWN_PAGE_FILES = frozenset({".html", ".js", ".mjs", ".css", ".svg", ".ico", ".woff", ".woff2", ".ttf", ".otf"})
USER_SHEET = "user.css"      # a person's own style sheet, in the data folder
SCRATCH = "tmp"              # the folder of the data folder in which extensions leave files for their scripts


@dataclass(frozen=True)
class ServedFolder:
    """A folder, or a single file, of which files with these endings are served; hidden ones are not.

    below: only files in its folders, none beside them
    """

    path: Path
    endings: frozenset[str]
    below: bool = False

    def serves(self, path: Path) -> bool:
        """path: absolute, its links followed"""
        root = self.path.resolve()
        if path.suffix.lower() not in self.endings or not path.is_relative_to(root):
            return False
        if self.below and path.parent == root:
            return False
        return not any(part.startswith(".") for part in path.relative_to(root).parts)


def served_folders(app: App, account: Account, extensions: Collection[Path]) -> list[ServedFolder]:
    """Return the folders that an account may read from.

    extensions: the folders of those that are loaded. Everybody may read them, as everybody's page runs their scripts;
    but texts beside an extension's code are for administrators, since settings and keys lie there.
    """
    paths, below = app.flags.paths, account.role < Role.ADMINISTRATOR
    return [
        *(ServedFolder(folder, SHOWN_PICTURES | SHOWN_PAGE_FILES) for folder in extensions),
        *(ServedFolder(folder, SHOWN_TEXTS, below) for folder in extensions),
        ServedFolder(paths.data_dir / SCRATCH, SHOWN_PICTURES | SHOWN_TEXTS),
        ServedFolder(paths.data_dir / USER_SHEET, frozenset({".css"})),
        ServedFolder(app.data_of(account.name).paths.outputs, SHOWN_PICTURES),
        *(ServedFolder(root, SHOWN_PICTURES) for kind in app.models.catalogs.values() for root in kind.roots),
    ]


def served_file(named: str, start: Path, folders: Sequence[ServedFolder]) -> Path:
    """Return the named file, its links followed; a relative path begins at `start`.

    Raises NotFound, also for a file that exists and is not served: nothing is told of it.
    """
    try:
        path = (start / named).resolve()
        # a file elsewhere is not even looked at: how long that takes would tell that it is there
        if any(folder.serves(path) for folder in folders) and path.is_file():
            return path
    except (OSError, RuntimeError, ValueError):      # too long, a circle of links, a null character
        pass
    raise NotFound("There is no such file, or it is not served.", "Pictures and extensions' own page files are.")
