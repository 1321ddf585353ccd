"""Styles changed: saved, renamed, moved, deleted and put in order, each in the file that it stands in."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock

from modules.base.errors import Conflict, Forbidden, Invalid, UnknownName
from modules.base.last_good import keep_last_good, set_aside
from modules.prompts.styles import Style, StyleFiles, StyleTable, styles_table, write_styles

MOST_IN_STYLES_FILE = 20_000      # of a file

Rows = Sequence[Style]


@dataclass(frozen=True)
class StyleBook:
    """Some files of styles, as one account may change them.

    own: the file for new styles; shared: whether the other files are for everybody, and so the administrator's
    lock: held while a file is changed, the same for all accounts
    """

    files: StyleFiles
    own: Path
    shared: bool
    lock: Lock

    def editable(self, path: Path, keeper: bool) -> bool:
        """Return whether the caller may change a file. keeper: is the caller an administrator?"""
        return keeper or not self.shared or path == self.own

    def save(self, style: Style, was: str, file: str, keeper: bool) -> Path:
        """Save a style, in place of the one called `was`; "" is a new one. Returns its file.

        file: the name of the file to put it in; "" is where it stands, or the account's own. A style in a file that is
        not the caller's stays, and the caller's own of that name counts before it.
        Raises Invalid, UnknownName, Conflict, Forbidden, DiskFull or Unwritable.
        """
        check_style(style)
        with self.lock:
            tables = self.files.tables()
            here = self._file_of(tables, was) if was else None
            if style.name != was and self._in(tables, style.name):
                raise Conflict(f"There is already a style called {style.name!r:.100}.", "Choose another name.")
            target = self._named(tables, file, keeper) if file else here or self.own
            if not self.editable(target, keeper):
                target = self.own
            if here and here != target and self.editable(here, keeper):
                self._write(here, rows_without(tables[here].rows, {was}))
            kept = self._kept(tables, here, was)
            rows = with_style(tables.get(target, StyleTable()).rows, replace(style, others=kept), was)
            self._write(target, rows)
            return target

    def remove(self, names: Collection[str], keeper: bool) -> None:
        """Delete styles, all or none. Raises UnknownName or Forbidden."""
        with self.lock:
            tables = self.files.tables()
            places = {name: self._file_of(tables, name) for name in names}
            for name, path in places.items():
                self._check(path, name, keeper)
            for path in set(places.values()):
                self._write(path, rows_without(tables[path].rows, names))

    def order(self, names: Sequence[str], keeper: bool) -> None:
        """Put styles of one file into that order, in the places that they have together.

        Raises Invalid, UnknownName or Forbidden.
        """
        with self.lock:
            tables = self.files.tables()
            places = {self._file_of(tables, name) for name in names}
            if len(places) != 1:
                raise Invalid("These styles are in several files.", "Put those of one file in order.", "names")
            [path] = places
            self._check(path, names[0], keeper)
            self._write(path, reordered(tables[path].rows, names))

    def add(self, styles: Iterable[Style]) -> tuple[list[str], list[str]]:
        """Add styles to the account's own file; returns the names of the new ones, and of those there were."""
        with self.lock:
            tables = self.files.tables()
            rows = tables.get(self.own, StyleTable()).rows
            fresh, known = list[Style](), list[Style]()
            for style in styles:
                check_style(style)
                (known if self._in(tables, style.name) else fresh).append(style)
            self._write(self.own, [*rows, *fresh])
            return [style.name for style in fresh], [style.name for style in known]

    def _named(self, tables: Mapping[Path, StyleTable], name: str, keeper: bool) -> Path:
        paths = [path for path in (*tables, self.own) if path.name == name]
        if not paths:
            raise UnknownName("file of styles", name, {path.name for path in tables})
        return next((path for path in paths if self.editable(path, keeper)), paths[0])

    def _file_of(self, tables: Mapping[Path, StyleTable], name: str) -> Path:
        """Return the file whose style of that name counts."""
        found = [path for path, table in tables.items() if name in table.styles]
        if not found:
            raise UnknownName("style", name, self.files.styles())
        return found[-1]

    def _in(self, tables: Mapping[Path, StyleTable], name: str) -> bool:
        return any(name in table.styles for table in tables.values())

    def _kept(self, tables: Mapping[Path, StyleTable], path: Path | None, name: str) -> tuple[tuple[str, str], ...]:
        return tables[path].styles[name].others if path else ()

    def _check(self, path: Path, name: str, keeper: bool) -> None:
        if not self.editable(path, keeper):
            raise Forbidden(f"The style {name!r:.100} is for everybody on this server.",
                            "An administrator can change it. You can save one of your own with the same name.")

    def _write(self, path: Path, rows: Rows) -> None:
        """Write a file, after a copy of what could not be read was set aside."""
        if len(rows) > MOST_IN_STYLES_FILE:
            raise Invalid(
                f"{path.name} would have more than {MOST_IN_STYLES_FILE:,} styles.", "Delete some first.", "styles"
            )
        if self.files.is_damaged(path):
            set_aside(path)
        write_styles(path, rows)
        keep_last_good(path, styles_table(list(rows)).encode("utf-8-sig"))


def check_style(style: Style) -> None:
    """Check a style's name. Raises Invalid."""
    if not style.name.strip() or style.is_comment or not style.name.isprintable():
        raise Invalid(f"{style.name!r:.100} is no name for a style.", "Write one that does not begin with #.", "name")


def with_style(rows: Rows, style: Style, was: str) -> list[Style]:
    """Return the rows with a style in the place of the one called `was`, or at the end."""
    places = [place for place, row in enumerate(rows) if row.name == was] if was else []
    if not places:
        return [*rows, style]
    return [style if place == places[-1] else row for place, row in enumerate(rows)]


def rows_without(rows: Rows, names: Collection[str]) -> list[Style]:
    return [row for row in rows if row.name not in names]


def reordered(rows: Rows, names: Sequence[str]) -> list[Style]:
    """Return the rows with the named ones in that order, in the places that they have together."""
    named = {row.name: row for row in rows if row.name in set(names)}
    following = iter([named[name] for name in dict.fromkeys(names)])
    return [next(following) if named.get(row.name) is row else row for row in rows]
