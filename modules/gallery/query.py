"""The search language: words, and fields with values.

    a red fox                       all words; each may be the beginning of one
    "red fox"                       words one after the other
    model:sticker lora:ink          a part of a name; `lora:ink|oil` is either
    steps:>20 cfg:4..7 seed:42      numbers: equal, compared, or a range
    size:512x width:>1000           a size; a side that is left out may be any
    date:2026-11 date:>2026-11-20   a year, a month, a day; compared or a range
    neg:blurry prompt:fox note:print    words in that text alone
    is:favourite has:note           marks and states
    hires-upscaler:latent           any other key of the generation data
    -is:grid -neg:blurry            a minus in front: not that
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from modules.gallery.index import EMBEDDING_TRAIT, LORA_TRAIT, TAG_TRAIT
from modules.library.index import escaped

MOST_TERMS = 40
TERM_BEGINS = re.compile(r"\S")
FIELD = re.compile(r"([^\W\d_][\w\-/]{0,40}):(?=\S)")
BARE = re.compile(r"[^\s\"]+")
NUMBER_RANGE = re.compile(r"(>=|<=|>|<|=)?(\d{1,18}(?:\.\d{1,9})?)?(?:(\.\.)(\d{1,18}(?:\.\d{1,9})?)?)?")
SIZE_TERM = re.compile(r"(\d{0,6})[x×](\d{0,6})")
DATE = re.compile(r"(>=|<=|>|<|=)?(\d{4})(?:-(\d{1,2}))?(?:-(\d{1,2}))?(?:\.\.(\d{4})(?:-(\d{1,2}))?(?:-(\d{1,2}))?)?")


@dataclass(frozen=True, slots=True)
class Condition:
    """A statement that selects pictures' ids, with its values; negated: all others are meant."""

    sql: str
    values: tuple[object, ...] = ()
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Unclear:
    """What is said of a term that has no sense."""

    note: str


@dataclass(frozen=True, slots=True)
class Term:
    """One term as it was written; field "" is free text."""

    negated: bool
    field: str
    value: str
    quoted: bool


def search_terms(text: str) -> list[Term]:
    """Split a query. Any text is accepted."""
    terms: list[Term] = []
    position = 0
    while len(terms) < MOST_TERMS and (found := TERM_BEGINS.search(text, position)):
        term, position = one_term(text, found.start())
        if term.value:
            terms.append(term)
    return terms


def one_term(text: str, start: int) -> tuple[Term, int]:
    """Read the term at `start`, which is no space; returns it and where it ends."""
    negated = text[start] == "-" and len(text) > start + 1 and not text[start + 1].isspace()
    start += negated
    field = FIELD.match(text, start)
    start = field.end() if field else start
    name = field[1].casefold() if field else ""
    if text[start] == '"':
        end = text.find('"', start + 1)
        end = len(text) if end < 0 else end
        return Term(negated, name, text[start + 1 : end].strip(), True), end + 1
    bare = BARE.match(text, start)
    assert bare      # it is neither a space nor a quotation mark
    return Term(negated, name, bare[0], False), bare.end()


def conditions_of(text: str) -> tuple[list[Condition], list[str]]:
    """Return a query as conditions, all of which must hold, and notes on what was not understood."""
    found: list[Condition] = []
    notes: list[str] = []
    for term in search_terms(text):
        condition = condition_of(term)
        if isinstance(condition, Unclear):
            notes.append(condition.note)
        elif condition:
            found.append(Condition(condition.sql, condition.values, term.negated))
    return found, notes


def condition_of(term: Term) -> Condition | Unclear | None:
    """Return a term's condition, what is unclear if it has no sense, or None if it says nothing."""
    read = FIELDS.get(term.field)
    if read:
        return read(term.value)
    if term.field:
        return words_in("data", f"{re.sub(r'[-_/]', ' ', term.field)} {term.value}", True)
    return words_in(FREE_COLUMNS, term.value, term.quoted)


# Texts -----------------------------------------------------------------------------------------------

FREE_COLUMNS = "{name prompt data remarks}"
QUERY_WORD = re.compile(r"\w+")
# scripts without spaces, of which the tokenizer makes one word a line
UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")


def words_in(columns: str, text: str, phrase: bool = False) -> Condition | None:
    """Return a condition on words in these columns; the last one may be the beginning of a word."""
    if UNSPACED.search(text):
        return part_in(columns, text)
    words = QUERY_WORD.findall(text.replace("_", " ") if phrase else text)
    if not words:
        return None
    match = f'"{" ".join(words)}"*'
    return Condition("SELECT rowid AS id FROM picture_search WHERE picture_search MATCH ?", (f"{columns} : {match}",))


def part_in(columns: str, text: str) -> Condition:
    names = columns.strip("{}").split()
    where = " OR ".join(f"{name} LIKE ?1 ESCAPE '\\'" for name in names)
    return Condition(f"SELECT id FROM picture_words WHERE {where}", (f"%{escaped(text)}%",))


def words_of_column(column: str) -> Callable[[str], Condition | None]:
    return lambda value: words_in(column, value, True)


# Names -----------------------------------------------------------------------------------------------


def parts(value: str) -> list[str]:
    """Return the alternatives of `ink|oil` as patterns of LIKE."""
    return [f"%{escaped(part)}%" for part in value.split("|") if part][:MOST_TERMS]


def either(column: str, count: int) -> str:
    return " OR ".join([f"{column} LIKE ? ESCAPE '\\'"] * count)


def name_in(column: str) -> Callable[[str], Condition | None]:
    """Return the reader of a field whose value is a part of a column's text."""

    def read(value: str) -> Condition | None:
        found = parts(value)
        return Condition(f"SELECT id FROM pictures WHERE {either(column, len(found))}", (*found,)) if found else None

    return read


def trait_in(name: str) -> Callable[[str], Condition | None]:
    """Return the reader of a field of which a picture may have several values."""

    def read(value: str) -> Condition | None:
        found = parts(value)
        sql = f"SELECT DISTINCT picture AS id FROM traits WHERE name = ? AND ({either('value', len(found))})"
        return Condition(sql, (name, *found)) if found else None

    return read


def in_album(value: str) -> Condition | None:
    found = parts(value)
    sql = (
        "SELECT DISTINCT picture AS id FROM album_pictures WHERE album IN"
        f" (SELECT id FROM albums WHERE {either('name', len(found))})"
    )
    return Condition(sql, (*found,)) if found else None


# Numbers ---------------------------------------------------------------------------------------------


def number_in(column: str) -> Callable[[str], Condition | Unclear]:
    """Return the reader of a field that is a number."""

    def read(value: str) -> Condition | Unclear:
        found = NUMBER_RANGE.fullmatch(value)
        if not found or not (found[2] or found[4]) or (found[1] and (found[3] or not found[2])):
            return Unclear(f"{value!r:.60} is no number: write 20, >20, <=7.5 or 4..7.")
        if found[3]:
            low, high = found[2] or "0", found[4] or "1e18"
            return Condition(f"SELECT id FROM pictures WHERE {column} BETWEEN ? AND ?", (number(low), number(high)))
        return Condition(f"SELECT id FROM pictures WHERE {column} {found[1] or '='} ?", (number(found[2]),))

    return read


def number(text: str) -> int | float:
    return int(text) if text.isdecimal() else float(text)


def size_is(value: str) -> Condition | Unclear:
    found = SIZE_TERM.fullmatch(value.casefold())
    if not found or not (found[1] or found[2]):
        return Unclear(f"{value!r:.60} is no size: write 512x768, 512x or x768.")
    sides = [("width", found[1]), ("height", found[2])]
    given = [(column, int(side)) for column, side in sides if side]
    where = " AND ".join(f"{column} = ?" for column, _ in given)
    return Condition(f"SELECT id FROM pictures WHERE {where}", tuple(side for _, side in given))


def date_is(value: str) -> Condition | Unclear:
    """A year, month or day stands for all its days."""
    found = DATE.fullmatch(value)
    if not found or (found[1] and found[5]):
        return Unclear(
            f"{value!r:.60} is no date: write 2026, 2026-11, 2026-11-29, >2026-11-20 or 2026-11-01..2026-11-15."
        )
    first, last = days_of(found[2], found[3], found[4])
    last = days_of(found[5], found[6], found[7])[1] if found[5] else last
    sign = found[1] or "="
    if sign == "=":
        return Condition("SELECT id FROM pictures WHERE day BETWEEN ? AND ?", (first, last))
    return Condition(f"SELECT id FROM pictures WHERE day {sign} ?", (last if sign in (">", "<=") else first,))


def days_of(year: str, month: str | None, day: str | None) -> tuple[int, int]:
    """Return the first and the last day of a year, month or day, as yyyymmdd."""
    low = int(year) * 10_000 + int(month or 0) * 100 + int(day or 0)
    return low, low + (0 if day else 99 if month else 9_999)


# States ----------------------------------------------------------------------------------------------


def state_is(value: str) -> Condition | Unclear:
    where = PICTURE_STATES.get(value.casefold())
    if where is None:
        return Unclear(f"Nothing is {value!r:.60}: there are {', '.join(sorted(set(PICTURE_STATES)))}.")
    return Condition(f"SELECT id FROM pictures WHERE {where}")


def has_part(value: str) -> Condition | Unclear:
    where = PICTURE_PARTS.get(value.casefold())
    if where is None:
        return Unclear(
            f"{value!r:.60} is nothing that a picture can have: there are {', '.join(sorted(PICTURE_PARTS))}."
        )
    return Condition(f"SELECT id FROM pictures WHERE {where}")


PICTURE_STATES: Mapping[str, str] = {
    "favourite": "favourite = 1",
    "favorite": "favourite = 1",
    "broken": "broken != ''",
    "changed": "changed = 1",
    "rated": "rating > 0",
    "portrait": "height > width",
    "landscape": "width > height",
    "square": "width = height AND width > 0",
    **{kind: f"kind = '{kind}'" for kind in ("txt2img", "img2img", "inpaint", "extras", "grid")},
}
PICTURE_PARTS: Mapping[str, str] = {
    "data": "id IN (SELECT id FROM picture_texts WHERE infotext != '')",
    "note": "id IN (SELECT id FROM picture_texts WHERE note != '')",
    "tag": f"id IN (SELECT picture FROM traits WHERE name = '{TAG_TRAIT}')",
    "lora": f"id IN (SELECT picture FROM traits WHERE name = '{LORA_TRAIT}')",
    "embedding": f"id IN (SELECT picture FROM traits WHERE name = '{EMBEDDING_TRAIT}')",
    "album": "id IN (SELECT picture FROM album_pictures)",
    "parent": "(id IN (SELECT child FROM parents) OR (kind = 'grid' AND job != ''))",      # a grid is of its job
}
FIELDS: Mapping[str, Callable[[str], Condition | Unclear | None]] = {
    "model": name_in("model"), "sampler": name_in("sampler"), "program": name_in("program"), "kind": name_in("kind"),
    "folder": name_in("folder"), "name": name_in("name"), "format": name_in("format"),
    "lora": trait_in(LORA_TRAIT), "embedding": trait_in(EMBEDDING_TRAIT), "tag": trait_in(TAG_TRAIT),
    "album": in_album,
    "steps": number_in("steps"), "cfg": number_in("cfg"), "seed": number_in("seed"),
    "denoising": number_in("denoising"), "width": number_in("width"), "height": number_in("height"),
    "rating": number_in("rating"), "bytes": number_in("size"),
    "size": size_is, "date": date_is, "is": state_is, "has": has_part,
    "neg": words_of_column("negative"), "prompt": words_of_column("prompt"), "note": words_of_column("remarks"),
}
