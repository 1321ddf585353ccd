"""Prompt matrix: every combination of the parts of a prompt that `|` separates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from modules.base.errors import Invalid
from modules.base.fields import Checkbox, Param, Radio, Slider

DELIMITERS = {"comma": ", ", "space": " "}
PROMPT_TYPES = {"positive": "prompt", "negative": "negative_prompt"}
MOST_MATRIX_PARTS = 13      # 8,192 pictures
MOST_MATRIX_TEXT = 50_000_000      # characters of all pictures' prompts


@dataclass(frozen=True)
class PromptMatrix:
    """The arguments of Prompt matrix, in A1111's order."""

    put_at_start: Annotated[
        bool, Param("Put variable parts at start of prompt", Checkbox(), "The constant part comes last.")
    ] = False
    different_seeds: Annotated[
        bool, Param("Use different seed for each picture", Checkbox(), "The seed counts on from picture to picture.")
    ] = False
    prompt_type: Annotated[
        str, Param("Select prompt", Radio(tuple(PROMPT_TYPES)), "The prompt whose parts are combined.")
    ] = "positive"
    variations_delimiter: Annotated[
        str, Param("Select joining char", Radio(tuple(DELIMITERS)), "What stands between joined parts.")
    ] = "comma"
    margin_size: Annotated[int, Param("Grid margins (px)", Slider(0, 500, 2), "Pixels between pictures.")] = 0
    # Easel's: the chosen styles with prompt and negative prompt, added to every picture's prompts
    styles: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Matrix:
    """The parts of a prompt: the first is always there, picture n has part i when bit i of n is set."""

    constant: str
    parts: tuple[str, ...]

    @property
    def rows(self) -> int:
        return 2 ** (len(self.parts) // 2)

    @property
    def columns(self) -> int:
        return 2 ** (len(self.parts) - len(self.parts) // 2)

    def prompts(self, at_start: bool, delimiter: str) -> list[str]:
        """Return the prompt of each picture, in order."""
        return [self.prompt(number, at_start, delimiter) for number in range(2 ** len(self.parts))]

    def prompt(self, number: int, at_start: bool, delimiter: str) -> str:
        chosen = [part for place, part in enumerate(self.parts) if number >> place & 1]
        return delimiter.join([*chosen, self.constant] if at_start else [self.constant, *chosen])


def read_matrix(prompt: str) -> Matrix:
    """Split a prompt into its parts. Raises Invalid if they are too many."""
    constant, *varied = prompt.split("|")
    parts = [part.strip().strip(",") for part in varied]
    if len(parts) > MOST_MATRIX_PARTS:
        raise Invalid(
            f"The prompt has {len(parts)} parts that may be left out: 2 to the power of that many pictures.",
            f"Write at most {MOST_MATRIX_PARTS} of them.", field="script_args",
        )
    if 2 ** len(parts) * len(prompt) > MOST_MATRIX_TEXT:
        raise Invalid(
            f"The prompts of the matrix may have more than {MOST_MATRIX_TEXT:,} characters.",
            "Write fewer parts, or shorter ones.", field="script_args",
        )
    return Matrix(constant, tuple(parts))
