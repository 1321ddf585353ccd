"""gradio's files of the components that the page draws, found in its scripts.

The sheets are sent in one with ours: its scripts fetch a component's sheet with the component, thirty small requests
for our page, unless the document has a link to it. The scripts are named in the document, so that a browser asks for
all of them at once; else each tells only what it needs next, which takes as many round trips as they are deep, and the
page is drawn in as many pieces.
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
LOADING = re.compile(r"import\(`\./([\w-]+\.js)`\)")
LOADED = re.compile(r"__vite__mapDeps\(\[([\d,]*)\]\)")       # what one import needs, by places among these
IMPORT_OF = r"import\(`\./{}-[\w-]+\.js`\).{{0,80}}?__vite__mapDeps\(\[[\d,]*\]\)"
UNSEEN_AT_FIRST = frozenset({"checkboxgroup", "number"})      # in no fold or tab that is open at the start
REPLACED = frozenset({"html"})      # drawn as other components where no extension is (assets/core/parts.js)
ENTRY = r"\(\)=>[^{{}}]*?import\.meta\.url\)"
COMPONENT = rf"[{{{{,]{{}}:\{{{{(?:\w+:{ENTRY},?)+\}}}}"
DRAWING = rf"[{{{{,]{{}}:\{{{{(?:\w+:{ENTRY},)*?component:({ENTRY})"      # not an example of it


def gradio_sheets() -> list[str]:
    """Return the sheets' names, in the order in which gradio loads them; none where its scripts look otherwise."""
    found = gradio_files(tuple(COMPONENT.format(name) for name in COMPONENTS))
    return [name for name in found if name.endswith(".css") and plain_sheet(FOLDER / name)]


def gradio_scripts(extended: bool = False) -> list[str]:
    """Return the names of the scripts that draw the first tab; none where they look otherwise.

    extended: with extensions
    """
    spared = UNSEEN_AT_FIRST if extended else UNSEEN_AT_FIRST | REPLACED
    first = (name for name in COMPONENTS if name not in spared)
    return [name for name in gradio_files(tuple(DRAWING.format(name) for name in first)) if name.endswith(".js")]


def gradio_files(components: tuple[str, ...]) -> list[str]:
    """Return the names of the files that the frame of an application, its blocks and its components load."""
    loaders = (("index-*.js", (IMPORT_OF.format("Index"),)), ("Index-*.js", (IMPORT_OF.format("Blocks"),)))
    found = chain.from_iterable(
        files_of(path.read_text(encoding="utf-8"), parts)
        for scripts, parts in (*loaders, ("core-*.js", components)) for path in sorted(FOLDER.glob(scripts))
    )
    return list(dict.fromkeys(found))


def files_of(script: str, parts: tuple[str, ...]) -> Iterator[str]:
    """Yield the names of the files that these parts of a script load."""
    files = LOADABLE.search(script)
    names = json.loads(files[1]) if files else []
    for part in parts if names else ():
        for found in re.finditer(part, script):
            loading = found[found.lastindex or 0]
            yield from LOADING.findall(loading)
            places = (int(each) for loaded in LOADED.findall(loading) for each in loaded.split(",") if each)
            yield from (Path(names[at]).name for at in places)


def plain_sheet(path: Path) -> bool:
    """Return whether a sheet means the same at another address: it names no file."""
    return path.is_file() and "url(./" not in path.read_text(encoding="utf-8")
