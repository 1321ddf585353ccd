"""gradio's style sheets of the components that the page draws: found in its scripts, to be sent in one with ours.

Its scripts fetch a component's sheet with the component, thirty small requests for our page, unless the document has a
link to it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import gradio

FOLDER = Path(gradio.__file__).parent / "templates" / "frontend" / "assets"
COMPONENTS = (
    "tabs", "tabitem", "row", "column", "form", "accordion", "button", "checkbox", "checkboxgroup", "dropdown", "html",
    "number", "radio", "slider", "textbox",
)
LOADABLE = re.compile(r"m\.f=(\[[^\]]*\])")                      # what a script may load
LOADED = re.compile(r"__vite__mapDeps\(\[([\d,]*)\]\)")       # what one import needs, by places among these
IMPORT_OF = r"import\(`\./{}-[\w-]+\.js`\).{{0,80}}?__vite__mapDeps\(\[[\d,]*\]\)"
COMPONENT = r"[{{,]{}:\{{(?:\w+:\(\)=>.*?import\.meta\.url\),?)+\}}"
# scripts, and the parts of them that load what is drawn: the frame of an application, its blocks, its components
SHEET_LOADERS = (
    ("index-*.js", (IMPORT_OF.format("Index"),)),
    ("Index-*.js", (IMPORT_OF.format("Blocks"),)),
    ("core-*.js", tuple(COMPONENT.format(name) for name in COMPONENTS)),
)


def gradio_sheets() -> list[str]:
    """Return the sheets' names, in the order in which gradio loads them; none where its scripts look otherwise."""
    found = chain.from_iterable(
        sheets_of(path.read_text(encoding="utf-8"), parts)
        for scripts, parts in SHEET_LOADERS for path in sorted(FOLDER.glob(scripts))
    )
    return [name for name in dict.fromkeys(found) if plain_sheet(FOLDER / name)]


def sheets_of(script: str, parts: tuple[str, ...]) -> Iterator[str]:
    """Yield the names of the sheets that these parts of a script load."""
    files = LOADABLE.search(script)
    names = json.loads(files[1]) if files else []
    for part in parts if names else ():
        for found in re.finditer(part, script):
            places = (int(each) for loaded in LOADED.findall(found[0]) for each in loaded.split(",") if each)
            yield from (Path(names[at]).name for at in places if names[at].endswith(".css"))


def plain_sheet(path: Path) -> bool:
    """Return whether a sheet means the same at another address: it names no file."""
    return path.is_file() and "url(./" not in path.read_text(encoding="utf-8")
