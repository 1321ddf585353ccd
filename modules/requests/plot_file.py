"""A plot as a file to keep: a table of its cells, or a page with the pictures in it. No torch."""

from __future__ import annotations

import base64
import csv
import io
import mimetypes
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from modules.requests.plot_jobs import CellMap
from modules.store.jobs import IMAGE, VOTES, JobRecord, OutputRecord

FORMULA_MARKS = ("=", "+", "-", "@", "\t", "\r")      # a spreadsheet would compute a text that begins so


def cell_outputs(record: JobRecord, cells: CellMap) -> dict[int, OutputRecord]:
    """Return the picture of each cell that is there."""
    return {output.index // cells.each: output for output in record.outputs
            if output.kind == IMAGE and output.index % cells.each == 0}


def cell_places(number: int, shape: Sequence[int]) -> list[int]:
    """Return a cell's place on each axis, X fastest."""
    places = []
    for count in shape:
        number, place = divmod(number, count)
        places.append(place)
    return places


def csv_text(record: JobRecord, cells: CellMap) -> str:
    """Return a row for each cell: its values, its file, its data and votes."""
    text = io.StringIO()
    rows = csv.writer(text)
    used = [place for place, axis in enumerate(cells.axes) if any(axis.labels)]
    rows.writerow([*(cells.axes[place].name for place in used), "file", "seed", "better", "worse", "generation data"])
    for number, output in sorted(cell_outputs(record, cells).items()):
        places = cell_places(number, cells.shape)
        better, worse = output.facts.get(VOTES, (0, 0))
        values = [cells.axes[place].labels[places[place]] for place in used]
        row = [*values, Path(output.path).name, output.facts.get("seed", ""), better, worse, output.infotext]
        rows.writerow([plain_cell(each) for each in row])
    return text.getvalue()


def plain_cell(value: object) -> object:
    """Return a text so that no spreadsheet takes it for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_MARKS) else value


def html_page(record: JobRecord, cells: CellMap) -> Iterator[str]:
    """Yield a page that needs nothing else: a table for each Z value and further value, the pictures in full size."""
    outputs, (columns, rows) = cell_outputs(record, cells), (*cells.shape, 1)[:2]
    prompt = str(record.params.get("prompt") or "")
    yield PAGE_HEAD.format(title=escape(f"{cells.script}: {prompt}"), sheet=PAGE_SHEET)
    yield f"<h1>{escape(prompt or cells.script)}</h1>"
    count = 1
    for each in cells.shape:
        count *= each
    for first in range(0, count, max(1, columns * rows)):
        beyond = zip(cells.axes[2:], cell_places(first, cells.shape)[2:], strict=True)
        title = " · ".join(axis.labels[place] for axis, place in beyond if axis.labels[place])
        yield (f"<h2>{escape(title)}</h2>" if title else "") + "<table><tr><th></th>"
        yield "".join(f"<th>{escape(label)}</th>" for label in cells.axes[0].labels) + "</tr>"
        for row, label in enumerate(cells.axes[1].labels):
            yield f"<tr><th>{escape(label)}</th>"
            for column in range(columns):
                yield html_cell(outputs.get(first + row * columns + column))
            yield "</tr>"
        yield "</table>"
    yield "</body></html>\n"


def html_cell(output: OutputRecord | None) -> str:
    """Return a cell with its picture and data; an empty one where there is no file."""
    path = Path(output.path) if output else None
    if output is None or path is None or not path.is_file():
        return "<td></td>"
    kind = mimetypes.guess_type(path.name)[0] or "image/png"
    data = base64.b64encode(path.read_bytes()).decode()
    text = escape(output.infotext)
    return (
        f'<td><img src="data:{kind};base64,{data}" alt="">'
        f"<details><summary>{escape(path.name)}</summary><p>{text}</p></details></td>"
    )


# the headings of rows and columns stay in sight; a cell's data, opened, are as wide as its picture
PAGE_SHEET = """
:root { color-scheme: light dark; font: 14px/1.5 system-ui, sans-serif }
body { margin: 2rem }
h1 { max-width: 50em; font-size: 1.25rem; font-weight: 600 }
h2 { margin: 2rem 0 .5rem; font-size: 1rem; font-weight: 600 }
table { border-spacing: 8px }
th { position: sticky; top: 0; padding: 4px 8px; background: Canvas; font-weight: 600; text-align: left }
th:first-child { left: 0 }
td { padding: 0; vertical-align: top }
img { display: block; border-radius: 4px }
summary { color: GrayText; cursor: pointer }
p { width: 0; min-width: 100%; margin: 0; white-space: pre-wrap; overflow-wrap: anywhere }
"""
PAGE_HEAD = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><style>{sheet}</style></head><body>
"""
