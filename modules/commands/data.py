"""`webui.py data show | set | edit | strip | copy | convert | diff | undo FILE…`: pictures' data from the terminal.

Files are changed in place, whole or not at all; what they said before can be brought back with `undo`.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from modules.base.accounts import LOCAL_OWNER
from modules.base.delta import delta_of, undone
from modules.base.errors import Conflict, Invalid, WebUIError, sentence
from modules.base.files import write_atomically
from modules.imaging.folders import content_of
from modules.metadata.contents import picture_contents
from modules.requests.data_compare import compared_rows, plot_preset
from modules.requests.data_edit import (
    STRIPPED,
    DataEdit,
    Replacement,
    data_changes,
    edit_notes,
    edited_file,
    told_description,
)
from modules.requests.data_saving import what_was_done
from modules.requests.data_shown import revision_of, shown_contents
from modules.settings.account_paths import account_paths
from modules.settings.flag_types import any_path
from modules.settings.flags import Flags, Parser, unknown_argument
from modules.store.picture_history import PictureHistory

ToldOfFile = dict[str, Any]
DataCommand = Callable[[PictureHistory, argparse.Namespace], list[ToldOfFile]]
DESCRIPTIONS = ("title", "author", "copyright", "description")


def data(flags: Flags, arguments: list[str]) -> int:
    """Run the command; returns the exit code: 1 if there was a problem with a file. Raises WebUIError."""
    chosen, rest = data_parser().parse_known_args(arguments)
    if rest:
        raise unknown_argument(rest)
    history = PictureHistory(account_paths(flags.paths, LOCAL_OWNER).data_history)
    told = DATA_COMMANDS[chosen.command](history, chosen)
    print(json.dumps(told, indent=2) if chosen.json else "\n".join(printable(told_plainly(each)) for each in told))
    return 1 if any("problem" in each for each in told) else 0


def data_parser() -> argparse.ArgumentParser:
    parser = Parser(prog="webui.py data", description="Pictures' generation data and other metadata.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="show | set | edit | strip | …")
    commands.add_parser("show", help="all that files say")
    change = commands.add_parser("set", help="change values")
    change.add_argument("--value", action="append", default=[], metavar="KEY=VALUE", help="a field or key changed")
    change.add_argument("--unset", action="append", default=[], metavar="KEY", help="take a value away")
    change.add_argument("--replace", action="append", default=[], nargs=2, metavar=("FIND", "WITH"))
    change.add_argument("--regex", action="store_true", help="FIND is a regular expression")
    change.add_argument("--keyword", action="append", metavar="WORD", help="of all keywords there are to be")
    change.add_argument("--rating", type=int, help="1 to 5, 0 for none, -1 for rejected")
    for name in DESCRIPTIONS:
        change.add_argument(f"--{name}")
    commands.add_parser("edit", help="change generation data in your editor ($EDITOR)")
    strip = commands.add_parser("strip", help="take data away, all if no part is named")
    strip.add_argument("--part", action="append", choices=tuple(STRIPPED), help="may be repeated")
    copy = commands.add_parser("copy", help="take the first file's generation data for all others")
    convert = commands.add_parser("convert", help="write another program's data as generation data")
    convert.add_argument("--program", default="", help="whose; the first whose data can be converted")
    commands.add_parser("diff", help="files' data side by side")
    commands.add_parser("undo", help="take the last change back")
    for name, command in commands.choices.items():
        command.add_argument("files", nargs="+", type=any_path, metavar="FILE")
        command.add_argument("--json", action="store_true", help="for programs")
        if name in ("set", "strip", "convert") or command is copy:
            command.add_argument("--dry-run", action="store_true", help="only say what would change")
    return parser


# Commands ------------------------------------------------------------------------------------------


def show_data(history: PictureHistory, chosen: argparse.Namespace) -> list[ToldOfFile]:
    return [for_file(file, lambda file: shown_contents(content_of(file))) for file in chosen.files]


def set_data(history: PictureHistory, chosen: argparse.Namespace) -> list[ToldOfFile]:
    values = dict(pair_given(each) for each in chosen.value) | dict.fromkeys(chosen.unset)
    given = {name: getattr(chosen, name) for name in (*DESCRIPTIONS, "rating") if getattr(chosen, name) is not None}
    if chosen.keyword:
        given["keywords"] = chosen.keyword
    replacements = tuple(Replacement(find, text, chosen.regex) for find, text in chosen.replace)
    if not (values or given or replacements):
        raise Invalid("There is nothing to set.", "For example: --value seed=7.")
    edit = DataEdit(values=values, descriptive=given, replacements=replacements)
    return edit_all(history, chosen.files, edit, chosen.dry_run)


def pair_given(text: str) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if not sign:
        raise Invalid(f"{text[:80]!r} is no KEY=VALUE.", "For example: --value seed=7.")
    return key, value


def edit_data(history: PictureHistory, chosen: argparse.Namespace) -> list[ToldOfFile]:
    def edit(file: Path) -> ToldOfFile:
        text = in_editor(picture_contents(content_of(file)).infotext)
        return edit_file(history, file, DataEdit(infotext=text), False)

    return [for_file(file, edit) for file in chosen.files]


def in_editor(text: str) -> str:
    """Return a text as it is when the person's editor has been closed. Raises Invalid."""
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory(prefix="easel-") as folder:
        path = Path(folder, "generation-data.txt")
        path.write_text(text, encoding="utf-8")
        try:
            ended = subprocess.run([*shlex.split(command), str(path)], check=False).returncode
        except OSError as error:
            raise Invalid(f"The editor {command!r} cannot be started.", "Set EDITOR to one that is there.") from error
        if ended:
            raise Invalid(f"The editor {command!r} ended with {ended}; nothing was changed.", "Try again.")
        return path.read_text(encoding="utf-8").strip()


def strip_data(history: PictureHistory, chosen: argparse.Namespace) -> list[ToldOfFile]:
    return edit_all(history, chosen.files, DataEdit(strip=frozenset(chosen.part or ("all",))), chosen.dry_run)


def copy_data(history: PictureHistory, chosen: argparse.Namespace) -> list[ToldOfFile]:
    source, *files = chosen.files
    if not files:
        raise Invalid("There is no file to copy to.", "Name the source first, then the others.")
    return edit_all(history, files, DataEdit(source=content_of(source)), chosen.dry_run)


def convert_data(history: PictureHistory, chosen: argparse.Namespace) -> list[ToldOfFile]:
    def convert(file: Path) -> ToldOfFile:
        programs = picture_contents(content_of(file)).programs
        first = chosen.program or next((each.program for each in programs if each.infotext), "")
        if not first:
            raise Invalid("There are no data that could be converted.", "`data show` tells what the file says.")
        notes = [note for each in programs if each.program == first for note in each.notes]
        told = edit_file(history, file, DataEdit(program=first), chosen.dry_run)
        return told | {"notes": [*notes, *told["notes"]]}

    return [for_file(file, convert) for file in chosen.files]


def compare_data(history: PictureHistory, chosen: argparse.Namespace) -> list[ToldOfFile]:
    if len(chosen.files) < 2:
        raise Invalid("There is only one file.", "Name two or more to compare.")
    pictures = [picture_contents(content_of(file)) for file in chosen.files]
    rows = [asdict(row) for row in compared_rows(pictures) if row.differs]
    preset = plot_preset([each.pasted for each in pictures])
    return [{"files": list(map(str, chosen.files)), "rows": rows, "preset": asdict(preset) if preset else None}]


def undo_data(history: PictureHistory, chosen: argparse.Namespace) -> list[ToldOfFile]:
    def undo(file: Path) -> ToldOfFile:
        content = content_of(file)
        edits = history.of(revision_of(content))
        if not edits:
            raise Conflict("There is no change to take back.", "Another program may have changed the file since.")
        before = undone(history.delta(edits[0].number), content)
        if revision_of(before) != edits[0].before:
            raise Conflict("The former data cannot be made again.", "The history is damaged.")
        write_atomically(file, before)
        history.forget([edits[0].number])
        return {"undone": edits[0].what}

    return [for_file(file, undo) for file in chosen.files]


DATA_COMMANDS: Mapping[str, DataCommand] = {
    "show": show_data, "set": set_data, "edit": edit_data, "strip": strip_data, "copy": copy_data,
    "convert": convert_data, "diff": compare_data, "undo": undo_data,
}


# Files ---------------------------------------------------------------------------------------------


def for_file(file: Path, do: Callable[[Path], ToldOfFile]) -> ToldOfFile:
    """Return what is told of a file, or its problem: the others go on."""
    try:
        return {"file": str(file)} | do(file)
    except WebUIError as error:
        return {"file": str(file), "problem": sentence(error)}


def edit_all(history: PictureHistory, files: list[Path], edit: DataEdit, dry_run: bool) -> list[ToldOfFile]:
    return [for_file(file, lambda file: edit_file(history, file, edit, dry_run)) for file in files]


def edit_file(history: PictureHistory, file: Path, edit: DataEdit, dry_run: bool) -> ToldOfFile:
    """Edit a file in place; return what changes."""
    before = content_of(file)
    after = edited_file(before, edit)
    if after != before and not dry_run:
        history.add(what_was_done(before, after), revision_of(before), revision_of(after), delta_of(before, after))
        write_atomically(file, after)
    changes = [asdict(each) for each in data_changes(before, after)]
    return {"changes": changes, "notes": edit_notes(before, edit)}


# What is printed -----------------------------------------------------------------------------------


def told_plainly(told: ToldOfFile) -> str:
    """Return what there is to say of a file as lines."""
    lines = [f"{told['file']}:"] if "file" in told else []
    if "problem" in told:
        return f"{told['file']}: {told['problem']}"
    if "infotext" in told:
        lines += shown_plainly(told)
    lines += [f"  {each['what']}: {each['before'] or 'nothing'} → {each['after'] or 'nothing'}"
              for each in told.get("changes", ())]
    if "changes" in told and not told["changes"]:
        lines.append("  Nothing changes.")
    for row in told.get("rows", ()):
        lines.append(f"{row['label']}:")
        lines += [f"  {file}: {value or 'nothing'}" for file, value in zip(told["files"], row["values"], strict=True)]
    if "undone" in told:
        lines.append(f"  Taken back: {told['undone']}.")
    return "\n".join([*lines, *(f"  Note: {note}" for note in told.get("notes", ()))])


def printable(text: str) -> str:
    """Return a text without what a terminal would obey: data may come from anywhere."""
    return "".join(mark if mark.isprintable() or mark == "\n" else "�" for mark in text)


def shown_plainly(told: ToldOfFile) -> list[str]:
    lines = [f"  {told['format']}, {told['size'][0]}×{told['size'][1]}, {told['bytes']:,} bytes"]
    lines += [f"  {line}" for line in told["infotext"].split("\n") if line]
    for each in told["dialects"]:
        if each["infotext"] != told["infotext"]:
            lines += [f"  {each['program']}:", *(f"    {label}: {value}" for label, value in each["readable"])]
    lines += [f"  {name}: {told_description(value)}" for name, value in told["descriptive"].items() if value]
    for place in ("exif", "xmp", "iptc"):
        lines += [f"  {place.upper()} {label}: {value}" for label, value in told[place] if value != told["infotext"]]
    return [*lines, *(["  Signed (C2PA)"] if told["signed"] else [])]
