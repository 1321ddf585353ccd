"""Styles: named texts that are added to the prompts, kept in a `styles.csv` as A1111 writes it."""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import logging
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from modules.base.errors import PromptTooLong
from modules.base.files import write_atomically
from modules.base.last_good import keep_last_good, last_good_path
from modules.base.limits import MAX_PROMPT

SLOT = "{prompt}"
CSV_COLUMNS = ("name", "prompt", "negative_prompt")
CATEGORY = "category"            # our column; A1111 passes over columns that it does not know
MOST_EXTRACTED_STYLES = 30                  # styles taken out of a prompt again
LARGEST_STYLES = 16 * 2**20      # bytes
BYTE_ORDER_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
LEGACY = "cp1252"         # of western spreadsheets; bytes that it lacks mean another encoding

Stamp = tuple[int, ...] | None

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Style:
    """A named text for the prompts. others: further columns of its file, which are kept as they are."""

    name: str
    prompt: str = ""
    negative_prompt: str = ""
    category: str = ""
    others: tuple[tuple[str, str], ...] = field(default=(), compare=False)

    @property
    def is_comment(self) -> bool:
        return self.name.startswith("#")


@dataclass(frozen=True, slots=True)
class StyleTable:
    """The styles in a file, and its problems. rows: all of its rows, comments too"""

    styles: Mapping[str, Style] = field(default_factory=dict)
    problem: str = ""
    rows: tuple[Style, ...] = field(default=(), compare=False)


def apply_styles_to_prompt(prompt: str, styles: Iterable[str]) -> str:
    """Add the styles' texts in order: in place of `{prompt}` where a style has it, else after a comma.

    Raises PromptTooLong: a style with two slots doubles the prompt.
    """
    for style in styles:
        slots = style.count(SLOT)
        if len(style) + max(slots, 1) * len(prompt) - slots * len(SLOT) > MAX_PROMPT:
            raise PromptTooLong(
                "The prompt with its styles is too long.", f"At most {MAX_PROMPT:,} characters.", "styles"
            )
        prompt = style.replace(SLOT, prompt) if slots else ", ".join(filter(None, (prompt.strip(), style.strip())))
    return prompt


def extract_style_text_from_prompt(style_text: str, prompt: str) -> tuple[bool, str]:
    """Return whether the prompt has the style applied, and the prompt without it (itself if not)."""
    style, stripped = style_text.strip(), prompt.strip()
    left, slot, right = style.partition(SLOT)
    if slot:
        fits = stripped.startswith(left) and stripped.endswith(right) and len(stripped) >= len(left) + len(right)
        return (True, stripped[len(left):len(stripped) - len(right)]) if fits else (False, prompt)
    if not stripped.endswith(style):
        return False, prompt
    return True, stripped[:len(stripped) - len(style)].removesuffix(", ")


def extract_styles_from_prompt(
    styles: Iterable[Style], prompt: str, negative_prompt: str
) -> tuple[list[str], str, str]:
    """Return the names of the styles that prompts have applied, in order, and the prompts without them.

    A style counts only if applying it again gives the same prompts.
    """
    waiting = [style for style in styles if style.prompt or style.negative_prompt]
    found: list[str] = []
    while len(found) < MOST_EXTRACTED_STYLES:
        taken = next(((style, shorter) for style in waiting if (shorter := taken_out(style, prompt, negative_prompt))),
                     None)
        if not taken:
            break
        style, (prompt, negative_prompt) = taken
        waiting.remove(style)
        found.append(style.name)
    return found[::-1], prompt, negative_prompt


def taken_out(style: Style, prompt: str, negative_prompt: str) -> tuple[str, str] | None:
    """Return the prompts without a style; None if they do not have it."""
    shorter = []
    for text, whole in ((style.prompt, prompt), (style.negative_prompt, negative_prompt)):
        fits, rest = extract_style_text_from_prompt(text, whole)
        if not fits or apply_styles_to_prompt(rest, [text]).strip() != whole.strip():
            return None
        shorter.append(rest)
    return shorter[0], shorter[1]


class StyleFiles:
    """The styles of some files; a file is read again when it has changed. Any thread may use them."""

    def __init__(self, patterns: Sequence[Path]) -> None:
        """patterns: files by rising precedence; a file name may contain `*` and `?`"""
        self.patterns = tuple(patterns)
        self._tables: dict[Path, tuple[Stamp, StyleTable]] = {}

    def styles(self) -> dict[str, Style]:
        """Return name → style, from the files as they are now."""
        return {name: style for table in self.tables().values() for name, style in table.styles.items()}

    def problems(self) -> list[str]:
        """Return the problems of the files, a sentence each."""
        return [table.problem for table in self.tables().values() if table.problem]

    def is_damaged(self, path: Path) -> bool:
        """Return whether a file holds something else than what is used of it."""
        return bool(self.tables().get(path, StyleTable()).problem)

    def tables(self) -> dict[Path, StyleTable]:
        """Return what each file holds now, by rising precedence."""
        tables = {}
        for path in dict.fromkeys(path for pattern in self.patterns for path in matching_files(pattern)):
            stamp = file_stamp(path)
            known = self._tables.get(path)
            tables[path] = known if known and known[0] == stamp else (stamp, read_and_log(path))
        self._tables = tables
        return {path: table for path, (_, table) in tables.items()}


def matching_files(pattern: Path) -> list[Path]:
    """Return the file of that name, or the files that match its wildcards, sorted."""
    return sorted(pattern.parent.glob(pattern.name)) if set("*?") & set(pattern.name) else [pattern]


def file_stamp(path: Path) -> Stamp:
    """Return a stamp that changes with a file's content; None if there is no file, or it cannot be read."""
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns


def read_and_log(path: Path) -> StyleTable:
    """Return the file's styles; those of its last good copy if it is damaged."""
    table = read_styles(path)
    if table.styles:
        with contextlib.suppress(OSError):
            keep_last_good(path, path.read_bytes())
    elif table.problem or is_emptied(path):
        good = read_styles(last_good_path(path))
        problem = table.problem or (f"{path.name} is empty." if good.styles else "")
        note = f"{problem} Those of its last good copy are used." if good.styles else problem
        table = StyleTable(good.styles, note, good.rows)
    if table.problem:
        log.warning("%s", table.problem)
    return table


def is_emptied(path: Path) -> bool:
    """Return whether the file exists and is empty; a table without styles still has its first row."""
    return path.is_file() and not path.stat().st_size


def read_styles(path: Path) -> StyleTable:
    """Return the styles in a file, in order; none if there is no file. Errors are among its problems, never raised.

    As in A1111 spaces after commas do not count, rows whose name begins with # are comments, and the prompt's column
    may be `text`.
    """
    try:
        text, note = decoded_table(path.name, read_styles_file(path))
        rows = tuple(style_rows(text))
        return StyleTable({style.name: style for style in rows if not style.is_comment}, note, rows)
    except FileNotFoundError:
        return StyleTable()
    except UnicodeDecodeError:
        return StyleTable(problem=f"{path.name} is not UTF-8 text, so its styles are missing. Save it again as UTF-8.")
    except OSError as error:
        return StyleTable(problem=f"{path.name} cannot be read ({error.strerror}), so its styles are missing.")
    except (csv.Error, ValueError) as error:
        return StyleTable(
            problem=f"{path.name} is no table of styles: {error}. Its columns are {', '.join(CSV_COLUMNS)}."
        )


def read_styles_file(path: Path) -> bytes:
    """Return the file's content. Raises OSError, or ValueError for a large or irregular file: a pipe never ends."""
    about = path.stat()
    if not stat.S_ISREG(about.st_mode) or about.st_size > LARGEST_STYLES:
        raise ValueError(f"it is no file, or larger than {LARGEST_STYLES // 2**20} MB")
    return path.read_bytes()


def decoded_table(name: str, raw: bytes) -> tuple[str, str]:
    """Return the text, decoded from a spreadsheet's encoding, and a note if the encoding is a guess.

    Raises UnicodeDecodeError.
    """
    for mark, encoding in BYTE_ORDER_MARKS.items():
        if raw.startswith(mark):
            return raw.decode(encoding), ""
    for first, encoding in enumerate(("utf-16-be", "utf-16-le")):
        if raw and raw[first::2].count(0) > len(raw) // 4:        # every other byte of Latin text
            return raw.decode(encoding), ""
    try:
        return raw.decode("utf-8"), ""
    except UnicodeDecodeError:
        text = raw.decode(LEGACY)
        return text, f"{name} is not UTF-8 text; it is read as {LEGACY}. If letters are wrong, save it again as UTF-8."


def style_rows(text: str) -> Iterator[Style]:
    """Yield the rows. Raises csv.Error, or ValueError if no column is called `name`."""
    lines = io.StringIO(text, newline="")
    header = ""
    for header in lines:
        if not is_preamble(header):
            break
        if header.startswith("#"):
            yield Style(header.strip())
    delimiter = next((mark for mark in ",;\t" if mark in header), ",")
    columns = [
        column.strip().casefold()
        for column in next(csv.reader([header], delimiter=delimiter, skipinitialspace=True), [])
    ]
    if columns and not is_preamble(header) and "name" not in columns:
        raise ValueError("its first row names no columns")
    for row in csv.DictReader(lines, columns, delimiter=delimiter, skipinitialspace=True):
        if row.get("name"):
            yield style_of({column: value or "" for column, value in row.items() if isinstance(column, str)})


def style_of(row: Mapping[str, str]) -> Style:
    """Return a table's row as a style."""
    text = "prompt" if row.get("prompt") else "text"
    known = {"name", text, "negative_prompt", CATEGORY}
    others = tuple((column, value) for column, value in row.items() if column not in known and value)
    return Style(row["name"], row.get(text, ""), row.get("negative_prompt", ""), row.get(CATEGORY, ""), others)


def is_preamble(line: str) -> bool:
    """Return whether a line comes before the row of column names: a comment, an empty line, or Excel's `sep=;`."""
    return not line.strip() or line.startswith(("#", "sep="))


def write_styles(path: Path, styles: Iterable[Style]) -> None:
    """Write the table whole or not at all."""
    write_atomically(path, styles_table(list(styles)).encode("utf-8-sig"))


def styles_table(styles: Sequence[Style]) -> str:
    """Return the table as a text, with the columns that it needs."""
    category = (CATEGORY,) if any(style.category for style in styles) else ()
    others = dict.fromkeys(column for style in styles for column, _ in style.others)
    table = io.StringIO(newline="")
    writer = csv.writer(table, quoting=csv.QUOTE_ALL)      # else spaces at a beginning would be lost
    writer.writerow((*CSV_COLUMNS, *category, *others))
    for style in styles:
        further = dict(style.others)
        writer.writerow((
            style.name, style.prompt, style.negative_prompt, *[style.category for _ in category],
            *(further.get(column, "") for column in others),
        ))
    return table.getvalue()
