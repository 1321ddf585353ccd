"""A new extension for its author to begin with: small, whole, working, with a test."""

from __future__ import annotations

import re
from pathlib import Path

from easel.extension import API_VERSION, LONGEST_NAME, NAME
from modules.base.errors import Conflict, Invalid

EXTENSION_FILE = '''"""{title}: say in one sentence what it does to pictures."""

from __future__ import annotations

from typing import Annotated

from easel import Extension, Param, Slider, Step, moments

ext = Extension(
    "{name}", version="0.1.0", easel=">={major}.{minor},<{next}", about="Pictures grow lighter with each step.",
)


@ext.arguments
class {cls}:
    amount: Annotated[float, Param("Amount", Slider(0, 1, 0.05), "How much lighter; 0 is off.")] = 0.0


@ext.active
def wanted(a: {cls}) -> bool:
    return a.amount > 0


@ext.on(moments.denoised)
def lighten(step: Step, a: {cls}) -> Step:
    return step.replace(clean=step.estimate + 0.1 * a.amount * step.fraction)
'''

TEST_FILE = '''"""Run by `webui.py extension test`; the fixtures are those of easel.testing."""


def test_at_its_default_it_changes_nothing(studio):
    assert studio.draw("a red fox", {{"amount": 0}}).pixels == studio.draw("a red fox").pixels


def test_it_changes_the_picture(studio):
    assert studio.draw("a red fox", {{"amount": 1}}).pixels != studio.draw("a red fox").pixels


def test_the_same_request_gives_the_same_picture(studio):
    studio.check({{"amount": 1}})


def test_each_step_changes_more(studio, fake_engine):
    from easel import moments

    first, last = (fake_engine.step(index=index) for index in (0, 3))
    arguments = studio.extension.argument_class(amount=1)
    change = [fake_engine.call(studio.extension, moments.denoised, step, arguments).clean - step.clean
              for step in (first, last)]
    assert change[0].abs().max() < change[1].abs().max()
'''

README_FILE = """# {title}

What it does to pictures, in a few sentences.

| argument | what it does |
|---|---|
| Amount | how much lighter the picture becomes; 0 is off |

Try it: `python3 webui.py extension test extensions/{name}`.
"""

LICENCE_FILE = """Choose a licence, and put its text here. Without one nobody may copy or change this extension.
"""

NEW_FILES = {
    "extension.py": EXTENSION_FILE, "tests/test_extension.py": TEST_FILE, "README.md": README_FILE,
    "LICENSE": LICENCE_FILE,
}


def write_new_extension(name: str, root: Path) -> Path:
    """Write a new extension below a folder and return its own. Raises Invalid for the name, Conflict if it is there."""
    if not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise Invalid(f"{name!r:.80} is no name for an extension.", "Write small letters and hyphens: warm-light.")
    folder = root / name
    if folder.exists():
        raise Conflict(f"{folder} is there already.", "Choose another name.")
    major, minor = API_VERSION
    words = {
        "name": name, "title": name.replace("-", " ").capitalize(), "major": major, "minor": minor, "next": major + 1,
        "cls": re.sub(r"[^A-Za-z0-9]", "", name.title()),
    }
    for path, text in NEW_FILES.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.format(**words), "utf-8")
    return folder
