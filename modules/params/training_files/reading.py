"""Configuration files of a training, of whichever tool: told apart by content, translated into native keys."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from modules.base.errors import Invalid
from modules.base.limits import MAX_VALUES, parts_of
from modules.params.training import Training
from modules.params.training_files.command_line import read_command_line
from modules.params.training_files.hcp import read_hcp
from modules.params.training_files.kohya_gui import read_kohya_gui
from modules.params.training_files.native import read_native
from modules.params.training_files.others import read_a1111_settings, read_onetrainer
from modules.params.training_files.plan_draft import PlanDraft

LARGEST_TRAINING_FILE = 2**20              # bytes of a configuration file
DEEPEST_CONFIG = 30                 # nesting of its values
LINES_LOOKED_AT = 200               # of a text whose kind is not known
MOST_BASES = 20                     # files that an HCP file may build on
COMMAND_ENDINGS = (".sh", ".bat", ".ps1", ".cmd")
CONFIG_ENDINGS = (".toml", ".json", ".yaml", ".yml", ".txt", *COMMAND_ENDINGS)


class PlainLoader(yaml.SafeLoader):
    """A reader of YAML without aliases, so that a small file stays small."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not read")
        return super().compose_node(parent, index)


def read_training_file(path: Path) -> PlanDraft:
    """Return the draft of a configuration file. Raises Invalid, naming it, for one that cannot be read."""
    text = config_text(path)
    if path.suffix.lower() in (".yaml", ".yml"):
        return read_hcp(with_bases(yaml_tables(text, path.name), path, (path.resolve(),), []), path.name)
    draft = read_config_text(text, path.name)
    if draft.dataset_file:
        draft.merge(read_dataset_file(draft.dataset_file, path))
    return draft


def read_dataset_file(name: str, path: Path) -> PlanDraft:
    """Return the draft of the data set file that a configuration names, relative to its folder or the current one."""
    options = [path.parent / name, Path(name)] if "\0" not in name else []
    found = next((each for each in options if each.is_file()), None)
    if found is None:
        raise Invalid(f"{path.name} names the data set file {name[:200]!r}, which is not there.", "Check its path.")
    return read_config_text(config_text(found), found.name)


def config_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_TRAINING_FILE + 1)
    except OSError as error:
        raise Invalid(f"The file {path} cannot be read: {error.strerror}.", "Check its path.") from error
    if len(content) > LARGEST_TRAINING_FILE:
        raise Invalid(f"{path.name} is too large for a configuration.", f"At most {LARGEST_TRAINING_FILE // 2**20} MB are read.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid(f"{path.name} is no UTF-8 text: byte {error.start}.", "Save it as UTF-8.") from error


def read_config_text(text: str, name: str) -> PlanDraft:
    """Return the draft of a configuration's text; the name's ending tells what it is. Raises Invalid."""
    ending = Path(name).suffix.lower()
    if ending == ".toml":
        return read_native(toml_tables(text, name), name)
    if ending in (".yaml", ".yml"):
        return read_hcp(yaml_tables(text, name), name)
    if ending == ".json" or text.lstrip().startswith("{"):
        return read_json_config(json_tables(text, name), name)
    return read_command_line(text, name)


def likely_name(text: str) -> str:
    """Return a name for a configuration that came without one, whose ending tells what it is by its first lines."""
    lines = [line.strip() for line in text.splitlines()[:LINES_LOOKED_AT] if line.strip() and line.strip()[0] != "#"]
    if text.lstrip().startswith("{"):
        return "pasted.json"
    if any(line.startswith("--") or " --" in line for line in lines):
        return "pasted.sh"
    if any(line.startswith("[") or " = " in line for line in lines):
        return "pasted.toml"
    return "pasted.yaml" if any(line.partition(" ")[0].endswith(":") for line in lines) else "pasted.toml"


def read_json_config(data: dict[str, Any], name: str) -> PlanDraft:
    """Return the draft of a JSON file, told apart by its keys."""
    if "training_method" in data:
        return read_onetrainer(data, name)
    if "learn_rate" in data and "data_root" in data:
        return read_a1111_settings(data, name)
    if data.keys() & {"LoRA_type", "max_resolution", "optimizer"}:
        return read_kohya_gui(data, name)
    return read_native(data, name)


def toml_tables(text: str, name: str) -> dict[str, Any]:
    """Return a TOML file's tables. Raises Invalid, with a hint for Windows paths."""
    try:
        return bounded_tables(tomllib.loads(text), name)
    except (ValueError, RecursionError) as error:
        hint = "Write Windows paths in single quotes: 'C:\\pictures'." if "\\" in text else "Compare it with TOML's rules."
        raise Invalid(f"{name}: {error}.", hint) from error


def json_tables(text: str, name: str) -> dict[str, Any]:
    try:
        return bounded_tables(json.loads(text), name)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"{name} is no JSON: {error}.", "Save it again with its program.") from error


def yaml_tables(text: str, name: str) -> dict[str, Any]:
    """Return a YAML file's tables; tags and aliases are refused. Raises Invalid."""
    if nested_flow(text) > DEEPEST_CONFIG:
        raise Invalid(f"{name} is nested too deeply.", f"At most {DEEPEST_CONFIG} levels are read.")
    try:
        return bounded_tables(yaml.load(text, PlainLoader), name)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise Invalid(f"{name} is no plain YAML: {str(error)[:300]}", "Tags and aliases are not read.") from error


def nested_flow(text: str) -> int:
    """Return how deep brackets are nested in a text, at most."""
    depth = deepest = 0
    for character in text:
        depth = max(0, depth + (character in "[{") - (character in "]}"))
        deepest = max(deepest, depth)
    return deepest


def bounded_tables(data: Any, name: str) -> dict[str, Any]:
    """Return a file's table. Raises Invalid for anything else, too many values or too deep ones."""
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise Invalid(f"{name} holds no table of keys.", "It is written key = value.")
    if sum(1 for _ in parts_of(data)) > MAX_VALUES:
        raise Invalid(f"{name} has too many values.", f"At most {MAX_VALUES:,} are read.")
    if depth_of(data) > DEEPEST_CONFIG:
        raise Invalid(f"{name} is nested too deeply.", f"At most {DEEPEST_CONFIG} levels are read.")
    return data


def depth_of(data: Any) -> int:
    waiting, deepest = [(data, 1)], 0
    while waiting:
        value, depth = waiting.pop()
        deepest = max(deepest, depth)
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        waiting += [(each, depth + 1) for each in inner]
    return deepest


# HCP's bases -----------------------------------------------------------------------------------------


def with_bases(data: dict[str, Any], path: Path, above: tuple[Path, ...], read: list[Path]) -> dict[str, Any]:
    """Return an HCP file's tables over those of its `_base_` files.

    above: the files that build on this one; read: all bases so far, one that several files build on comes again
    Raises Invalid for a base that is not there, or too many.
    """
    merged: dict[str, Any] = {}
    bases = data.get("_base_") or []
    for name in bases if isinstance(bases, list) else [bases]:
        base = find_base(str(name), path)
        read.append(base)
        if base in above or len(read) > MOST_BASES:
            raise Invalid(f"{path.name} builds on itself.", "Take it out of _base_.")
        below = with_bases(yaml_tables(config_text(base), base.name), base, (*above, base), read)
        merged = merged_tables(merged, below)
    return merged_tables(merged, {key: value for key, value in data.items() if key != "_base_"})


def find_base(name: str, path: Path) -> Path:
    """Return a base's file: its name is relative to the tool's folder, one of those above the file."""
    if "\0" not in name and not name.startswith("/") and ".." not in Path(name).parts:
        for folder in path.resolve().parents:
            if (found := folder / name).is_file():
                return found
    raise Invalid(f"{path.name} builds on {name[:200]!r}, which is not there.", "Copy the tool's cfgs folder as well.")


def merged_tables(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return tables merged key by key; lists and values are replaced."""
    merged = dict(below)
    for key, value in above.items():
        mine = merged.get(key)
        merged[key] = merged_tables(mine, value) if isinstance(mine, dict) and isinstance(value, dict) else value
    return merged


# Writing ---------------------------------------------------------------------------------------------


def toml_of(plan: Training, where: dict[str, str]) -> str:
    """Return a plan as a native TOML file, with where each value came from."""
    return "\n".join([*toml_lines(plan, where), ""])


def toml_lines(plan: Training, where: dict[str, str]) -> Iterator[str]:
    values, usual = asdict(plan), asdict(Training())
    for name, value in values.items():
        if name != "datasets" and value is not None and (name in where or value != usual[name]):
            yield f"{name} = {toml_value(value)}" + (f"      # {one_line(where[name])}" if name in where else "")
    for dataset in values["datasets"]:
        yield "\n[[datasets]]"
        yield from (f"{name} = {toml_value(each)}" for name, each in dataset.items() if name != "subsets" and each is not None)
        for subset in dataset["subsets"]:
            yield "\n  [[datasets.subsets]]"
            yield from (f"  {name} = {toml_value(each)}" for name, each in subset.items() if each not in (None, ""))


def toml_value(value: Any) -> str:
    """Return a value as TOML; JSON's texts, numbers, booleans and lists are TOML's as well."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)} = {toml_value(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def one_line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
