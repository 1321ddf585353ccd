"""Dynamic prompts made plain: each choice made by a picture's seed, or by its number, within bounds.

The result means itself: made plain once more it stays the same, so pasted generation data give the same picture.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Protocol

from modules.base.errors import Invalid, PromptTooLong
from modules.base.limits import MAX_PROMPT
from modules.prompts.prompt_templates import (
    MOST_NESTED,
    WRAP_PLACE,
    Assignment,
    TemplatePart,
    TemplateParts,
    Variable,
    Variants,
    Wildcard,
    Wrap,
    parse_template,
)

MOST_EXPANDED = 3_000_000      # characters read and written for all pictures of a request
PART_COST = 30                 # what a part counts for, in characters


@dataclass(frozen=True, slots=True)
class WildcardLines:
    """The lines that a wildcard's name stands for, and their weights; no weights: all the same."""

    lines: Sequence[str]
    weights: Sequence[float] = ()


class Wildcards(Protocol):
    """Wildcards by name."""

    def lines(self, name: str) -> WildcardLines:
        """Return the lines of that name, which may have `*`. Raises UnknownName or Invalid."""


class Chooser(Protocol):
    """What makes the choices of one prompt."""

    def choose(self, weights: Sequence[float], count: int) -> int:
        """Return the number of one of `count` options; no weights: all the same."""


class RandomChooser:
    """Choices by a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def choose(self, weights: Sequence[float], count: int) -> int:
        # `random` alone gives the same numbers in every version of Python
        drawn = self.random.random()
        if not weights or not any(weights):
            return min(int(drawn * count), count - 1)
        sums = list(accumulate(weights))
        return next(place for place, total in enumerate(sums) if drawn * sums[-1] < total)


class CombinationChooser:
    """Choices of one of all combinations, by its number: the first choice changes fastest."""

    def __init__(self, number: int) -> None:
        self.number = number

    def choose(self, weights: Sequence[float], count: int) -> int:
        possible = [place for place, weight in enumerate(weights) if weight] or range(count)
        self.number, digit = divmod(self.number, len(possible))
        return possible[digit]


@dataclass
class Allowance:
    """What may still be read, written and chosen for a request."""

    left: int = MOST_EXPANDED

    def spend(self, amount: int) -> None:
        self.left -= amount
        if self.left < 0:
            raise Invalid(
                "The dynamic prompt becomes too much text.",
                f"Choices and texts of all pictures may count for {MOST_EXPANDED:,} characters together.", "prompt",
            )


@dataclass
class Expansion:
    """One prompt in the making. number: the picture's, for options that come in turn."""

    wildcards: Wildcards
    chooser: Chooser
    allowance: Allowance
    number: int = 0
    variables: dict[str, TemplateParts] = field(default_factory=dict)
    depth: int = 0

    def text(self, parts: TemplateParts) -> str:
        """Return the parts as a plain text. Raises Invalid or UnknownName."""
        self.allowance.spend(PART_COST * (1 + len(parts)))
        self.deeper()
        for part in parts:
            if isinstance(part, Assignment):
                self.assign(part)
        written = "".join([self.part(part) for part in parts])
        self.depth -= 1
        self.allowance.spend(len(written))
        if len(written) > MAX_PROMPT:
            raise PromptTooLong("The dynamic prompt becomes too long.", f"At most {MAX_PROMPT:,} characters.", "prompt")
        return written

    def deeper(self) -> None:
        if self.depth > MOST_NESTED:
            raise Invalid(
                f"Wildcards, choices or variables lead to each other more than {MOST_NESTED} deep.",
                "A wildcard's lines may not name the wildcard itself.", "prompt",
            )
        self.depth += 1

    def part(self, part: TemplatePart) -> str:
        match part:
            case str():
                return part
            case Variants():
                return self.chosen(part)
            case Wildcard():
                return self.wildcard_line(part)
            case Variable():
                return self.variable(part)
            case Wrap():
                return self.wrapped(part)
        return ""

    def chosen(self, choice: Variants) -> str:
        options, weights = self.options_of(choice)
        least, most = min(choice.least, len(options)), min(choice.most, len(options))
        count = least + (self.chooser.choose((), most - least + 1) if most > least else 0)
        picked = []
        for _ in range(count):
            place = self.pick(weights, len(options), choice.turn)
            picked.append(self.text(options.pop(place)))
            if weights:
                weights.pop(place)
        return choice.separator.join(picked)

    def options_of(self, choice: Variants) -> tuple[list[TemplateParts], list[float]]:
        """Return a choice's options and weights; several of one wildcard are several of its lines."""
        only = choice.options[0]
        if len(choice.options) == 1 and len(only) == 1 and isinstance(only[0], Wildcard) and choice.most > 1:
            found = self.lines_of(only[0])
            self.allowance.spend(sum(map(len, found.lines)) + PART_COST * len(found.lines))
            return [parse_template(line) for line in found.lines], list(found.weights)
        return list(choice.options), list(choice.weights)

    def pick(self, weights: Sequence[float], count: int, turn: bool) -> int:
        self.allowance.spend(PART_COST + count // 50)
        return self.number % count if turn else self.chooser.choose(weights, count)

    def lines_of(self, wildcard: Wildcard) -> WildcardLines:
        return self.wildcards.lines(self.text(wildcard.name).strip())

    def wildcard_line(self, wildcard: Wildcard) -> str:
        found = self.lines_of(wildcard)
        line = found.lines[self.pick(found.weights, len(found.lines), wildcard.turn)]
        self.allowance.spend(len(line))
        kept = dict(self.variables)
        self.variables |= dict(wildcard.arguments)
        written = self.text(parse_template(line))
        self.variables = self.variables | kept if wildcard.arguments else self.variables
        return written

    def assign(self, given: Assignment) -> None:
        if not (given.keeps and given.name in self.variables):
            self.variables[given.name] = (self.text(given.value),) if given.at_once else given.value

    def variable(self, asked: Variable) -> str:
        value = self.variables.get(asked.name, asked.otherwise)
        if value is None:
            raise Invalid(
                f"The variable {asked.name!r:.100} has no value.", f"Write ${{{asked.name:.100}=…}} before.", "prompt"
            )
        return self.text(value)

    def wrapped(self, wrap: Wrap) -> str:
        around, inner = self.text(wrap.around), self.text(wrap.inner)
        place = WRAP_PLACE.search(around)
        before, after = (around[:place.start()], around[place.end():]) if place else (around, "")
        return before + inner + after


def is_plain(text: str) -> bool:
    """Return whether a prompt has nothing of a dynamic prompt. Raises Invalid for brackets that do not fit."""
    return all(isinstance(part, str) for part in parse_template(text))


def expanded(parts: TemplateParts, by: Expansion) -> str:
    """Return a dynamic prompt's plain text. Raises Invalid or UnknownName."""
    written = by.text(parts)
    by.allowance.spend(len(written))
    if not is_plain(written):
        raise Invalid(
            "The dynamic prompt's texts put together a wildcard.", "Write the whole name between the underscores.",
            "prompt",
        )
    return written
