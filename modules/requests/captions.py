"""Pictures put into words: what A1111's settings say of captions, and the caption that a job has written. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modules.app.app import App
from modules.app.kept_inputs import keep_input
from modules.base.accounts import Account, account_folder
from modules.base.errors import JobFailed
from modules.params.interrogation import CAPTION_FOLDER, Interrogation
from modules.requests.submit import Submission, submit
from modules.store.jobs import INTERRUPTED, JobRecord

# A1111's settings → fields, with the limits that these have
CAPTION_SETTINGS = {
    "interrogate_clip_num_beams": ("num_beams", 16), "interrogate_clip_min_length": ("min_length", 128),
    "interrogate_clip_max_length": ("max_length", 256),
}


def caption_request(app: App, content: bytes, caller: Account) -> Interrogation:
    """Return the request for a picture's file, which is kept. Raises InvalidImage, TooLarge or OverQuota."""
    foreign = app.data_of(caller.name).settings.foreign
    return Interrogation(image=keep_input(app, caller, content), **caption_lengths(foreign))


def caption_lengths(foreign: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that A1111's settings give, within their limits."""
    return {
        name: int(min(most, max(1, foreign[setting]))) for setting, (name, most) in CAPTION_SETTINGS.items()
    }


def written_caption(app: App, record: JobRecord, asked: Interrogation) -> str:
    """Return the caption that a job without an error has written. Raises JobFailed if it was interrupted."""
    if record.state == INTERRUPTED:
        raise JobFailed("The job was interrupted.", "Ask again.")
    path = app.flags.paths.cache / CAPTION_FOLDER / account_folder(record.owner) / asked.file_name
    return path.read_text(encoding="utf-8")


def captioned(app: App, content: bytes, caller: Account) -> str:
    """Put a picture's file into words, and wait for it. Raises ModelMissing without a model, JobFailed and others."""
    asked = caption_request(app, content, caller)
    record = app.jobs.wait(submit(app, Submission("interrogate", asked), caller).job)
    if record.error:
        raise JobFailed(record.error["message"], record.error["hint"])
    return written_caption(app, record, asked)
