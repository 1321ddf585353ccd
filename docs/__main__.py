"""Writes the tables of these pages anew from what the program declares:
`python3 webui.py docs`. `tests/test_docs.py` holds them equal.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import Field
from pathlib import Path
from typing import Any

from PIL import Image

from easel.moments import MOMENTS
from modules.base.errors import Invalid
from modules.base.fields import declared_params, defaults
from modules.imaging.save import FileFormat, encode_image
from modules.metadata.dialects.table import DIALECTS
from modules.metadata.formats import metadata_format
from modules.metadata.pieces import FileMetadata
from modules.params.img2img import Img2Img
from modules.params.merge import Conversion, Extraction, Merge
from modules.params.txt2img import Generation, Txt2Img
from modules.sampling.samplers import SAMPLERS, Sampler
from modules.sampling.schedules import SCHEDULES
from modules.settings import flags
from modules.settings.options import Settings
from modules.ui.tabs.settings import TITLES

FOLDER = Path(__file__).parent
TABLE = re.compile(r"(<!-- table: ([\w ]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> None:
    for page in sorted(FOLDER.glob("*.md")):
        text = page.read_text("utf-8")
        if (now := with_tables(text)) != text:
            page.write_text(now, "utf-8")
            print(f"{page.name} is written anew")


def with_tables(page: str) -> str:
    """A page whose tables are as the program is."""
    return TABLE.sub(lambda found: f"{found[1]}\n{TABLES[found[2]]()}\n{found[3]}", page)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def code(value: Any) -> str:
    """A value as one types it; nothing, where it is empty."""
    if isinstance(value, Mapping) and not value:
        return ""
    text = (
        str(value).lower() if isinstance(value, bool) else ", ".join(value) if isinstance(value, tuple) else str(value)
    )
    return f"`{text}`" if text else ""


def settings() -> str:
    params, usual = declared_params(Settings), defaults(Settings)
    parts = []
    for section, title in TITLES.items():
        rows = [
            (param.label, f"`{name}`", code(usual[name]), param.help)
            for name, param in params.items()
            if param.section == section
        ]
        parts.append(
            f"### {title}\n\n{table(('setting', 'name', 'default', 'what it does'), rows)}"
        )
    return "\n".join(parts)


def flag_groups() -> str:
    parts = []
    for group in flags.FLAG_GROUPS:
        rows = [(f"`{flags.spelled(each.name)}`", taken(each), each.metadata["help"])
                for each in flags.flag_fields() if each.metadata["group"] == group]
        parts.append(f"## {group[:1].upper()}{group[1:]}\n\n{table(('flag', 'takes', 'what it does'), rows)}")
    return "\n".join(parts)


def taken(flag: Field[Any]) -> str:
    """What stands behind a flag."""
    how = flag.metadata["how"]
    return how.get("metavar") or ", ".join(f"`{choice}`" for choice in how.get("choices", ()))


def unused_flags() -> str:
    """A1111's flags that Easel knows and does not follow."""
    tables = ((flags.IGNORED_FLAGS, "is taken, and "), (flags.REFUSED, "is refused. "))
    rows = [(" ".join(f"`{entry.partition('=')[0]}`" for entry in entries.split()), told + why)
            for entries_of, told in tables for why, entries in entries_of.items()]
    return table(("flags", "here"), rows)


def samplers() -> str:
    rows = [(each.name, code(each.aliases), each.schedule, str(each.evaluations), about(each)) for each in SAMPLERS]
    return table(("sampler", "also called", "schedule where that is Automatic", "model calls a step", ""), rows)


def about(sampler: Sampler) -> str:
    kinds = {
        "noise at each step": sampler.ancestral or sampler.brownian,
        "has steps of its own: the schedule type is not used": sampler.timesteps,
    }
    return "; ".join(kind for kind, holds in kinds.items() if holds)


def schedules() -> str:
    return table(("schedule", "also called"), [(each.name, code(each.aliases)) for each in SCHEDULES])


def fields(cls: type, without: type | None = None) -> str:
    inherited = defaults(without) if without else {}
    rows = []
    for name, value in defaults(cls).items():
        if name not in inherited:
            param = declared_params(cls).get(name)
            rows.append(
                (
                    f"`{name}`",
                    code(value if value is not None else ""),
                    f"**{param.label}.** {param.help}" if param else "",
                )
            )
    return table(("field", "default", ""), rows)


def moments_table() -> str:
    rows = [(f"`{each.name}`", f"`{each.value.__name__}`", each.about) for each in MOMENTS]
    return table(("moment", "value", ""), rows)


def programs() -> str:
    rows = [(each.name, ", ".join(each.aliases), each.places) for each in DIALECTS]
    return table(("program", "likewise", "where it writes"), rows)


PARTS = {      # of metadata, and a value of each to try
    "texts": FileMetadata((("any key", "a text"),)),
    "comment": FileMetadata((("comment", "a text"),)),
    "EXIF": FileMetadata(exif=b"MM\0*\0\0\0\x08\0\0\0\0\0\0"),
    "XMP": FileMetadata(xmp=b"<x/>"),
    "IPTC": FileMetadata(iptc=b"8BIM"),
}


def picture_formats() -> str:
    """Which parts of metadata each format has a place for, by trying."""
    rows = []
    for ending in ("png", "jpg", "webp", "avif"):
        content = encode_image(Image.new("RGB", (8, 8)), FileFormat(ending), "")
        found = metadata_format(content)
        rows.append((found.name, *("yes" if can_hold(content, part) else "" for part in PARTS.values())))
    return table(("format", *PARTS), rows)


def can_hold(content: bytes, part: FileMetadata) -> bool:
    try:
        metadata_format(content).write(content, part)
    except Invalid:
        return False
    return True


TABLES: Mapping[str, Callable[[], str]] = {
    "moments": moments_table,
    "settings": settings,
    "flags": flag_groups,
    "unused flags": unused_flags,
    "samplers": samplers,
    "schedules": schedules,
    "picture formats": picture_formats,
    "programs": programs,
    "fields": lambda: fields(Generation),
    "fields of txt2img": lambda: fields(Txt2Img, Generation),
    "fields of img2img": lambda: fields(Img2Img, Generation),
    "fields of a merge": lambda: fields(Merge),
    "fields of a conversion": lambda: fields(Conversion),
    "fields of an extraction": lambda: fields(Extraction),
}

if __name__ == "__main__":
    main()
