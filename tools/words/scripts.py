"""The texts in the pages' scripts and in the pages for accounts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

LITERAL = r'"(?:[^"\\\n]|\\.)*"'
JOINED = re.compile(rf"{LITERAL}(?:\s*\+\s*{LITERAL})*")      # texts put together from several lines are one
CALLED = re.compile(rf"\bt\(\s*({JOINED.pattern})")
ESCAPED = re.compile(r"\\(.)")
COMMENT = re.compile(r"^\s*//[^\n]*$|(?:^|(?<=\s))/\*(?s:.*?)\*/", re.MULTILINE)      # not in "image/*"
# what a script hands to `t` from a table of its own begins as a text does; names of keys, methods and elements do not
READ = re.compile(r"[A-Z…][A-Za-z’']*(?:[ ,:.…?]|$)|[a-z{][^<>=]* [^<>=]*")
UNREAD = re.compile(
    r"[A-Z]{1,6}(?: |$)(?![a-z])|Arrow\w+|Backspace|Enter|Escape|Tab|Delete|Home|End|Page\w+|DOM\w+|GB|MB|use strict"
    r"|[\w, \[\]=]*\b(?:button|input|img|span|thead)\b[\w, \[\]=]*|[a-zA-Z][\d.\- ]+[\w.\- ]*|[a-z]+ "
    r"|\w+ (?:wrong|failed)"
)
FORMATS = frozenset({"EXIF", "XMP", "IPTC", "VAE"})      # names that a list shows


def script_texts(folder: Path) -> set[str]:
    """Return the texts of all scripts below a folder: passed to `t`, or as a table may hold them."""
    return {text for path in folder.rglob("*.js") for text in texts_of(path.read_text(encoding="utf-8"))}


def texts_of(script: str) -> Iterator[str]:
    plain = COMMENT.sub("", script)
    yield from (joined(found[1]) for found in CALLED.finditer(plain))
    for found in JOINED.finditer(plain):
        text = joined(found[0])
        if text in FORMATS or (READ.match(text) and not UNREAD.fullmatch(text)):
            yield text


def joined(literals: str) -> str:
    """Return the text of JavaScript literals with + between them."""
    return "".join(ESCAPED.sub(unescaped, each[1:-1]) for each in re.findall(LITERAL, literals))


def unescaped(found: re.Match[str]) -> str:
    return {"n": "\n", "t": "\t"}.get(found[1], found[1])


class PageTexts(HTMLParser):
    """The texts of a page: between its tags, and what stands in empty boxes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self._unread = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._unread = tag in ("script", "style", "pre", "code")
        self.found |= {value for name, value in attrs if name == "placeholder" and value}

    def handle_endtag(self, tag: str) -> None:
        self._unread = False

    def handle_data(self, data: str) -> None:
        text = " ".join(data.split()).removesuffix(" – Easel")
        if re.search("[A-Za-z]{2}", text) and not self._unread:
            self.found.add(text)


def page_texts(folder: Path) -> set[str]:
    """Return the texts of the HTML pages in a folder."""
    found = set()
    for path in folder.glob("*.html"):
        page = PageTexts()
        page.feed(path.read_text(encoding="utf-8"))
        found |= page.found
    return found
