"""A list of extensions that can be installed, in the form of A1111's index: from an address, or from a file."""

from __future__ import annotations

import contextlib
import json
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from modules.base.errors import Invalid, WebUIError
from modules.base.files import stays_below
from modules.plugins.git_install import checked_address

INDEX_ADDRESS = "https://raw.githubusercontent.com/AUTOMATIC1111/stable-diffusion-webui-extensions/master/index.json"
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")
LARGEST_INDEX = 16 * 2**20      # bytes
INDEX_SECONDS = 30
MOST_AVAILABLE, MOST_OF_TAGS = 5_000, 50
LONGEST = {"name": 200, "url": 1_000, "description": 2_000, "added": 40}       # characters
HINT = 'It is JSON: {"tags": {…}, "extensions": [{"name", "url", "description", "added", "tags"}, …]}.'


class IndexUnreachable(WebUIError):
    """An index that could not be read from its address."""

    status = 502


@dataclass(frozen=True)
class AvailableExtension:
    """An extension that can be installed."""

    name: str
    url: str
    description: str
    added: str      # a day
    tags: tuple[str, ...]


@dataclass(frozen=True)
class ExtensionIndex:
    tags: Mapping[str, str]         # what each tag means
    entries: tuple[AvailableExtension, ...]


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """The address that was given is the one that is asked."""

    def redirect_request(self, *args: Any, **how: Any) -> None:
        return None


def read_index(source: str, folder: Path) -> ExtensionIndex:
    """Return an index from an https address, from this computer's own http, or from a file below `folder`.

    Raises Invalid, or IndexUnreachable.
    """
    content = fetched(source) if urlsplit(source).scheme in ("http", "https") else read_index_file(source, folder)
    try:
        return parsed_index(json.loads(content))
    except (ValueError, RecursionError) as error:
        raise Invalid("That is no index of extensions.", HINT, field="source") from error


def fetched(address: str) -> bytes:
    parts = urlsplit(address)
    if parts.username or (parts.scheme == "http" and parts.hostname not in LOOPBACK_NAMES):
        raise Invalid("An index is read over https.", "Give an address that begins with https://.", field="source")
    opener = urllib.request.build_opener(NoRedirects)
    try:
        with opener.open(address, timeout=INDEX_SECONDS) as answer:
            content = read_in_time(answer)
    except (OSError, HTTPException, ValueError) as error:
        raise IndexUnreachable(f"The index could not be read: {error}", "Look at its address.") from error
    return checked_length(content)


def read_in_time(answer: HTTPResponse) -> bytes:
    """Return what is sent, a byte more than an index may have at most. Raises TimeoutError if that takes too long."""
    content, until = bytearray(), time.monotonic() + INDEX_SECONDS
    while len(content) <= LARGEST_INDEX and (part := answer.read1(LARGEST_INDEX)):
        content += part
        if time.monotonic() > until:
            raise TimeoutError(f"it takes longer than {INDEX_SECONDS} seconds")
    return bytes(content)


def read_index_file(source: str, folder: Path) -> bytes:
    path = folder / source
    if stays_below(source) and path.suffix == ".json":
        with contextlib.suppress(OSError), path.open("rb") as file:
            return checked_length(file.read(LARGEST_INDEX + 1))
    raise Invalid(f"There is no index {source[:200]}.", "A file is a .json below the data folder.", field="source")


def checked_length(content: bytes) -> bytes:
    if len(content) > LARGEST_INDEX:
        raise Invalid("That index is too long.", f"It may have {LARGEST_INDEX >> 20} MiB.", field="source")
    return content


def parsed_index(value: Any) -> ExtensionIndex:
    """Return an index; entries without an address that can be installed are left out. Raises Invalid."""
    if not isinstance(value, dict) or not isinstance(value.get("extensions"), list):
        raise Invalid("That is no index of extensions.", HINT, field="source")
    tags = value.get("tags")
    known = {str(tag)[:100]: str(means)[:1_000] for tag, means in tags.items()} if isinstance(tags, dict) else {}
    entries = (entry_of(each) for each in value["extensions"][:MOST_AVAILABLE] if isinstance(each, dict))
    return ExtensionIndex(known, tuple(each for each in entries if each))


def entry_of(value: Mapping[str, Any]) -> AvailableExtension | None:
    texts = {field: str(value.get(field) or "")[:longest].strip() for field, longest in LONGEST.items()}
    tags = value.get("tags") if isinstance(value.get("tags"), list) else []
    try:
        checked_address(texts["url"])
    except Invalid:
        return None
    return AvailableExtension(**texts, tags=tuple(str(tag)[:100] for tag in (tags or ())[:MOST_OF_TAGS]))
