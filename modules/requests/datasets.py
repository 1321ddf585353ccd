"""Data sets of an account: folders of pictures to train on, looked at, filled and edited. No torch."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modules.app.account_data import AccountData
from modules.app.app import App
from modules.app.folders import is_own_dataset, training_folder
from modules.app.storage import FolderSize
from modules.base.accounts import Account
from modules.base.errors import Conflict, Forbidden, Invalid, NotFound, OverQuota
from modules.base.files import discard, inside, make_folder, write_atomically
from modules.imaging.dataset.caption_edits import TagChange, changed_caption, write_caption
from modules.imaging.dataset.sources import (
    CAPTION_ENDINGS,
    TRAINING_PICTURE_ENDINGS,
    Caption,
    divided_folder,
    find_caption,
    picture_files,
)
from modules.imaging.filename import truncate_utf8
from modules.imaging.read import open_image
from modules.params.merge import LONGEST_NAME
from modules.params.training import Training
from modules.requests.new_names import is_new_name
from modules.requests.training_data import datasets_of, subset_of
from modules.settings.account_limits import MEGABYTE, account_limits
from modules.settings.account_paths import TRAINING_PICTURES

MOST_DATASETS = 1_000           # folders in one reply
MOST_PICTURES_SHOWN = 5_000     # of one data set
KEPT_ENDINGS = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp", "AVIF": ".avif", "GIF": ".gif", "BMP": ".bmp"}
UNUSUAL = re.compile(r"[^\w .()+-]+")      # in names of pictures that are sent


@dataclass(frozen=True)
class Dataset:
    """A folder of pictures. editable: it is the account's own, or that of the person at this computer."""

    root: Path
    editable: bool

    @property
    def picture_count(self) -> int:
        """How many files look like pictures by their names. Raises TooLarge or InvalidImage."""
        return sum(len(picture_files(folder)) for folder, _, _ in divided_folder(self.root))

    def captions(self) -> dict[str, tuple[Path, Caption]]:
        """Return each picture's path and caption, by its path below the root."""
        plan = Training(train_data_dir=str(self.root))
        subsets = [subset_of(plan, each, one, 0) for each in datasets_of(plan) for one in each.subsets]
        return {
            path.relative_to(self.root).as_posix(): (path, find_caption(path, subset))
            for subset in subsets for path in picture_files(subset.folder)
        }

    def check_editable(self) -> None:
        """Raise Forbidden for a folder that may only be read."""
        if not self.editable:
            raise Forbidden("This folder is open for reading alone.", "Copy its pictures into a data set of your own.")


# Which there are -------------------------------------------------------------------------------------


def find_dataset(mine: AccountData, named: str) -> Dataset:
    """Return a data set: `datasets/NAME`, or a folder that the account may name. Raises Forbidden or NotFound."""
    path = training_folder(mine.folders, named, "folder")
    if not path.is_dir():
        raise NotFound(f"There is no folder {named!r:.200}.", "GET /easel/v1/datasets lists those there are.")
    return Dataset(path, is_own_dataset(mine.folders, path) or not mine.folders.shared)


def datasets_there(mine: AccountData) -> list[dict[str, Any]]:
    """Return the account's data sets, and the folders with pictures in what is opened to all, for lists."""
    roots = [mine.paths.datasets, *(mine.folders.opened if mine.folders.shared else ())]
    found = [path for root in roots if root.is_dir() for path in sorted(root.iterdir()) if path.is_dir()]
    told = (dataset_facts(mine, path) for path in found[:MOST_DATASETS] if not path.name.startswith("."))
    return [each for each in told if each["own"] or each["pictures"]]


def dataset_facts(mine: AccountData, path: Path) -> dict[str, Any]:
    own = path.parent == mine.paths.datasets
    return {
        "folder": f"{TRAINING_PICTURES}/{path.name}" if own else str(path), "name": path.name, "own": own,
        "pictures": Dataset(path, own).picture_count,
    }


def new_dataset(mine: AccountData, name: str) -> str:
    """Make an empty data set; returns its folder. Raises Invalid or Conflict."""
    name = name.strip()
    if not is_new_name(name) or len(name.encode()) > LONGEST_NAME:
        raise Invalid(
            f"A data set cannot be called {name[:80]!r}.", "Use letters, digits, spaces and -_.+() only.", "name"
        )
    path = mine.paths.datasets / name
    if path.exists():
        raise Conflict(f"There is a data set called {name} already.", "Choose another name.")
    make_folder(path)
    return f"{TRAINING_PICTURES}/{name}"


def delete_dataset(mine: AccountData, named: str) -> None:
    """Delete one of the account's own data sets, with all that is in it. Raises Forbidden or NotFound."""
    found = find_dataset(mine, named)
    if found.root.parent != mine.paths.datasets.resolve():
        raise Forbidden("Only a data set of your own is deleted here.", "Other folders are left to their owner.")
    shutil.rmtree(found.root)


# Pictures --------------------------------------------------------------------------------------------


def add_picture(app: App, account: Account, named: str, name: str, content: bytes) -> str:
    """Keep a picture in a data set, under a name that none has; returns it.

    Raises InvalidImage, TooLarge, OverQuota, Forbidden or NotFound.
    """
    mine = app.data_of(account.name)
    dataset = find_dataset(mine, named)
    dataset.check_editable()
    ending = KEPT_ENDINGS[str(open_image(content).format)]
    plain = UNUSUAL.sub("_", Path(name.replace("\\", "/")).stem).strip(" .")
    stem = truncate_utf8(plain, LONGEST_NAME) or "picture"
    with mine.sending:
        check_dataset_room(app, account, mine, len(content))
        path = free_place(dataset.root, stem, ending)
        write_atomically(path, content)
    return path.name


def free_place(folder: Path, stem: str, ending: str) -> Path:
    """Return a path in a folder that neither a picture nor a caption of that name has."""
    names = (stem if number == 1 else f"{stem}-{number}" for number in range(1, 10**6))
    taken = {path.stem.casefold() for path in folder.iterdir()}
    return next(folder / f"{name}{ending}" for name in names if name.casefold() not in taken)


def check_dataset_room(app: App, account: Account, mine: AccountData, size: int) -> None:
    """Raise OverQuota if the account's outputs and data sets would take more than it may have."""
    most = account_limits(app.settings.current, account.role.name).storage
    used = mine.outputs.bytes() + FolderSize(mine.paths.datasets).bytes() if most else 0
    if most and used + size > most:
        raise OverQuota(
            f"Your account's pictures take {used // MEGABYTE:,} MB; it may have {most // MEGABYTE:,}.",
            "Delete some, or ask the administrator for room.", 3600,
        )


def picture_at(dataset: Dataset, picture: str) -> Path:
    """Return a picture of a data set by its path below the root. Raises NotFound."""
    path = inside(dataset.root, picture)
    if path.suffix.lower() not in TRAINING_PICTURE_ENDINGS or not path.is_file():
        raise NotFound(f"There is no picture {picture!r:.200}.", "The data set's view lists those there are.")
    return path


def remove_pictures(dataset: Dataset, pictures: Sequence[str]) -> None:
    """Delete pictures with their caption files. Raises Forbidden or NotFound; then none is deleted."""
    dataset.check_editable()
    there = dataset.captions()
    for path, caption in [known(there, each) for each in pictures]:
        for each in (path, *(path.with_suffix(ending) for ending in CAPTION_ENDINGS if caption.source == "file")):
            discard(each)


# Captions --------------------------------------------------------------------------------------------


def write_captions(dataset: Dataset, captions: Mapping[str, str]) -> dict[str, str]:
    """Write captions by picture; returns those that were there, which written again undo it.

    Raises Forbidden, NotFound, DiskFull or Unwritable.
    """
    dataset.check_editable()
    there = dataset.captions()
    found = {name: known(there, name) for name in captions}
    before = {name: own_text(caption) for name, (_, caption) in found.items()}
    for name, (path, caption) in found.items():
        if captions[name] != before[name]:
            write_caption(path, caption, captions[name])
    return before


def change_tags(dataset: Dataset, pictures: Sequence[str], change: TagChange) -> dict[str, dict[str, str]]:
    """Change the captions of pictures; returns the new ones and those before, of those that differ.

    Raises as `write_captions`.
    """
    there = dataset.captions()
    texts = {name: own_text(known(there, name)[1]) for name in pictures}
    after = {name: changed_caption(text, change) for name, text in texts.items()}
    after = {name: text for name, text in after.items() if text != texts[name]}
    return {"captions": after, "before": write_captions(dataset, after)}


def own_text(caption: Caption) -> str:
    """Return a picture's own caption; "" where it has its folder's words or its name."""
    return caption.text if caption.source in ("file", "metadata") else ""


def known(there: Mapping[str, tuple[Path, Caption]], picture: str) -> tuple[Path, Caption]:
    """Return a picture's path and caption. Raises NotFound."""
    if picture not in there:
        raise NotFound(f"There is no picture {picture!r:.200}.", "The data set's view lists those there are.")
    return there[picture]
