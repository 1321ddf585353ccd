"""What a run's pictures and captions were when it began, so that a run that goes on tells which have changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from modules.base.files import write_atomically
from modules.imaging.dataset.dataset import TrainingData, TrainingPicture
from modules.imaging.folders import content_of
from modules.store.run_folder import read_facts

MOST_NAMED_CHANGES = 5      # pictures in a sentence
TrainingMarks = Mapping[str, Mapping[str, Any]]


def marked_pictures(data: TrainingData, known: TrainingMarks) -> dict[str, Mapping[str, Any]]:
    """Return path → size, time of change, SHA-256 and caption; a file that is as old as it was is not read again."""
    pictures = (*data.pictures, *data.held_out)
    return {str(picture.path): picture_mark(picture, known.get(str(picture.path), {})) for picture in pictures}


def picture_mark(picture: TrainingPicture, known: Mapping[str, Any]) -> Mapping[str, Any]:
    facts = picture.path.stat()
    seen = {"size": facts.st_size, "time": facts.st_mtime_ns}
    same = all(known.get(name) == value for name, value in seen.items())
    content = known["sha256"] if same else sha256(content_of(picture.path)).hexdigest()
    return {**seen, "sha256": content, "caption": picture.caption.text}


def data_hash(marks: TrainingMarks) -> str:
    """Return the hash of all pictures and captions, wherever their folder lies."""
    parts = sorted((Path(path).name, mark["sha256"], mark["caption"]) for path, mark in marks.items())
    return sha256(json.dumps(parts).encode()).hexdigest()


def told_changes(before: TrainingMarks, now: TrainingMarks) -> str:
    """Return a sentence on pictures that came, went or changed, or whose captions did; "" if none has.

    >>> told_changes({"a.png": {"sha256": "1", "caption": "x"}}, {"a.png": {"sha256": "1", "caption": "y"}})
    'Since the run began 1 picture or caption has changed: a.png. It goes on with them as they are now.'
    """
    old, new = ({path: (mark["sha256"], mark["caption"]) for path, mark in marks.items()} for marks in (before, now))
    changed = sorted(Path(path).name for path in old.keys() | new.keys() if old.get(path) != new.get(path))
    if not changed:
        return ""
    count = "1 picture or caption has" if len(changed) == 1 else f"{len(changed)} pictures or captions have"
    names = ", ".join(changed[:MOST_NAMED_CHANGES]) + (" …" if len(changed) > MOST_NAMED_CHANGES else "")
    return f"Since the run began {count} changed: {names}. It goes on with them as they are now."


def renew_marks(folder: Path, data: TrainingData) -> tuple[str, str]:
    """Keep the marks of a run's pictures; return their hash, and what has changed since they were kept last."""
    path = folder / "pictures.json"
    before = read_facts(path) or {}
    now = marked_pictures(data, before)
    if now != before:
        write_atomically(path, json.dumps(now).encode())
    return data_hash(now), told_changes(before, now) if before else ""
