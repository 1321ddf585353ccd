"""What the server says to people: the texts of errors, warnings and notes, with a gap for each value in them."""

from __future__ import annotations

import ast
import inspect
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from modules.base import errors

UNHEARD = {"commands", "surface", "ui"}       # what they say is for a terminal, or for an extension's author
SAYING = {"warn", "tell", "note_problem", "refuse", "refusal", "Problem", "Unclear", "HostLost"}
RETURNING = ("_note", "_reason")      # the ends of names of functions that return a sentence, or a part of one
SAID = ("message", "hint")
NOTES, TABLE_OF_NOTES = "notes", "_NOTES"      # lists of sentences; the end of a table's name whose values are such
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
        for said in (each for node in ast.walk(tree) for each in said_by(node)):
            for text in texts(said, known):
                found[text].add(path.relative_to(folder).parts[0])
    return {text: packages for text, packages in found.items() if any(map(str.isalpha, text))}


def said_by(node: ast.AST) -> list[ast.expr]:
    """Return what a node says to people: an error's words, a note that joins others, the notes of a table."""
    if isinstance(node, ast.Call) and name_of(node.func) in ERRORS | SAYING:
        return [*node.args[:2], *(each.value for each in node.keywords if each.arg in SAID)]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "append":
        return node.args if name_of(node.func.value) == NOTES else []
    if isinstance(node, ast.AugAssign) and name_of(node.target) == NOTES:
        return listed(node.value)
    if isinstance(node, ast.FunctionDef) and node.name.endswith(RETURNING):
        return [each.value for each in ast.walk(node) if isinstance(each, ast.Return) and each.value]
    if isinstance(node, ast.Assign) and name_of(node.targets[0]).endswith(TABLE_OF_NOTES):
        return node.value.values if isinstance(node.value, ast.Dict) else []
    return []


def name_of(named: ast.expr) -> str:
    """Return a name, or the last of several with dots between; "" for anything else."""
    return getattr(named, "id", "") or getattr(named, "attr", "")


def listed(several: ast.expr) -> list[ast.expr]:
    """Return what stands in a list, or what each of a list's is made by."""
    if isinstance(several, ast.ListComp):
        return [several.elt]
    return several.elts if isinstance(several, ast.List) else []


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
        return "".join(written(part, known) or gap(part, seen) for part in said.values)
    if isinstance(said, ast.BinOp) and isinstance(said.op, ast.Add):
        parts = [template(each, known) for each in (said.left, said.right)]
        return None if None in parts else "".join(filter(None, parts))
    if isinstance(said, ast.Name) and said.id.isupper() and len(known.get(said.id, ())) == 1:
        return template(known[said.id][0], known)
    return None


def written(part: ast.expr, known: dict[str, list[ast.expr]]) -> str:
    """Return the sentence that stands in an f-string under its name; "" for anything else."""
    value = getattr(part, "value", part)
    text = template(value, known) or "" if isinstance(value, ast.Name) else ""
    return text if text.endswith(".") else ""


def gap(part: ast.expr, seen: Counter[str]) -> str:
    """Return a part of an f-string: its text, or a gap that is named after the value."""
    if isinstance(part, ast.Constant):
        return str(part.value)
    value = getattr(part, "value", part)
    name = getattr(value, "id", "") or getattr(value, "attr", "") or "it"
    seen[name] += 1
    return f"{{{name}{seen[name] if seen[name] > 1 else ''}}}"
