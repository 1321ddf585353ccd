"""Edits of pictures' data written to their files: previewed, saved in place or as copies, and undone. No torch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from modules.app.app import App
from modules.app.kept_inputs import keep_file
from modules.app.storage import check_storage
from modules.base.accounts import Account
from modules.base.delta import delta_of, undone
from modules.base.errors import Conflict, Forbidden, Invalid, WebUIError, sentence
from modules.base.files import write_atomically, write_new
from modules.gallery.gallery import Gallery
from modules.imaging.folders import content_of
from modules.requests.data_edit import DataEdit, data_changes, edit_notes, edited_file
from modules.requests.data_shown import revision_of
from modules.requests.picture_refs import LIBRARY_REF, UPLOAD_REF, PictureFile, find_picture
from modules.settings.account_limits import account_limits
from modules.store.picture_history import PictureHistory

MOST_COPIES = 10_000      # of one name
COPIES_FOLDER = "edited"      # below the outputs, for copies of what lies in a read-only folder
EDIT_NANOSECONDS = 1_000_000      # by which an edit moves a file's time
LONGEST_WHAT = 200            # characters of what an edit was
MOST_CANDIDATES = 20          # pictures whose data may be a picture's
MOST_VALUE_SHOWN = 2_000      # characters of a value in a preview


@dataclass(frozen=True)
class DataSaving:
    """Edits of one account's pictures. Each method tells a picture's problem instead of raising it."""

    app: App
    account: Account

    @cached_property
    def history(self) -> PictureHistory:
        return PictureHistory(self.app.data_of(self.account.name).paths.data_history)

    def preview(self, ref: str, edit: DataEdit) -> dict[str, Any]:
        """Return what an edit would change."""
        try:
            found = find_picture(self.app, self.account.name, ref)
            content = content_of(found.path)
            changes = data_changes(content, edited_file(content, edit))
            return {
                "picture": ref,
                "name": found.name,
                "changes": [
                    {"what": each.what, "before": each.before[:MOST_VALUE_SHOWN],
                     "after": each.after[:MOST_VALUE_SHOWN]}
                    for each in changes
                ],
                "notes": edit_notes(content, edit),
            }
        except WebUIError as error:
            return {"picture": ref, "name": "", "changes": [], "notes": [], "problem": sentence(error)}

    def save(self, ref: str, edit: DataEdit, revision: str = "", as_copy: bool = False) -> dict[str, Any]:
        """Write an edit to a picture's file, or to a copy; return the picture's new reference and revision.

        revision: the file's at which the edit is aimed; "" is any
        """
        try:
            with self.app.data_of(self.account.name).editing:
                found = find_picture(self.app, self.account.name, ref)
                content = content_of(found.path)
                check_revision(content, revision)
                after = edited_file(content, edit)
                return self._written(found, content, after, as_copy, what_was_done(content, after))
        except WebUIError as error:
            return {"picture": ref, "revision": revision, "problem": sentence(error), "error": error.code}

    def undo(self, ref: str) -> dict[str, Any]:
        """Take a picture's last edit back."""
        try:
            with self.app.data_of(self.account.name).editing:
                found = find_picture(self.app, self.account.name, ref)
                content = content_of(found.path)
                edits = self.history.of(revision_of(content))
                if not edits:
                    raise Conflict(
                        "There is no edit of this picture to take back.",
                        "The history was emptied, or another program has changed the file since.",
                    )
                before = undone(self.history.delta(edits[0].number), content)
                if revision_of(before) != edits[0].before:
                    raise Conflict("The former data cannot be made again.", "The history is damaged.")
                if found.sent:
                    return self._kept(before)
                self._write_over(found, before)
                self.history.forget([edits[0].number])
                return {"picture": found.ref, "revision": edits[0].before}
        except WebUIError as error:
            return {"picture": ref, "revision": "", "problem": sentence(error), "error": error.code}

    def forget(self, refs: list[str] | None) -> int:
        """Empty the history of some pictures, or all of it; return the number of edits."""
        if refs is None:
            return self.history.empty()
        numbers = [edit.number for ref in refs for edit in self.edits(ref)]
        self.history.forget(numbers)
        return len(numbers)

    def edits(self, ref: str) -> Iterator[Any]:
        content = content_of(find_picture(self.app, self.account.name, ref).path)
        yield from self.history.of(revision_of(content))

    def lost(self, ref: str) -> dict[str, Any]:
        """Return pictures of the library that are the same as one, with the data that it may have lost.

        `waiting`: pictures that could not be compared, since nobody has looked at them yet.
        """
        try:
            found, gallery = find_picture(self.app, self.account.name, ref), self.app.galleries.of(self.account.name)
            waiting = len(gallery.looks.unknown())
            rows = [
                {"picture": f"{LIBRARY_REF}:{row.id}", "how": how, "infotext": known_data(gallery, row.id)}
                for row, how in gallery.matches(content_of(found.path))[:MOST_CANDIDATES]
            ]
            others = [each for each in rows if each["infotext"] and each["picture"] != found.ref]
            return {"picture": ref, "found": others, "waiting": waiting}
        except WebUIError as error:
            return {"picture": ref, "found": [], "waiting": 0, "problem": sentence(error)}

    # Writing ---------------------------------------------------------------------------------------

    def _written(
        self, found: PictureFile, before: bytes, after: bytes, as_copy: bool, what: str
    ) -> dict[str, Any]:
        if found.sent or as_copy:
            told = self._kept(after) if found.sent else self._copied(found, after)
        elif before == after:
            return {"picture": found.ref, "revision": revision_of(before)}
        else:
            check_in_place(found)
            told = {"picture": found.ref, "revision": revision_of(after)}
        if before != after:
            self.history.add(what, revision_of(before), revision_of(after), delta_of(before, after))
        if not (found.sent or as_copy):
            self._write_over(found, after)
        return told

    def _write_over(self, found: PictureFile, content: bytes) -> None:
        check_in_place(found)
        about = found.path.stat()
        write_atomically(found.path, content)
        # the picture is no newer than before, in lists by time; that the file is another one can still be seen
        os.utime(found.path, ns=(about.st_atime_ns, about.st_mtime_ns + EDIT_NANOSECONDS))
        found.path.chmod(about.st_mode & 0o777)
        self.app.galleries.of(self.account.name).edited(found.path)

    def _kept(self, content: bytes) -> dict[str, Any]:
        digest = keep_file(self.app, self.account, content)
        return {"picture": f"{UPLOAD_REF}:{digest}", "revision": digest}

    def _copied(self, found: PictureFile, content: bytes) -> dict[str, Any]:
        mine, gallery = self.app.data_of(self.account.name), self.app.galleries.of(self.account.name)
        check_storage(account_limits(self.app.settings.current, self.account.role.name), mine.outputs)
        outputs = mine.paths.outputs.resolve()
        inside = found.in_place and found.path.resolve().is_relative_to(outputs)
        folder = found.path.parent if inside else outputs / COPIES_FOLDER
        path = write_new(copy_paths(folder, found.path), content)
        number = gallery.record(path)
        return {"picture": f"{LIBRARY_REF}:{number}", "revision": revision_of(content), "name": path.name}


def known_data(gallery: Gallery, picture: int) -> str:
    """Return a picture's data, or those that its job recorded if its file has none."""
    said, recorded, _ = gallery.index.texts(picture)
    return said or recorded


def check_revision(content: bytes, revision: str) -> None:
    """Raise Conflict if a file is not the one that was looked at."""
    if revision and revision_of(content) != revision:
        raise Conflict("The file has changed since it was read.", "Read it again, then make the change once more.")


def check_in_place(found: PictureFile) -> None:
    if not found.in_place:
        raise Forbidden(f"{found.name} lies where nothing may be changed.", "Save a copy.")


def copy_paths(folder: Path, path: Path) -> Iterator[Path]:
    """Yield names for a copy. Raises Invalid when there are too many."""
    for number in range(1, MOST_COPIES):
        yield folder / f"{path.stem}-{number}{path.suffix}"
    raise Invalid(f"There are too many copies of {path.name}.", "Delete some.")


def what_was_done(before: bytes, after: bytes) -> str:
    """Return an edit in words, for the history."""
    names = [each.what for each in data_changes(before, after)]
    return ", ".join(names)[:LONGEST_WHAT] or "nothing"
