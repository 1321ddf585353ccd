"""What the server says to people: the texts of errors and warnings, with a gap for each value in them."""

from __future__ import annotations

import ast
import inspect
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from modules.base import errors

UNHEARD = {"commands", "surface", "ui"}       # what they say is for a terminal, or for an extension's author
SAYING = {"warn", "tell", "note_problem", "refuse", "refusal", "Problem"}
SAID = ("message", "hint")
DEEPEST = 2        # names of names
ERRORS = {
    name for name, each in vars(errors).items() if inspect.isclass(each) and issubclass(each, errors.WebUIError)
}


def message_texts(folder: Path) -> dict[str, set[str]]:
    """Return text → the packages that say it, for all Python files below `modules`."""
    paths = [path for path in sorted(folder.rglob("*.py")) if path.relative_to(folder).parts[0] not in UNHEARD]
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in paths}
    shared = constants(trees.values())
    found: dict[str, set[str]] = defaultdict(set)
    for path, tree in trees.items():
        known = {**shared, **constants([tree])}
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and called(call) in ERRORS | SAYING:
                for said in (*call.args[:2], *(each.value for each in call.keywords if each.arg in SAID)):
                    for text in texts(said, known):
                        found[text].add(path.relative_to(folder).parts[0])
    return {text: packages for text, packages in found.items() if any(map(str.isalpha, text))}


def called(call: ast.Call) -> str:
    return getattr(call.func, "id", "") or getattr(call.func, "attr", "")


def constants(trees: Iterator[ast.Module] | list[ast.Module]) -> dict[str, list[ast.expr]]:
    """Return name → all that is assigned to it."""
    found: dict[str, list[ast.expr]] = defaultdict(list)
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and len(node.targets) == 1:
                for name, value in pairs(node.targets[0], node.value):
                    found[name].append(value)
    return found


def pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for name, each in zip(target.elts, value.elts, strict=False):
            yield from pairs(name, each)


def texts(said: ast.expr, known: dict[str, list[ast.expr]], depth: int = 0) -> Iterator[str]:
    """Yield what an expression may be, as texts with {gaps}."""
    whole = template(said, known)
    if whole is not None:
        yield whole
    elif isinstance(said, ast.IfExp):
        yield from texts(said.body, known, depth)
        yield from texts(said.orelse, known, depth)
    elif isinstance(said, ast.BoolOp):
        for each in said.values:
            yield from texts(each, known, depth)
    elif isinstance(said, ast.Name) and depth < DEEPEST and len(known.get(said.id, ())) <= 6:
        for each in known.get(said.id, ()):
            yield from texts(each, known, depth + 1)


def template(said: ast.expr, known: dict[str, list[ast.expr]]) -> str | None:
    """Return a text with {gaps} for the values in it; None for anything else."""
    if isinstance(said, ast.Constant):
        return said.value if isinstance(said.value, str) else None
    if isinstance(said, ast.JoinedStr):
        seen: Counter[str] = Counter()
        return "".join(gap(part, seen) for part in said.values)
    if isinstance(said, ast.BinOp) and isinstance(said.op, ast.Add):
        parts = [template(each, known) for each in (said.left, said.right)]
        return None if None in parts else "".join(filter(None, parts))
    if isinstance(said, ast.Name) and said.id.isupper() and len(known.get(said.id, ())) == 1:
        return template(known[said.id][0], known)
    return None


def gap(part: ast.expr, seen: Counter[str]) -> str:
    """Return a part of an f-string: its text, or a gap that is named after the value."""
    if isinstance(part, ast.Constant):
        return str(part.value)
    value = getattr(part, "value", part)
    name = getattr(value, "id", "") or getattr(value, "attr", "") or "it"
    seen[name] += 1
    return f"{{{name}{seen[name] if seen[name] > 1 else ''}}}"
