"""gradio's description of the page, taken out of its document: most of it is the same at each visit and for everybody.

That part is a text for a file that browsers keep. What may differ stays in the document.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

BEGIN = b"<script>window.gradio_config = "
END = b";</script>"
OF_A_VISIT = frozenset({"app_id", "root", "username", "deep_link_state"})      # the server's run, address and visitor
# of a component: what its scripts do not read; its documentation of the API does, which the page does not show
UNREAD = frozenset({"api_info", "api_info_as_input", "api_info_as_output", "example_inputs"})


@dataclass(frozen=True, slots=True)
class Described:
    """gradio's document in two pieces, and a script that completes the description of the page in it.

    The first piece gives `window.gradio_config` what is of this visit; the script has to run before gradio's.
    """

    before: bytes
    after: bytes
    script: str


def split_document(document: bytes) -> Described | None:
    """Return gradio's document without what is the same for all; None where it looks otherwise."""
    before, begun, rest = document.partition(BEGIN)
    text, ended, after = rest.partition(END)
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
    script = f"window.gradio_config = {{ ...{parsed(shared)}, ...window.gradio_config }};\n"
    return Described(before + BEGIN + embedded(own).encode() + END, after, script)


def embedded(value: Any) -> str:
    """Return JSON that cannot end its script element."""
    return compact(value).replace("<", "\\u003c")


def parsed(value: Mapping[str, Any]) -> str:
    """Return a script's expression of a value, which browsers read faster than a literal."""
    return "JSON.parse('" + compact(value).replace("\\", "\\\\").replace("'", "\\'") + "')"


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
