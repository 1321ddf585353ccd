"""Our scripts as one file, and one for each part of the page that comes later.

Each module becomes a function that is called once, after those it imports. What a module asks for by `import("…")` is a
part: its modules come in files of their own, those that several parts need in one that is loaded for each of them. What
only people read is left out: lines of comments, and what lines are indented by.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path

IMPORT = re.compile(r'^import (?:\{([^}]*)\} from )?"(\.[^"]+)";$', re.MULTILINE)
LATE_IMPORT = re.compile(r'\bimport\("(\.[^"]+)"\)')
EXPORT = re.compile(r"^export (?=(?:async )?(?:function\*?|class|const) (\w+)|const \{([^}]*)\})", re.MULTILINE)
COMMENT = re.compile(r"^[ \t]*(?://.*|/\*\*(?:(?!\*/)[\s\S])*\*/)[ \t]*\n", re.MULTILINE)
STYLE_COMMENT = re.compile(r"^[ \t]*/\*(?:(?!\*/)[\s\S])*\*/[ \t]*\n", re.MULTILINE)
INDENTATION = re.compile(r"^[ \t]+|\n(?=\n)", re.MULTILINE)      # and empty lines
LOADER = "core/late.js"      # exports lateLoader, and may itself ask for no part
OWN_ADDRESS = "import.meta.url"


Publish = Callable[[Sequence[str], str], Sequence[str]]


def bundle_modules(folder: Path, entry: str, publish: Publish | None = None) -> str:
    """Return the module `entry` and all that it imports, as one module to be served from `folder`'s address.

    publish: called with the names of the modules of a later file, the one asked for last, and the file's text; returns
    the names of the files to be loaded for them. Only the forms in which our scripts import and export are accepted.
    Raises ValueError for a circle of imports, for a name that is imported and not exported, or for another form.
    """
    first: dict[str, str] = {}
    if publish:
        collect(folder, LOADER, first, ())
    collect(folder, entry, first, ())
    parts = later_parts(folder, first) if publish else {}
    exported = {name: exported_names(text) for part in (first, *parts.values()) for name, text in part.items()}
    files = published(parts, exported, publish) if publish else {}
    bundled = {name: as_function(name, text, exported) for name, text in first.items()}
    if publish:
        needed = json.dumps(files, separators=(",", ":"))
        bundled[LOADER] += f'const loadPart = modules["{LOADER}"].lateLoader(modules, {needed}, import.meta.url);\n'
    return "\n".join(['"use strict";', "const modules = {};", *bundled.values()])


def later_parts(folder: Path, first: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return the parts that are asked for, also by parts: module asked for → what it needs beyond `first`."""
    parts: dict[str, dict[str, str]] = {}
    asking = dict(first)
    while asking:
        name, text = asking.popitem()
        for found in LATE_IMPORT.finditer(text):
            wanted = path_from(name, found[1])
            if wanted not in parts and wanted not in first:
                order: dict[str, str] = {}
                collect(folder, wanted, order, ())
                parts[wanted] = {each: text for each, text in order.items() if each not in first}
                asking |= parts[wanted]
    return parts


def published(
    parts: Mapping[str, Mapping[str, str]], exported: Mapping[str, Sequence[str]], publish: Publish
) -> dict[str, list[str]]:
    """Publish a file for the modules of each part, and one for those that the same several parts need.

    Returns the files' names by the module asked for, in an order in which each finds what it imports.
    """
    asking: dict[str, list[str]] = {}
    for wanted, modules in parts.items():
        for name in modules:
            asking.setdefault(name, []).append(wanted)
    texts = {name: text for modules in parts.values() for name, text in modules.items()}
    files: dict[str, list[str]] = {wanted: [] for wanted in parts}
    # what one module needs is asked for by at least as many
    together = sorted(asking, key=lambda name: (-len(asking[name]), asking[name]))
    for wanting, names in groupby(together, key=asking.__getitem__):
        held = set(names)
        ordered = [name for name in parts[wanting[0]] if name in held]
        brought = publish(ordered, as_part(as_function(name, texts[name], exported) for name in ordered))
        for wanted in wanting:
            files[wanted] += brought
    return files


def as_part(functions: Iterable[str]) -> str:
    """Return a module that adds these modules to those there are, once."""
    inside = "\n".join(functions)
    return (
        f'"use strict";\nlet added = false;\nexport const add = (modules, loadPart) => {{\nif (added) return;\n'
        f"added = true;\n{inside}}};\n"
    )


def collect(folder: Path, name: str, order: dict[str, str], above: tuple[str, ...]) -> None:
    """Put `name` into `order`, after everything that it imports."""
    if name in above:
        raise ValueError(f"These scripts import each other: {' → '.join((*above, name))}.")
    if name in order:
        return
    text = (folder / name).read_text(encoding="utf-8")
    for found in IMPORT.finditer(text):
        collect(folder, path_from(name, found[2]), order, (*above, name))
    order[name] = text


def path_from(name: str, address: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), address))


def exported_names(text: str) -> list[str]:
    return [each for plain, several in EXPORT.findall(text) for each in (plain or several).replace(" ", "").split(",")]


def as_function(name: str, text: str, exported: Mapping[str, Sequence[str]]) -> str:
    """Return a module as a function.

    exported: what each module exports
    """
    text = COMMENT.sub("", text)
    body = EXPORT.sub("", IMPORT.sub(lambda found: imported(found, name, exported), text))
    if strange := re.search(r"^(?:import|export)\b.*", body, re.MULTILINE):
        raise ValueError(f"{name}: the bundle does not understand “{strange[0]}”.")
    body = LATE_IMPORT.sub(lambda found: f"loadPart({json.dumps(path_from(name, found[1]))})", body)
    body = flush_left(body).replace(OWN_ADDRESS, f"new URL({json.dumps(f'./{name}')}, {OWN_ADDRESS})")
    returned = f"return {{ {', '.join(exported[name])} }};"
    return f"modules[{json.dumps(name)}] = (() => {{      // {name}\n{body.strip()}\n{returned}\n}})();\n"


def flush_left(script: str) -> str:
    """Return a script without indentation; as it is if a template of several lines may be in it."""
    return script if any(line.count("`") % 2 for line in script.splitlines()) else INDENTATION.sub("", script)


def compact_sheet(sheet: str) -> str:
    """Return a style sheet without lines of comments and without indentation."""
    return INDENTATION.sub("", STYLE_COMMENT.sub("", sheet))


def imported(found: re.Match[str], name: str, exported: Mapping[str, Sequence[str]]) -> str:
    """Return `const {…} = …` in place of an import; names may be changed with "as". Raises ValueError."""
    if found[1] is None:
        return ""
    source = path_from(name, found[2])
    if lacking := {each.partition(" as ")[0].strip() for each in found[1].split(",")} - {*exported[source], ""}:
        raise ValueError(f"{name} imports {', '.join(sorted(lacking))}, which {source} does not export.")
    names = found[1].replace(" as ", ": ")
    return f"const {{{names}}} = modules[{json.dumps(source)}];"
