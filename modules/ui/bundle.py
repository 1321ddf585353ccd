"""Our scripts as one file: each module becomes a function that is called once, after those it imports.

What only people read is left out: lines of comments, and what lines are indented by.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

IMPORT = re.compile(r'^import (?:\{([^}]*)\} from )?"(\.[^"]+)";$', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async )?(?:function\*?|class|const) (\w+)|const \{([^}]*)\})", re.MULTILINE)
COMMENT = re.compile(r"^[ \t]*(?://.*|/\*\*(?:(?!\*/)[\s\S])*\*/)[ \t]*\n", re.MULTILINE)
STYLE_COMMENT = re.compile(r"^[ \t]*/\*(?:(?!\*/)[\s\S])*\*/[ \t]*\n", re.MULTILINE)
INDENTATION = re.compile(r"^[ \t]+|\n(?=\n)", re.MULTILINE)      # and empty lines
OWN_ADDRESS = "import.meta.url"


def bundle_modules(folder: Path, entry: str) -> str:
    """Return the module `entry` and all that it imports, as one module to be served from `folder`'s address.

    Only the forms in which our scripts import and export are accepted. Raises ValueError for a circle of imports, for
    a name that is imported and not exported, or for another form.
    """
    order: dict[str, str] = {}
    collect(folder, entry, order, ())
    exported = {name: exported_names(text) for name, text in order.items()}
    return "\n".join(
        ['"use strict";', "const modules = {};", *(as_function(name, text, exported) for name, text in order.items())]
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
