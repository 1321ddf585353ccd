"""What extensions want installed is read as pip reads it; nothing that Easel has is changed."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from modules.plugins import installing
from modules.plugins.installing import NotInstalled, install_packages, keep_pip_away, let_pip_in, pip_reason
from modules.plugins.manifest import Extension
from modules.plugins.requirements import missing_of_a1111, pip_request, requirement_lines, unmet_lines, without_extras


@pytest.fixture
def pip(monkeypatch, tmp_path):
    """A pip that has every package but `absent`, in version 1.0; the calls of it."""
    calls = []

    def run(words):
        calls.append(list(words))
        lines = words[words.index("--") + 1 :]
        if any(line.startswith(("absent", "extra[")) for line in lines):
            raise NotInstalled("Not installed: nobody has it")
        if "--report" in words:
            names = [{"metadata": {"name": line.partition("=")[0], "version": "1.0"}} for line in lines]
            Path(words[words.index("--report") + 1]).write_text(json.dumps({"install": names}))

    monkeypatch.setattr(installing, "run_installer", run)
    monkeypatch.setattr(installing, "site_folder", lambda: tmp_path / "extensions-site")
    return calls


def installed(calls):
    return [words[words.index("--") + 1 :] for words in calls if "--target" in words]


def test_requirements_are_read_with_the_files_that_they_name(tmp_path):
    (tmp_path / "more.txt").write_text("two==2 # why\n-r requirements.txt\n")
    (tmp_path / "requirements.txt").write_text(
        "# all\none>=1\n-r more.txt\n--extra-index-url https://example.org\nthree -i https://example.org\n"
    )
    lines = list(requirement_lines(tmp_path / "requirements.txt"))
    assert lines[:2] == ["one>=1", "two==2"] and lines[-1] == "three"
    assert len(lines) < 20      # files that name each other end
    assert list(requirement_lines(tmp_path / "absent.txt")) == []


def test_words_of_pip_are_options_and_requirements():
    request = pip_request(["install", "-U", "--no-deps", "-i", "https://example.org", "one", "two==2"])
    assert request.options == ["--no-deps", "-i", "https://example.org"] and request.lines == ["one", "two==2"]


def test_what_easel_has_stays_and_that_is_told():
    version = importlib.metadata.version("pillow")
    unmet, told = unmet_lines(["pillow==1.0", f"pillow=={version}", "not-a-package-here", "x; python_version < '3'"])
    assert unmet == ["not-a-package-here"]
    assert told == [f"It asks for pillow==1.0; pillow {version} is here and stays."]


def test_all_that_can_be_had_is_installed_and_the_rest_is_named(pip):
    notes = install_packages(["one==1", "absent", "extra[more]"])
    assert installed(pip) == [["one==1.0"], ["extra==1.0"]]
    assert notes == [
        "absent: Not installed: nobody has it", "Installed: one==1.0.",
        "extra[more]: Not installed: nobody has it", "Installed: extra==1.0.",
    ]
    with pytest.raises(NotInstalled, match="absent: Not installed: nobody has it"):
        install_packages(["absent"])


def test_packages_go_into_the_extensions_folder_without_what_they_need_themselves(pip):
    install_packages(["one"])
    checked, made = pip
    assert "--dry-run" in checked and "--constraint" in checked
    assert "--no-deps" in made and Path(made[made.index("--target") + 1]).parent.name == "extensions-site"


def test_what_is_built_for_another_torch_is_left_out(monkeypatch):
    report = json.dumps({"install": [{"metadata": {"name": name, "version": "1"}} for name in ("one", "torchvision")]})
    for version, expected in (("2.0+cpu", ["one==1"]), ("2.0", ["one==1", "torchvision==1"])):
        monkeypatch.setattr(importlib.metadata, "version", lambda name, version=version: version)
        assert installing.packages_in(report) == expected


def test_a_pip_of_an_extensions_own_cannot_change_easels_packages():
    keep_pip_away()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pip", "uninstall", "-y", "pillow"], capture_output=True, text=True, check=False
        )
    finally:
        let_pip_in()
    assert done.returncode and "Could not locate Python interpreter" in done.stderr
    assert importlib.metadata.version("pillow")


def test_the_reason_is_the_conflict_if_pip_names_one():
    said = "ERROR: Cannot install a\n\nThe conflict is caused by:\n  a depends on b<1\n  The user requested b==2\n\nmore"
    assert pip_reason(said) == "a depends on b<1; The user requested b==2"
    assert pip_reason("WARNING: x\nERROR: no network\n") == "no network"
    assert without_extras("some[a,b]>=1") == "some>=1"


def test_packages_that_a1111_has_are_wanted_by_those_who_import_them(tmp_path):
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "one.py").write_text("import blendmodes.blend\nimport numpy\nimport nobody_knows\n")
    wanted = missing_of_a1111(Extension(tmp_path))
    assert wanted in ([], ["blendmodes"])       # the latter where it is not installed


def test_what_one_extension_has_had_installed_stays_when_another_wants_more(tmp_path, monkeypatch):
    packed = tmp_path / "extensions-site" / "theirs-1.5.dist-info"
    packed.mkdir(parents=True)
    (packed / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.5\n")
    monkeypatch.syspath_prepend(str(packed.parent))
    fixed = installing.fixed_versions()
    assert "theirs==1.5" in fixed and any(line.startswith("numpy==") for line in fixed)
    assert unmet_lines(["theirs>=2"]) == ([], ["It asks for theirs>=2; theirs 1.5 is here and stays."])


def test_packages_come_whole_and_what_tells_of_them_last(tmp_path, monkeypatch):
    aside, site = tmp_path / "aside", tmp_path / "site"
    for name in ("shared/one.py", "two/__init__.py", "two-1.0.dist-info/METADATA", "two.py"):
        place = aside / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(name)
    (site / "shared").mkdir(parents=True)
    (site / "shared" / "other.py").write_text("")
    moved, replace = [], Path.replace
    monkeypatch.setattr(Path, "replace", lambda self, to: moved.append(self.name) or replace(self, to))
    installing.move_packages(aside, site)
    assert moved[-1] == "two-1.0.dist-info" and (site / "two-1.0.dist-info/METADATA").is_file()
    assert sorted(path.name for path in (site / "shared").iterdir()) == ["one.py", "other.py"]


def test_an_installation_that_was_killed_leaves_nothing_that_is_imported(pip, tmp_path, monkeypatch):
    site = tmp_path / "extensions-site"

    def killed(words):
        Path(words[words.index("--target") + 1], "half.py").write_text("")
        raise KeyboardInterrupt

    monkeypatch.setattr(installing, "run_installer", killed)
    with pytest.raises(KeyboardInterrupt):
        installing.install_whole(["one==1.0"], ())
    assert list(site.iterdir()) == []
    left = site / ".new-left"
    left.mkdir()
    installing.remove_left_over(site)
    assert left.is_dir()        # it may be another's that goes on
    os.utime(left, (0, 0))
    installing.remove_left_over(site)
    assert not left.exists()
