"""How the page is dressed: our style sheet and scripts, and gradio's own look turned down to nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

ASSETS = Path(__file__).parent / "assets"
PLACE = "/easel/page"      # where the assets are served, below the page's own address
FONT = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")


class Fresh(StaticFiles):
    """Files that a browser asks for again each time, so that an update is seen at once; unchanged ones cost a 304."""

    def file_response(self, *args: Any, **how: Any) -> Response:
        response = super().file_response(*args, **how)
        response.headers["Cache-Control"] = "no-cache"
        return response


def routes() -> list[Mount]:
    return [Mount(PLACE, Fresh(directory=ASSETS))]


def head(subpath: str, facts: Mapping[str, Any]) -> str:
    """What goes into <head>: facts for the scripts, the theme before the first paint, style sheets, scripts."""
    place = subpath + PLACE
    sheets = "".join(f'<link rel="stylesheet" href="{place}/{name}.css">' for name in ("variables", "page", "results", "cards", "editor", "icons"))
    scripts = "".join(f'<script type="module" src="{place}/{name}.js"></script>' for name in ("main",))
    return (
        f'<script id="easel_facts" type="application/json">{embedded(facts)}</script>'
        f'<script src="{place}/first.js"></script>{sheets}{scripts}'
    )


def embedded(value: Any) -> str:
    """JSON that cannot end the script element it stands in."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")


def theme() -> gr.themes.Base:
    """Our own fonts, none fetched; colours come from variables.css."""
    return gr.themes.Base(font=FONT, font_mono=MONO, radius_size="sm", spacing_size="sm", text_size="sm")
