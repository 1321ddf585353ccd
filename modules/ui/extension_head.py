"""What extensions add to the page's head: style sheets and scripts in A1111's order; and a person's own style sheet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path
from urllib.parse import quote

from modules.app.served_files import USER_SHEET
from modules.plugins.loading_order import loading_order
from modules.plugins.manifest import Extension


def own_sheet(data_dir: Path, subpath: str) -> str:
    """Return the link to a person's own style sheet, "" without one."""
    path = data_dir / USER_SHEET
    return sheet_link(path, data_dir, subpath) if path.is_file() else ""


def extension_sheets(extensions: Iterable[Extension], data_dir: Path, subpath: str) -> str:
    sheets = (each.style_sheet for each in extensions)
    return "".join(sheet_link(path, data_dir, subpath) for path in sheets if path)


def extension_scripts(extensions: Iterable[Extension], data_dir: Path, subpath: str) -> str:
    """Return the elements of all scripts: they run after the page's markup, in this order, before Easel's own."""
    return "".join(script_tag(path, file_address(path, data_dir, subpath)) for path in page_scripts(extensions))


def page_scripts(extensions: Iterable[Extension]) -> Iterator[Path]:
    """Yield the scripts, the classic ones of all extensions before the modules of any."""
    extensions = list(extensions)
    for ending in (".js", ".mjs"):
        yield from (file.path for file in loading_order(extensions, "javascript", (ending,)).files)


def script_tag(path: Path, address: str) -> str:
    kind = 'type="module"' if path.suffix.lower() == ".mjs" else "defer"
    return f'<script {kind} src="{escape(address)}"></script>'


def sheet_link(path: Path, data_dir: Path, subpath: str) -> str:
    return f'<link rel="stylesheet" href="{escape(file_address(path, data_dir, subpath))}">'


def file_address(path: Path, data_dir: Path, subpath: str) -> str:
    """Return a file's address, which changes with the file."""
    named = path.relative_to(data_dir) if path.is_relative_to(data_dir) else path
    return f"{subpath}/file={quote(named.as_posix())}?{path.stat().st_mtime}"
