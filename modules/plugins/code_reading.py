"""What an extension's code would do, as far as reading it tells; nothing of it is run."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from modules.base.border import outcome
from modules.plugins.manifest import Extension
from modules.plugins.requirements import missing_packages

MOST_READ = 1_000
LARGEST_FILE = 1 * 2**20        # bytes of a file that is read

# sentence → the modules by whose import it is told
BY_IMPORT: Mapping[str, frozenset[str]] = {
    "It can use the network.": frozenset({"requests", "urllib", "httpx", "aiohttp", "socket", "http", "websocket",
                                          "websockets", "socketio", "huggingface_hub", "gdown"}),
    "It can start other programs.": frozenset({"subprocess", "multiprocessing"}),
    "It runs threads of its own.": frozenset({"threading", "concurrent"}),
    "It reaches into the models' code.": frozenset({"ldm", "sgm", "k_diffusion"}),
}
# sentence → the functions by whose call it is told
BY_CALL: Mapping[str, frozenset[str]] = {
    "It can start other programs.": frozenset({"system", "popen", "run_pip"}),
    "It makes code out of text.": frozenset({"exec", "eval"}),
    "It adds addresses to the server.": frozenset({"on_app_started"}),
    "It takes part in each step of a picture.": frozenset({"on_cfg_denoiser", "on_cfg_denoised", "on_cfg_after_cfg"}),
}
VALUES = ("shared", "opts", "state", "cmd_opts")      # of A1111's: setting their fields is what they are for
REPLACES = "It replaces functions of the program."
SHARED_STATE = "It keeps things of one person's page where the next person's picture sees them."
# which A1111 has, or by whose import an extension finds out whether it runs on another program
NEVER_MISSING = frozenset({"lora", "networks", "modules_forge", "backend", "lib_controlnet", "ldm_patched"})


@dataclass(frozen=True)
class CodeFacts:
    """What reading an extension's Python files tells."""

    does: tuple[str, ...]       # sentences
    missing: tuple[str, ...]    # packages that it imports and that are not installed


def code_facts(extension: Extension) -> CodeFacts:
    """Read an extension's Python files. A file that cannot be read as Python tells nothing."""
    does = dict.fromkeys(sentence for tree in trees(extension) for sentence in sentences(tree))
    missing = (name for name in missing_packages(extension) if name not in NEVER_MISSING)
    return CodeFacts(tuple(does), tuple(missing))


def trees(extension: Extension) -> Iterator[ast.Module]:
    for path in sorted(extension.folder.rglob("*.py"))[:MOST_READ]:
        if path.is_file() and path.stat().st_size <= LARGEST_FILE:
            tree = outcome(ast.parse, path.read_text("utf-8", errors="replace"))
            if isinstance(tree, ast.Module):
                yield tree


def sentences(tree: ast.Module) -> Iterator[str]:
    """Yield what a file does, as sentences."""
    names, calls = set(imports_of(tree)), set(called_names(tree))
    for table, found in ((BY_IMPORT, names), (BY_CALL, calls)):
        yield from (sentence for sentence, known in table.items() if known & found)
    if patches(tree):
        yield REPLACES
    if any(isinstance(node, ast.Global) for node in ast.walk(tree)):
        yield SHARED_STATE


def imports_of(tree: ast.Module) -> Iterator[str]:
    """Yield the top names of what a file imports, of packages and modules from elsewhere."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def called_names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func
            if isinstance(called, ast.Name):
                yield called.id
            elif isinstance(called, ast.Attribute):
                yield called.attr


def patches(tree: ast.Module) -> bool:
    """Return whether a file assigns to attributes of something that it has imported from A1111's modules."""
    given = set(names_from_a1111(tree))
    targets = (target for node in ast.walk(tree) if isinstance(node, ast.Assign) for target in node.targets)
    return any(isinstance(each, ast.Attribute) and root_name(each) in given for each in targets)


def names_from_a1111(tree: ast.Module) -> Iterator[str]:
    """Yield the names by which a file knows A1111's modules and what is in them, settings and states left out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "modules":
            yield from (alias.asname or alias.name for alias in node.names if alias.name not in VALUES)


def root_name(target: ast.Attribute) -> str:
    value: ast.expr = target
    while isinstance(value, ast.Attribute):
        value = value.value
    return value.id if isinstance(value, ast.Name) else ""
