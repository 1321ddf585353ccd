"""Prompt matrix: every combination of the parts of a prompt that `|` separates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from modules.base.errors import Invalid
from modules.base.fields import Checkbox, Param, Radio, Slider

DELIMITERS = {"comma": ", ", "space": " "}
PROMPT_TYPES = {"positive": ("prompt",), "negative": ("negative_prompt",), "both": ("prompt", "negative_prompt")}
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
        str, Param("Select prompt", Radio(tuple(PROMPT_TYPES)), "Whose parts are combined; both: the prompt's across.")
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

    def prompt(self, number: int, at_start: bool, delimiter: str) -> str:
        chosen = [part for place, part in enumerate(self.parts) if number >> place & 1]
        return delimiter.join([*chosen, self.constant] if at_start else [self.constant, *chosen])


@dataclass(frozen=True)
class PromptMatrices:
    """The matrix of each prompt that is combined, by field; of two, the first one's combinations count fastest."""

    matrices: Mapping[str, Matrix]

    @property
    def count(self) -> int:
        return 2 ** sum(len(matrix.parts) for matrix in self.matrices.values())

    def prompts(self, number: int, at_start: bool, delimiter: str) -> dict[str, str]:
        """Return one picture's prompts by field."""
        found = {}
        for name, matrix in self.matrices.items():
            found[name] = matrix.prompt(number, at_start, delimiter)      # looks at its own bits alone
            number >>= len(matrix.parts)
        return found

    @property
    def headings(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The parts that head the columns, and those that head the rows."""
        if len(self.matrices) == 1:
            (matrix,) = self.matrices.values()
            half = len(matrix.parts) - len(matrix.parts) // 2
            return matrix.parts[:half], matrix.parts[half:]
        across, down = self.matrices.values()
        return across.parts, down.parts


def read_matrices(prompts: Mapping[str, str]) -> PromptMatrices:
    """Split each prompt that is combined, by field. Raises Invalid if the parts are too many."""
    read = PromptMatrices({name: read_matrix(prompt) for name, prompt in prompts.items()})
    check_part_count(sum(len(matrix.parts) for matrix in read.matrices.values()))
    check_matrix_text(read.count, sum(map(len, prompts.values())))
    return read


def read_matrix(prompt: str) -> Matrix:
    """Split a prompt into its parts. Raises Invalid if they are too many."""
    constant, *varied = prompt.split("|")
    parts = [part.strip().strip(",") for part in varied]
    check_part_count(len(parts))
    check_matrix_text(2 ** len(parts), len(prompt))
    return Matrix(constant, tuple(parts))


def check_part_count(count: int) -> None:
    if count > MOST_MATRIX_PARTS:
        raise Invalid(
            f"The prompt has {count} parts that may be left out: 2 to the power of that many pictures.",
            f"Write at most {MOST_MATRIX_PARTS} of them.", field="script_args",
        )


def check_matrix_text(pictures: int, characters: int) -> None:
    """Raise Invalid if all pictures' prompts together may be too long; characters: of one picture's."""
    if pictures * characters > MOST_MATRIX_TEXT:
        raise Invalid(
            f"The prompts of the matrix may have more than {MOST_MATRIX_TEXT:,} characters.",
            "Write fewer parts, or shorter ones.", field="script_args",
        )
