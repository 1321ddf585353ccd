"""Prompt matrix: every combination of the parts of a prompt that `|` separates. It shows a script of its own.

Names, arguments, grids and their legends are A1111's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from easel import Checkbox, Drawing, DrawingGrid, Extension, HeadingPart, Invalid, Param, Plan, Radio, Slider

ext = Extension(
    "prompt-matrix", version="1.0.0", easel=">=1.2,<2", licence="Apache-2.0",
    about="Draws every combination of the parts of a prompt.",
)
DELIMITERS = {"comma": ", ", "space": " "}
PROMPT_TYPES = {"positive": ("prompt",), "negative": ("negative_prompt",), "both": ("prompt", "negative_prompt")}
MOST_MATRIX_PARTS = 13      # 8,192 pictures
MOST_MATRIX_TEXT = 50_000_000       # characters of all pictures' prompts


class Combining:
    """The script's arguments, in A1111's order."""

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


@dataclass(frozen=True)
class PromptParts:
    """The parts of a prompt: the first is always there, picture n has part i when bit i of n is set."""

    constant: str
    parts: tuple[str, ...]

    @property
    def combinations(self) -> int:
        return 2 ** len(self.parts)

    def joined(self, number: int, a: Combining) -> str:
        chosen = [part for place, part in enumerate(self.parts) if number >> place & 1]
        both = [*chosen, self.constant] if a.put_at_start else [self.constant, *chosen]
        return DELIMITERS[a.variations_delimiter].join(both)


@ext.script(
    "Prompt matrix", Combining, "Draws every combination of the parts of a prompt such as a cat|in winter|at night.",
)
def matrix(request: Plan, a: Combining) -> DrawingGrid:
    prompts = {name: parts_of(getattr(request, name)) for name in PROMPT_TYPES[a.prompt_type]}
    check_size(prompts, sum(len(getattr(request, name)) for name in prompts))
    across, down = (headings(parts) for parts in headed(list(prompts.values())))
    return DrawingGrid(
        pictures=drawings(prompts, a), across=across, down=down, margin=a.margin_size, name="prompt_matrix",
    )


def parts_of(prompt: str) -> PromptParts:
    constant, *varied = prompt.split("|")
    return PromptParts(constant, tuple(part.strip().strip(",") for part in varied))


def drawings(prompts: dict[str, PromptParts], a: Combining) -> Iterator[Drawing]:
    """Yield the pictures; of two prompts the first one's combinations count fastest."""
    for number in range(count_of(prompts)):
        own, left = {}, number
        for name, parts in prompts.items():
            own[name] = parts.joined(left, a)       # looks at its own bits alone
            left >>= len(parts.parts)
        yield Drawing(**own, seed_offset=number if a.different_seeds else 0)


def count_of(prompts: dict[str, PromptParts]) -> int:
    return int(2 ** sum(len(parts.parts) for parts in prompts.values()))


def headed(prompts: Sequence[PromptParts]) -> tuple[Sequence[str], Sequence[str]]:
    """Return the parts that head the columns, and those that head the rows."""
    if len(prompts) == 2:
        return prompts[0].parts, prompts[1].parts
    parts = prompts[0].parts
    half = len(parts) - len(parts) // 2
    return parts[:half], parts[half:]


def headings(parts: Sequence[str]) -> list[list[HeadingPart]]:
    """Return the parts in each combination, those that are left out not in force."""
    return [
        [HeadingPart(part, bool(combination >> place & 1)) for place, part in enumerate(parts)]
        for combination in range(2 ** len(parts))
    ]


def check_size(prompts: dict[str, PromptParts], characters: int) -> None:
    """Raise Invalid if there are too many parts. characters: of the prompts together"""
    count = sum(len(parts.parts) for parts in prompts.values())
    if count > MOST_MATRIX_PARTS:
        raise Invalid(
            f"The prompt has {count} parts that may be left out: 2 to the power of that many pictures.",
            f"Write at most {MOST_MATRIX_PARTS} of them.", field="script_args",
        )
    if count_of(prompts) * characters > MOST_MATRIX_TEXT:
        raise Invalid(
            f"The prompts of the matrix may have more than {MOST_MATRIX_TEXT:,} characters.",
            "Write fewer parts, or shorter ones.", field="script_args",
        )
