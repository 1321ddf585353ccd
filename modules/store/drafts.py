"""The drafts of one account: what its forms and editors held last, on whichever device. A file each."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Literal, get_args

from modules.base.errors import TooLarge
from modules.base.files import write_atomically

FormDraft = Literal["form", "form.img2img", "form.extras", "training"]      # JSON
SketchDraft = Literal[      # of img2img's editors, packed by the page
    "sketch.img2img.image.0", "sketch.img2img.sketch.0", "sketch.img2img.mask.0", "sketch.img2img.mask-sketch.0",
    "sketch.img2img.upload.0", "sketch.img2img.upload.1",
]
FORM_DRAFTS, SKETCH_DRAFTS = get_args(FormDraft), get_args(SketchDraft)
LARGEST_DRAFT = dict.fromkeys(FORM_DRAFTS, 2**18) | dict.fromkeys(SKETCH_DRAFTS, 2**23)      # bytes
ENDING = ".draft"
LONGEST_HEAD = 2_000      # bytes of a file's first line, the version


@dataclass(frozen=True, slots=True)
class DraftVersion:
    """One version of a draft.

    revision: counts the draft's versions from 1; changed: in seconds since 1970; device: the writing browser's own name
    """

    revision: int
    changed: float
    device: str


@dataclass(frozen=True, slots=True)
class Draft:
    version: DraftVersion
    content: bytes

    def as_json(self) -> dict[str, Any]:
        """Return a form's draft: its version, and its `value`, which is empty if the file is damaged."""
        try:
            return {**asdict(self.version), "value": json.loads(self.content)}
        except ValueError:
            return {**asdict(self.version), "value": {}}


class AccountDrafts:
    """The drafts in a folder, which need not exist. Any thread may use it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = Lock()

    def of(self, name: str) -> Draft | None:
        """Return a draft; None if there is none, or one whose file is damaged."""
        try:
            head, _, content = self._path(name).read_bytes().partition(b"\n")
            return Draft(DraftVersion(**json.loads(head)), content)
        except (OSError, ValueError, TypeError):
            return None

    def versions(self) -> dict[str, DraftVersion]:
        """Return the newest version of each draft that there is, without its content."""
        return {name: found for name in (*FORM_DRAFTS, *SKETCH_DRAFTS) if (found := self._version(name))}

    def at_start(self) -> dict[str, dict[str, Any]]:
        """Return what a page begins with: the drafts of forms, by name, as `Draft.as_json` has them."""
        return {name: draft.as_json() for name in FORM_DRAFTS if (draft := self.of(name))}

    def write(self, name: str, content: bytes, device: str, seen: int) -> tuple[DraftVersion, Draft | None]:
        """Keep a new version: the last writer wins.

        seen: the revision that the writer knew. Returns the version, and the one before it if another device wrote it
        and the writer did not know it. Raises TooLarge, DiskFull or Unwritable.
        """
        if len(content) > LARGEST_DRAFT[name]:
            raise TooLarge(f"This draft has more than {LARGEST_DRAFT[name] >> 10:,} kB.", "The browser keeps it alone.")
        with self._lock:
            last = self._version(name)
            before = self.of(name) if last and last.revision > seen and last.device != device else None
            version = DraftVersion(last.revision + 1 if last else 1, time.time(), device)
            write_atomically(self._path(name), json.dumps(asdict(version)).encode() + b"\n" + content)
        return version, before

    def _version(self, name: str) -> DraftVersion | None:
        try:
            with self._path(name).open("rb") as file:
                return DraftVersion(**json.loads(file.readline(LONGEST_HEAD)))
        except (OSError, ValueError, TypeError):
            return None

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}{ENDING}"
