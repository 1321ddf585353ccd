"""People's files beside a model file: A1111's `name.json`, Civitai's `name.civitai.info`, `name.txt`, a preview.

No torch.
"""

from __future__ import annotations

import html
import json
import math
import os
import re
import stat
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modules.base.errors import Invalid
from modules.base.families import family_named
from modules.base.files import inside, write_atomically

LARGEST_TEXT = 2**20              # bytes of a text file that is read
LONGEST_DESCRIPTION = 20_000             # characters of a description that is shown
PREVIEW_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".avif", ".gif")
PREVIEWS = (*(f".preview{ending}" for ending in PREVIEW_ENDINGS), *PREVIEW_ENDINGS)      # the first that exists
COMPANY = (".json", ".civitai.info", ".txt", *PREVIEWS)
HTML_TAG = re.compile(r"<[^<>]*>")
HTML_BREAK = re.compile(r"<(?:br|/p|/li|/h\d)\b[^<>]*>", re.IGNORECASE)
NO_VAE_PREFERENCE = "Automatic"         # no preference, in A1111's words
NOT_SAID = ("", "Unknown")   # A1111's words for no family


@dataclass(frozen=True, slots=True)
class UserMetadata:
    """The user's data of a model.

    title: Civitai's name of the model; weight: the preferred strength; vae: the VAE preferred for a checkpoint
    """

    title: str = ""
    description: str = ""
    family: str = ""
    activation: str = ""
    weight: float | None = None
    negative: str = ""
    notes: str = ""
    vae: str = ""        # a file's name, or "None" for its own; "" is no preference


@dataclass(frozen=True, slots=True)
class Sidecars:
    """The sidecar files of a model file: ending → path, with sizes and modification times of the whole group."""

    files: Mapping[str, Path] = field(default_factory=dict)
    stamp: str = ""

    @property
    def preview(self) -> Path | None:
        return next((self.files[ending] for ending in PREVIEWS if ending in self.files), None)


def sidecar_files(model: Path, home: Path, names: Collection[str]) -> Sidecars:
    """Return the sidecar files of `model` among the names in its folder: regular files, and no links out of `home`."""
    found: dict[str, Path] = {}
    parts = [stamped("", stat_of(model))]
    stem = model.stem
    for ending in COMPANY:
        if (
            stem + ending in names
            and ending != model.suffix
            and (about := regular(path := model.with_name(stem + ending), home))
        ):
            found[ending] = path
            parts.append(stamped(ending, about))
    if (ending := model.suffix.casefold()) in PREVIEW_ENDINGS:        # a picture that is an embedding shows itself
        found.setdefault(ending, model)
    return Sidecars(found, "|".join(parts))


def stamped(ending: str, about: os.stat_result) -> str:
    return f"{ending}:{about.st_size}:{about.st_mtime_ns}"


def stat_of(path: Path) -> os.stat_result:
    """Return the stat of a file, or of a broken link itself. Raises OSError if there is neither."""
    try:
        return path.stat()
    except OSError:
        return path.lstat()


def regular(path: Path, home: Path) -> os.stat_result | None:
    try:
        about = path.lstat()
        if stat.S_ISLNK(about.st_mode) and path.resolve().is_relative_to(home.resolve()):
            about = path.stat()
    except (OSError, RuntimeError):     # a loop of links
        return None
    return about if stat.S_ISREG(about.st_mode) else None


def read_user_metadata(files: Mapping[str, Path]) -> UserMetadata:
    """Return the data of all sidecar files; the user's go before Civitai's. Broken files are ignored."""
    user, civitai = (read_json(files.get(ending)) for ending in (".json", ".civitai.info"))
    version, model = json_text(civitai, "name"), json_text(civitai.get("model"), "name")
    said = json_text(user, "sd version")
    return UserMetadata(
        title=f"{model} {version}".strip(),
        description=(
            json_text(user, "description")
            or read_sidecar_text(files.get(".txt"))
            or text_of_html(json_text(civitai, "description"))
        )[:LONGEST_DESCRIPTION],
        family=("" if said in NOT_SAID else family_named(said) or said)
        or family_named(json_text(civitai, "baseModel")),
        activation=json_text(user, "activation text") or ", ".join(words(civitai.get("trainedWords"))),
        weight=json_number(user.get("preferred weight")),
        negative=json_text(user, "negative text"),
        notes=json_text(user, "notes"),
        vae="" if (vae := json_text(user, "vae")) == NO_VAE_PREFERENCE else vae,
    )


def write_user_metadata(model: Path, changes: Mapping[str, Any]) -> None:
    """Change some keys of `name.json`, as in KEYS, and keep the others. Raises Invalid if it is no JSON object."""
    path = model.with_suffix(".json")
    content = existing_metadata(path)
    content |= {KEYS[name]: NO_USER_METADATA[name] if value in (None, "") else value for name, value in changes.items()}
    write_atomically(path, json.dumps(content, indent=4, ensure_ascii=False).encode())


def existing_metadata(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    inside(path.parent, path)           # not through a link to another folder
    try:
        content = json.loads(path.read_text("utf-8-sig")) if path.stat().st_size <= LARGEST_TEXT else None
    except (OSError, ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise Invalid(f"{path.name} is not a JSON object, so nothing can be added to it.", "Mend it, or take it away.")
    return content


def read_json(path: Path | None) -> dict[str, Any]:
    try:
        content = json.loads(read_sidecar_text(path) or "{}")
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def read_sidecar_text(path: Path | None) -> str:
    """Return the file's text, "" if there is none or it is too long."""
    try:
        return path.read_text("utf-8-sig", "replace").strip() if path and path.stat().st_size <= LARGEST_TEXT else ""
    except OSError:
        return ""


def json_text(content: Any, key: str) -> str:
    """Return a text without lone surrogates, which no database can hold."""
    value = content.get(key) if isinstance(content, dict) else None
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def words(value: Any) -> Iterator[str]:
    for item in value if isinstance(value, list) else ():
        if isinstance(item, str) and (word := item.encode("utf-8", "replace").decode().strip(" ,")):
            yield word


def json_number(value: Any) -> float | None:
    """Return a strength; A1111 writes 0 for none."""
    usable = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if usable and value else None


def text_of_html(markup: str) -> str:
    """Return HTML's text."""
    lines = html.unescape(HTML_TAG.sub("", HTML_BREAK.sub("\n", markup[:LARGEST_TEXT])))
    return "\n".join(filter(None, map(str.strip, lines.splitlines())))


KEYS = {
    "description": "description", "family": "sd version", "activation": "activation text", "weight": "preferred weight",
    "negative": "negative text", "notes": "notes", "vae": "vae",
}
NO_USER_METADATA = {
    "description": "",
    "family": "Unknown",
    "activation": "",
    "weight": 0,
    "negative": "",
    "notes": "",
    "vae": NO_VAE_PREFERENCE,
}
