"""The order of extensions' files and callbacks is A1111's, moved only as far as metadata.ini asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from modules.plugins.loading_order import (
    callback_name,
    callback_rules,
    in_asked_order,
    loading_order,
    topological_order,
)
from modules.plugins.manifest import Extension, find_extensions


def extension(root: Path, name: str, metadata: str = "", files: tuple[str, ...] = ("one.py",)) -> Extension:
    for file in files:
        path = root / name / "scripts" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    (root / name / "metadata.ini").write_text(metadata)
    return Extension(root / name)


def order_of(root: Path) -> list[str]:
    return [f"{each.extension.name}/{each.path.name}" for each in loading_order(find_extensions(root)).files]


def test_files_come_by_extension_and_name_capitals_first(tmp_path):
    for name in ("b", "C", "a"):
        extension(tmp_path, name, files=("two.py", "one.py"))
    assert order_of(tmp_path) == ["C/one.py", "C/two.py", "a/one.py", "a/two.py", "b/one.py", "b/two.py"]


@pytest.mark.parametrize("section", ["Extension", "scripts", "scripts/one.py"])
@pytest.mark.parametrize("option", ["After = c", "After = nobody|c", "After = c/one.py, d"])
def test_a_file_comes_after_those_it_names(tmp_path, section, option):
    extension(tmp_path, "a", f"[{section}]\n{option}")
    for name in ("b", "c"):
        extension(tmp_path, name)
    assert order_of(tmp_path) == ["c/one.py", "a/one.py", "b/one.py"]


def test_a_file_comes_before_those_it_names_by_the_extensions_own_name(tmp_path):
    extension(tmp_path, "a", "[Extension]\nName = The First")
    extension(tmp_path, "b", "[Extension]\nName = third")
    extension(tmp_path, "c", "[scripts/one.py]\nBefore = third")
    assert order_of(tmp_path) == ["a/one.py", "c/one.py", "b/one.py"]


def test_a_missing_requirement_is_told_and_the_file_is_loaded_as_in_a1111(tmp_path):
    extension(tmp_path, "a", "[Extension]\nRequires = absent")
    extension(tmp_path, "b", "[Extension]\nRequires = absent|a")
    found = loading_order(find_extensions(tmp_path))
    assert [each.extension.name for each in found.files] == ["a", "b"]
    assert list(found.missing.values()) == ["It requires absent, which is not here or is off."]


def test_in_a_circle_the_first_order_holds():
    assert topological_order({1: [2], 2: [1], 3: [1]}) == [2, 1, 3]
    assert sorted(topological_order({n: [n + 1, n - 1] for n in range(20)})) == list(range(20))


def test_callbacks_have_names_of_their_own():
    taken: list[str] = []
    for _ in range(3):
        taken.append(callback_name("Some", "a.py", "ui_tabs", "mine", taken))
    assert taken == ["some/a.py/ui_tabs/mine", "some/a.py/ui_tabs/mine-1", "some/a.py/ui_tabs/mine-2"]


def test_callbacks_come_as_their_own_extension_asks_and_as_a_person_wants(tmp_path):
    first = extension(tmp_path, "First", "[Extension]\nName = own-name")
    second = extension(
        tmp_path, "second",
        "[callbacks/second/one.py/ui_tabs]\nBefore = own-name/one.py/ui_tabs\n"
        "[callbacks/first/one.py/ui_tabs]\nBefore = second/one.py/ui_tabs",      # not its own: left out
    )
    rules = callback_rules([first, second])
    names = ["first/one.py/ui_tabs", "second/one.py/ui_tabs", "third/one.py/ui_tabs"]
    assert in_asked_order(names, str, rules) == [names[1], names[0], names[2]]
    assert in_asked_order(names, str, rules, [names[2], "gone/one.py/ui_tabs"]) == [names[2], names[1], names[0]]
