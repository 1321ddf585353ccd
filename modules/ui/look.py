"""The page's look: our style sheet and scripts, and gradio's own styles reduced to nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import gradio as gr
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from modules.app.colours import COLOURS
from modules.app.languages import WORDING, shipped_languages, shipped_words
from modules.ui import gradio_sheets
from modules.ui.built import PLACE, Built
from modules.ui.bundle import bundle_modules, compact_sheet
from modules.ui.carried_scripts import carried_imports, carried_scripts
from modules.ui.description import embedded, parsed

ASSETS = Path(__file__).parent / "assets"
# later ones win
SHEETS = (
    "variables", "page", "layout", "results", "viewer", "plots", "cards", "editor", "queue", "data", "prompt",
    "control", "quick_list", "icons",
)
# of rooms whose scripts come later, and with them
LATER_SHEETS = frozenset({"extensions", "library", "training"})
# scripts that run before gradio's, in this order
BOOT = ("carried.js", "boot.js", "parts.js", "resting.js")
PAGE_API = "api.js"         # what scripts of extensions import as "easel"
FONT = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")


class Fresh(StaticFiles):
    """Files that a browser revalidates each time, so that an update is seen at once; unchanged ones cost a 304."""

    def file_response(self, *args: Any, **how: Any) -> Response:
        response = super().file_response(*args, **how)
        response.headers["Cache-Control"] = "no-cache"
        return response


@dataclass(frozen=True, slots=True)
class Assets:
    """The page's assets: our scripts in one file, our style sheets in one, and the text of what runs first.

    With extensions also what their scripts need of A1111's page. tables: the words of each language that ships
    """

    boot: str
    sheet: Built
    main: Built
    a1111: Built | None
    a1111_sheet: Built | None
    tables: Mapping[str, Built]
    gradio: tuple[str, ...]      # the names of its sheets that ours holds, so that its scripts fetch none
    carried: Mapping[str, str]   # its small scripts that draw the first tab, by name
    drawing: tuple[str, ...]     # the names of the others that do
    later: tuple[Built, ...]     # scripts and sheets of parts of the page that come when they are needed

    @classmethod
    def build(cls, extended: bool = False) -> Assets:
        gradio = gradio_sheets.gradio_sheets()
        theirs = (gradio_sheets.FOLDER / name for name in gradio)
        ours = (COLOURS, *(ASSETS / f"{name}.css" for name in SHEETS))
        texts = (path.read_text(encoding="utf-8") for path in theirs)
        sheet = "\n".join([*texts, *(compact_sheet(path.read_text(encoding="utf-8")) for path in ours)])
        first = (WORDING, *(ASSETS / "core" / name for name in BOOT))
        boot = "\n".join(path.read_text(encoding="utf-8") for path in first)
        drawing = gradio_sheets.gradio_scripts(extended)
        carried = carried_scripts(gradio_sheets.FOLDER, drawing)
        later: dict[str, Built] = {}

        def publish(modules: Sequence[str], script: str) -> list[str]:
            files = later_files(modules, script)
            later.update({each.name: each for each in files})
            return [each.name for each in files]

        return cls(
            boot,
            Built("page", "css", sheet),
            Built("main", "js", bundle_modules(ASSETS, "main.js", publish)),
            Built("a1111", "js", bundle_modules(ASSETS, "a1111/main.js")) if extended else None,
            Built("a1111", "css", (ASSETS / "a1111.css").read_text(encoding="utf-8")) if extended else None,
            {tag: Built(f"words-{tag}", "js", f"window.easelWords = {shipped_words(tag)};")
             for tag in shipped_languages()},
            tuple(gradio),
            carried,
            tuple(name for name in drawing if name not in carried),
            tuple(later.values()),
        )

    def routes(self) -> list[BaseRoute]:
        """The routes, also of the single files: workers are started from them."""
        built = (self.sheet, self.main, self.a1111, self.a1111_sheet, *self.tables.values(), *self.later)
        return [*(each.route() for each in built if each), Mount(PLACE, Fresh(directory=ASSETS))]

    def start(self, subpath: str, facts: Mapping[str, Any], described: str) -> Built:
        """Return the file of what runs first: these facts, what completes gradio's description, and our first scripts.

        described: the script that completes it
        """
        names = {"easel": f"{subpath}{PLACE}/{PAGE_API}"} if self.a1111 else {}
        carried = {"texts": self.carried, "wanted": carried_imports(self.carried), "names": names}
        given = f"window.easelCarried = {parsed(carried)};\nwindow.easelFacts = {parsed(facts)};\n"
        return Built("start", "js", f"{described}{given}{self.boot}")

    def first(self, subpath: str, start: Built, facts: Mapping[str, Any]) -> str:
        """Return what stands before gradio's scripts: facts of this visit, words, and what runs first."""
        table = self.tables.get(facts.get("language", ""))
        words = f'<script src="{subpath}{table.path}"></script>' if table else ""
        return (
            f'<script id="easel_facts" type="application/json">{embedded(facts)}</script>'
            f'{words}<script src="{subpath}{start.path}"></script>'
        )

    def head(self, subpath: str, sheets: str = "", scripts: str = "") -> str:
        """Return the end of <head>: gradio's files that are soon needed, our style sheet and scripts.

        sheets, scripts: further elements; these scripts run after A1111's globals, before Easel's page starts
        """
        a1111 = f'<script type="module" src="{subpath}{self.a1111.path}"></script>' if self.a1111 else ""
        a1111_sheet = f'<link rel="stylesheet" href="{subpath}{self.a1111_sheet.path}">' if self.a1111_sheet else ""
        held = "".join(f'<link rel="stylesheet" disabled href="./assets/{name}">' for name in self.gradio)
        drawing = "".join(f'<link rel="modulepreload" href="./assets/{name}">' for name in self.drawing)
        return (
            f'{drawing}{held}<link rel="stylesheet" href="{subpath}{self.sheet.path}">'
            f'{a1111_sheet}{sheets}{a1111}{scripts}<script type="module" src="{subpath}{self.main.path}"></script>'
        )


def later_files(modules: Sequence[str], script: str) -> list[Built]:
    """Return the files of these modules, which come together: their script, and the sheets of their rooms."""
    rooms = sorted({PurePosixPath(name).parts[0] for name in modules} & LATER_SHEETS)
    sheets = ((room, compact_sheet((ASSETS / f"{room}.css").read_text(encoding="utf-8"))) for room in rooms)
    stem = PurePosixPath(modules[-1]).parts[0]
    return [Built(stem, "js", script), *(Built(room, "css", text) for room, text in sheets)]


def theme() -> gr.themes.Base:
    """Return the theme, with our own fonts, none fetched; colours come from app/colours.css."""
    return gr.themes.Base(font=FONT, font_mono=MONO, radius_size="sm", spacing_size="sm", text_size="sm")
