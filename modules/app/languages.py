"""The languages of the pages: tables of words that ship, those of the data folder and of extensions, who gets which."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from modules.app.app import App
from modules.base.errors import Invalid
from modules.base.files import kept_while_unchanged
from modules.plugins.manifest import LOCALIZATIONS
from modules.settings.flags import ROOT

log = logging.getLogger(__name__)
SHIPPED_TABLES = ROOT / "configs" / LOCALIZATIONS       # a folder for each language
WORDING = Path(__file__).with_name("wording.js")        # what puts a table's words into a page
ENGLISH = "en"
LANGUAGE_NAMES: Mapping[str, str] = {ENGLISH: "English", "de": "Deutsch", "zh-CN": "简体中文"}
LANGUAGE_SETTING, NO_LANGUAGE = "localization", "None"      # A1111's names; none chosen: the browser's
LANGUAGE_COOKIE = "easel_language"                          # for pages before anybody has logged in
LARGEST_TABLE = 8 * 2**20       # bytes
MOST_WISHES = 20                # languages that a browser may ask for
TAG = re.compile(r"[a-zA-Z]{2,3}(?:[-_][a-zA-Z0-9]{2,8})*")


@dataclass(frozen=True, slots=True)
class Language:
    """The language of a page: the tag of the table that ships, and a table of a person's or an extension's over it."""

    tag: str = ENGLISH
    own: Mapping[str, str] = field(default_factory=dict)


def read_table(path: Path) -> dict[str, str]:
    """Return a JSON object of texts, such as A1111's `localizations/zh-CN.json`. Raises Invalid, OSError."""
    hint = "It is a JSON object, English text to translation."
    if path.stat().st_size > LARGEST_TABLE:
        raise Invalid(f"{path.name} is longer than {LARGEST_TABLE >> 20} MiB.", "Take another one.")
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise Invalid(f"{path.name} is no table of words: {error}.", hint) from error
    if not isinstance(table, dict):
        raise Invalid(f"{path.name} is no table of words.", hint)
    return {str(english): str(shown) for english, shown in table.items() if shown}


@cache
def shipped_languages(folder: Path = SHIPPED_TABLES) -> Mapping[str, Mapping[str, str]]:
    """Return language tag → English text → the text shown; all the files of a language's folder are one table."""
    folders = sorted(path for path in folder.iterdir() if path.is_dir())
    return {
        path.name: {text: shown for part in sorted(path.glob("*.json")) for text, shown in read_table(part).items()}
        for path in folders
    }


@cache
def shipped_words(tag: str) -> str:
    """Return the table of a language that ships as JSON; an empty one for English."""
    return json.dumps(shipped_languages().get(tag, {}), ensure_ascii=False, separators=(",", ":"))


def localization_files(app: App) -> dict[str, Path]:
    """Return the tables beside those that ship, by name; a file of the data folder comes before an extension's."""
    own = sorted((app.flags.paths.data_dir / LOCALIZATIONS).glob("*.json"))
    files = [path for state in app.extensions.active for path in state.extension.localizations]
    return {path.stem: path for path in [*files, *own] if path.is_file()}


def offered_languages(app: App) -> dict[str, str]:
    """Return what a person may choose: value → name; a language that ships is named in itself."""
    others = {name: name for name in sorted(localization_files(app)) if name not in LANGUAGE_NAMES}
    return {NO_LANGUAGE: "As the browser asks", **LANGUAGE_NAMES, **others}


def language_of(app: App, owner: str, cookie: str = "", accepted: str = "") -> Language:
    """Return the language of an account's pages: the one that is chosen, else the browser's.

    cookie: what this browser chose last, where nobody has logged in; accepted: its Accept-Language
    """
    files = localization_files(app)
    setting = str(app.data_of(owner).settings.foreign.get(LANGUAGE_SETTING) or NO_LANGUAGE)
    chosen = next((each for each in (setting, cookie) if each not in ("", NO_LANGUAGE)), "")
    if chosen in files:
        return Language(language_tag(chosen), own_table(files[chosen]))
    return Language(nearest(chosen) or from_browser(accepted))


def own_table(path: Path) -> Mapping[str, str]:
    """Return a table's words; none if it cannot be read, which the log says."""
    try:
        return unchanged_table(path)
    except (Invalid, OSError) as error:
        log.warning("The page does without a table of words: %s", error)
        return {}


@kept_while_unchanged
def unchanged_table(path: Path) -> Mapping[str, str]:
    return read_table(path)


def language_tag(name: str) -> str:
    """Return the language of a table of that name: one that ships, whose words stand where it has none."""
    return nearest(name) or (name.replace("_", "-") if TAG.fullmatch(name) else ENGLISH)


def nearest(wanted: str) -> str:
    """Return the language that ships for a tag such as "zh_TW" or "de-AT"; "" if there is none."""
    known = (ENGLISH, *shipped_languages())
    whole, main = wanted.replace("_", "-").lower(), re.split(r"[-_ ]", wanted.lower(), maxsplit=1)[0]
    return next((tag for tag in known if tag.lower() == whole), "") or next(
        (tag for tag in known if tag.lower().partition("-")[0] == main), ""
    )


def from_browser(accepted: str) -> str:
    """Return the language that ships for an Accept-Language header (RFC 9110); English if none is wanted."""
    wishes = [part.strip().partition(";") for part in accepted.split(",")[:MOST_WISHES]]
    ordered = sorted(wishes, key=lambda wish: -quality(wish[2]))       # stable: equal ones as the browser has them
    return next((tag for name, _, _ in ordered if (tag := nearest(name.strip()))), ENGLISH)


def quality(text: str) -> float:
    """Return the weight in "q=0.8"; 1 if none is given."""
    found = re.fullmatch(r"q=([01](?:\.\d{0,3})?)", text.strip())
    return float(found[1]) if found else 1.0
