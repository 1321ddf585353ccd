"""gradio's description of the page, taken out of its document: most of it is the same at each visit and for everybody.

That part is a text for a file that browsers keep. What may differ stays in the document.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

CONFIG_BEGIN = b"<script>window.gradio_config = "
CONFIG_END = b";</script>"
OF_A_VISIT = frozenset({"app_id", "root", "username", "deep_link_state"})      # the server's run, address and visitor
# of a component: what its scripts do not read; its documentation of the API does, which the page does not show
UNREAD = frozenset({"api_info", "api_info_as_input", "api_info_as_output", "example_inputs"})
# as assets/core/parts.js has them
SMALLEST_PART = 20      # components
OF_STORE = re.compile(r"\((?:\.\.\.values)?\) => easel\.store\(")      # events


@dataclass(frozen=True, slots=True)
class Described:
    """gradio's document in two pieces, and a script that completes the description of the page in it.

    The first piece gives `window.gradio_config` what is of this visit; the script has to run before gradio's.
    """

    before: bytes
    after: bytes
    script: str
    rest: str | None      # a module with the components of the tabs that come later; None where all are in the script


def split_document(document: bytes, later: Collection[str] = ()) -> Described | None:
    """Return gradio's document without what is the same for all; None where it looks otherwise.

    later: element ids of tabs whose components may come later
    """
    before, begun, behind = document.partition(CONFIG_BEGIN)
    text, ended, after = behind.partition(CONFIG_END)
    if not (begun and ended):
        return None
    described: dict[str, Any] = json.loads(text)
    if "components" not in described:
        return None
    own = {name: value for name, value in described.items() if name in OF_A_VISIT}
    shared = {name: value for name, value in described.items() if name not in OF_A_VISIT}
    shared["components"] = [
        {name: value for name, value in component.items() if name not in UNREAD} for component in shared["components"]
    ]
    apart = ids_apart(shared, later)
    rest = [component for component in shared["components"] if component["id"] in apart]
    shared["components"] = [component for component in shared["components"] if component["id"] not in apart]
    script = f"window.gradio_config = {{ ...{parsed(shared)}, ...window.gradio_config }};\n"
    module = f"export const components = {parsed(rest)};\n" if rest else None
    return Described(before + CONFIG_BEGIN + embedded(own).encode() + CONFIG_END, after, script, module)


def ids_apart(described: Mapping[str, Any], tabs: Collection[str]) -> set[int]:
    """Return the ids of the components inside these tabs; without tabs that the page draws at its start (parts.js)."""
    elements = {each["id"]: each["props"].get("elem_id") for each in described["components"]}
    foreign = {
        number for event in described.get("dependencies", ()) if not OF_STORE.match(str(event["js"]))
        for number in (*(target for target, _ in event["targets"]), *event["inputs"], *event["outputs"])
    }
    found: set[int] = set()
    for node in nodes(described["layout"]) if "layout" in described else ():
        inside = {each["id"] for each in nodes(node)} - {node["id"]}
        if elements.get(node["id"]) in tabs and len(inside) >= SMALLEST_PART and not inside & foreign:
            found |= inside
    return found


def nodes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield a node of the layout and all below it."""
    yield node
    for child in node.get("children", ()):
        yield from nodes(child)


def embedded(value: Any) -> str:
    """Return JSON that cannot end its script element."""
    return compact(value).replace("<", "\\u003c")


def parsed(value: Any) -> str:
    """Return a script's expression of a value, which browsers read faster than a literal."""
    return "JSON.parse('" + compact(value).replace("\\", "\\\\").replace("'", "\\'") + "')"


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
