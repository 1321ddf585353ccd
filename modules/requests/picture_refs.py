"""Pictures as requests name them: an output of a job, one of the library, or a file that was sent. No torch.

    job:<id>/<index>      library:<id>      upload:<SHA-256>

Another account's do not exist.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from modules.app.app import App
from modules.base.errors import Invalid, UnknownName
from modules.base.files import inside
from modules.imaging.inputs import SENT_ENDING

JOB_REF, LIBRARY_REF, UPLOAD_REF = "job", "library", "upload"
LONGEST_NUMBER = 15      # digits of an index or a library's id
SHA256_HEX = re.compile(r"[0-9a-f]{64}")
REF_PATTERN = r"^(job:[^/]{1,117}/[0-9]{1,15}|library:[0-9]{1,15}|upload:[0-9a-f]{64})$"
REF_FORM = re.compile(REF_PATTERN)


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A picture that a request names.

    in_place: its file may be written anew; if not, edits make a copy
    sent: it was sent to be edited, and is nobody's output
    """

    ref: str
    path: Path
    name: str
    in_place: bool = True
    sent: bool = False


FindPicture = Callable[[App, str, str], PictureFile]      # of an account, by what follows the colon


def checked_ref(ref: str) -> str:
    """Return a reference. Raises Invalid for what is none."""
    if not REF_FORM.match(ref):
        raise Invalid(
            f"{ref[:80]!r} names no picture.", "Write job:<id>/<index>, library:<id> or upload:<hash>.", "picture"
        )
    return ref


def find_picture(app: App, owner: str, ref: str) -> PictureFile:
    """Return the picture of an account that a reference names. Raises UnknownName, or Invalid for no reference."""
    kind, _, rest = checked_ref(ref).partition(":")
    return REF_KINDS[kind](app, owner, rest)


def job_picture(app: App, owner: str, rest: str) -> PictureFile:
    job, _, index = rest.rpartition("/")
    record = app.jobs.brief(job, owner)
    found = app.jobs.store.picture(record.id, ref_number(index))
    if found is None or not Path(found.path).is_file():
        raise UnknownName("picture", f"{JOB_REF}:{rest}", [])
    path = Path(found.path)
    return PictureFile(f"{JOB_REF}:{rest}", path, path.name)


def library_picture(app: App, owner: str, rest: str) -> PictureFile:
    gallery = app.galleries.of(owner)
    row = gallery.index.picture(ref_number(rest))
    read_only = bool(gallery.index.root(row.root).read_only) or bool(row.origin)      # in the trash it stays as it is
    return PictureFile(f"{LIBRARY_REF}:{row.id}", gallery.path_of(row), row.name, not read_only)


def sent_picture_file(app: App, owner: str, rest: str) -> PictureFile:
    folder = app.data_of(owner).paths.inputs
    path = inside(folder, f"{rest}.{SENT_ENDING}") if SHA256_HEX.fullmatch(rest) else folder
    if not path.is_file():
        raise UnknownName("picture", f"{UPLOAD_REF}:{rest}", [])
    return PictureFile(f"{UPLOAD_REF}:{rest}", path, "", in_place=False, sent=True)


def ref_number(text: str) -> int:
    """Return a number of a reference. Raises UnknownName."""
    if not (text.isascii() and text.isdecimal() and len(text) <= LONGEST_NUMBER):
        raise UnknownName("picture", text, [])
    return int(text)


REF_KINDS: Mapping[str, FindPicture] = {
    JOB_REF: job_picture, LIBRARY_REF: library_picture, UPLOAD_REF: sent_picture_file,
}
