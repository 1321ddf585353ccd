"""Which files `file=` addresses may name."""

from __future__ import annotations

from pathlib import Path

import pytest

from modules.app.served_files import (
    SHOWN_PAGE_FILES,
    SHOWN_PICTURES,
    SHOWN_TEXTS,
    ServedFolder,
    served_file,
    served_folders,
)
from modules.base.accounts import Account, Role
from modules.base.border import outcome
from modules.base.errors import NotFound
from modules.commands.assemble import assemble
from modules.settings.flags import parse_flags

FILES = (
    "extensions/tags/javascript/tags.js", "extensions/tags/tags/words.csv", "extensions/tags/scripts/tags.py",
    "extensions/tags/.git/config.json", "extensions/tags/config.json", "extensions/tags/style.css", "extensions/off/javascript/off.js", "outputs/a.png", "outputs/a.txt",
    "outputs/#ünï code?.png", "config.json", "user.css", "tmp/list.txt", "tmp/page.html", "secret.png",
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in FILES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "extensions/tags/away.png").symlink_to(tmp_path / "secret.png")
    (tmp_path / "outputs/circle.png").symlink_to(tmp_path / "outputs/circle.png")
    return tmp_path


@pytest.fixture
def folders(data: Path) -> list[ServedFolder]:
    return [
        ServedFolder(data / "extensions/tags", SHOWN_PICTURES | SHOWN_TEXTS | SHOWN_PAGE_FILES),
        ServedFolder(data / "tmp", SHOWN_TEXTS),
        ServedFolder(data / "user.css", frozenset({".css"})),
        ServedFolder(data / "outputs", SHOWN_PICTURES),
    ]


@pytest.mark.parametrize("name", [
    "extensions/tags/javascript/tags.js", "extensions/tags/tags/words.csv", "outputs/a.png", "user.css", "tmp/list.txt",
    "outputs/#ünï code?.png", "extensions/tags/../../outputs/a.png",
])
def test_files_of_pages_and_pictures_are_served(data, folders, name):
    for named in (name, str(data / name)):
        assert served_file(named, data, folders) == (data / name).resolve()


@pytest.mark.parametrize("name", [
    "extensions/tags/scripts/tags.py", "extensions/tags/.git/config.json", "extensions/off/javascript/off.js",
    "outputs/a.txt", "config.json", "tmp/page.html", "secret.png", "extensions/tags/away.png", "outputs/circle.png",
    "outputs/../secret.png", "extensions/tags", "", ".", "..", "/etc/passwd", "a\0b", "x" * 5000, "outputs/none.png",
])
def test_nothing_else_is_and_nothing_is_told_of_it(data, folders, name):
    with pytest.raises(NotFound, match="There is no such file, or it is not served."):
        served_file(name, data, folders)


@pytest.mark.parametrize(("role", "reads"), [(Role.GUEST, False), (Role.MEMBER, False), (Role.ADMINISTRATOR, True)])
def test_texts_beside_an_extensions_code_are_the_administrators(data, role, reads):
    app = assemble(parse_flags(["--nowebui", "--data-dir", str(data)], {}))
    folders = served_folders(app, Account("kim", role), [data / "extensions/tags"])
    for open_to_all in ("style.css", "javascript/tags.js", "tags/words.csv"):
        assert served_file(f"extensions/tags/{open_to_all}", data, folders)
    keys = outcome(served_file, "extensions/tags/config.json", data, folders)
    assert (keys == data / "extensions/tags/config.json") is reads and isinstance(keys, NotFound) is not reads


def test_a_file_that_is_not_served_is_not_looked_at(data, folders, monkeypatch):
    """What takes longer for a file that is there would tell of it."""
    looked = []
    monkeypatch.setattr(Path, "is_file", lambda path: looked.append(path.name) or True)
    for name in ("secret.png", "config.json", "extensions/off/javascript/off.js", "outputs/../secret.png"):
        with pytest.raises(NotFound):
            served_file(name, data, folders)
    assert looked == [] and served_file("outputs/a.png", data, folders) and looked == ["a.png"]
