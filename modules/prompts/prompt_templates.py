"""The grammar of dynamic prompts: choices, wildcards and variables, as sd-dynamic-prompts writes them.

    {a|b} {2$$a|b} {1-3$$ and $$a|b|c} {0.5::a|b}    choices
    __folder/name__ __colours*__ __name(x=red)__     wildcards: a line of a file
    ${x=a} ${x=!{a|b}} ${x?=a} ${x} ${x:otherwise}   variables
    %{a photo of ... at night$$a cat}                wraps

Reading takes time linear in the text; brackets are kept on a list, and nesting is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from modules.base.errors import Invalid
from modules.prompts.grammar import strip_comments

MOST_NESTED = 50        # brackets within brackets, files within files too
FEW_AT_ONCE = 10_000

TEMPLATE_TOKEN = re.compile(r"\$\{|%\{|\$\$|__|[{}|]|[^${}|%_]+|.", re.DOTALL)
CHOICE_HEAD = re.compile(r"\s{0,99}([~!@]?)(?:(\d{1,4})?(-)?(\d{1,4})?\$\$(?:([^${}]{0,999})\$\$)?)?\s{0,99}")
VARIABLE_HEAD = re.compile(r"\s{0,99}([A-Za-z_-][\w-]{0,99})\s{0,99}(\?=!|\?=|=!|=|:|(?=\}))\s{0,99}")
OPTION_WEIGHT = re.compile(r"\s{0,99}(\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})::")
WRAP_PLACE = re.compile(r"\.{3,}|…")
WILDCARD_ARGUMENT = re.compile(r"\s{0,99}([A-Za-z_-][\w-]{0,99})\s{0,99}=\s{0,99}")


@dataclass(frozen=True, slots=True)
class Variants:
    """A choice of some of its options. turn: True if the options come in turn, by the picture's number."""

    options: tuple[TemplateParts, ...]
    weights: tuple[float, ...]
    least: int = 1
    most: int = 1
    separator: str = ","
    turn: bool = False


@dataclass(frozen=True, slots=True)
class Wildcard:
    """A line of the files with that name; the name may be a template itself."""

    name: TemplateParts
    arguments: tuple[tuple[str, TemplateParts], ...] = ()
    turn: bool = False


@dataclass(frozen=True, slots=True)
class Assignment:
    """A variable's value. at_once: it is chosen once; else anew wherever the variable stands."""

    name: str
    value: TemplateParts
    at_once: bool
    keeps: bool


@dataclass(frozen=True, slots=True)
class Variable:
    name: str
    otherwise: TemplateParts | None = None


@dataclass(frozen=True, slots=True)
class Wrap:
    """A text put in place of `...` in another."""

    around: TemplateParts
    inner: TemplateParts


TemplatePart = str | Variants | Wildcard | Assignment | Variable | Wrap
TemplateParts = tuple[TemplatePart, ...]


@dataclass(slots=True)
class OpenTemplate:
    """A bracket that is not closed yet, and what stands in it so far."""

    opening: str
    at: int
    head: re.Match[str] | None = None
    options: list[list[TemplatePart]] = field(default_factory=lambda: [[]])

    def add(self, part: TemplatePart) -> None:
        self.options[-1].append(part)


def parse_template(text: str) -> TemplateParts:
    """Return a dynamic prompt's parts; comments are left out. Raises Invalid for brackets that do not fit."""
    return TemplateReader(strip_comments(text)).read()


class TemplateReader:
    """Reads one text, from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.open = [OpenTemplate("", 0)]

    def read(self) -> TemplateParts:
        at = 0
        while at < len(self.text):
            token = TEMPLATE_TOKEN.match(self.text, at)
            assert token
            at = self.take(token[0], token.end())
        self.leave_wildcard()
        if len(self.open) > 1:
            raise broken(f"The {self.open[-1].opening} at character {self.open[-1].at} is never closed.")
        return joined_parts(self.open[0].options[0])

    def take(self, token: str, end: int) -> int:
        """Read one token; return where the next begins."""
        if token in ("{", "${", "%{"):
            return self.enter(token, end)
        if token == "__":
            self.underscores(end)
        elif token == "}":
            self.leave_wildcard()
            self.close()
        elif token in ("|", "$$"):
            self.divide(token)
        else:
            self.open[-1].add(token)
        return end

    def enter(self, opening: str, end: int) -> int:
        if len(self.open) > MOST_NESTED:
            raise broken(f"Brackets are nested more than {MOST_NESTED} deep.", "Leave some out.")
        head = {"{": CHOICE_HEAD, "${": VARIABLE_HEAD}.get(opening)
        found = head.match(self.text, end) if head else None
        if head and not found:
            raise broken(f"There is no variable's name after the ${{ at character {end - 2}.", "Write ${name}.")
        self.open.append(OpenTemplate(opening, end - len(opening), found))
        return found.end() if found else end

    def divide(self, token: str) -> None:
        """Begin the next option of a choice or the inner text of a wrap; elsewhere it is a text."""
        around = next(each for each in reversed(self.open) if each.opening != "__")
        if around.opening != {"|": "{", "$$": "%{"}[token] or (token == "$$" and len(around.options) > 1):
            self.open[-1].add(token)
            return
        self.leave_wildcard()
        around.options.append([])

    def underscores(self, end: int) -> None:
        """Open or close a wildcard. What could not be a name was none."""
        if self.open[-1].opening == "__":
            parts = joined_parts(self.open[-1].options[0])
            if could_be_name(parts):
                self.open.pop()
                self.open[-1].add(wildcard_of(parts))
                return
            self.leave_wildcard()
        self.open.append(OpenTemplate("__", end - 2))

    def leave_wildcard(self) -> None:
        """Make two underscores that nothing closes a text."""
        if self.open[-1].opening == "__":
            inside = self.open.pop().options[0]
            self.open[-1].options[-1] += ["__", *inside]

    def close(self) -> None:
        """Close the innermost bracket; a } that closes none is a text."""
        if len(self.open) == 1:
            self.open[0].add("}")
            return
        bracket = self.open.pop()
        self.open[-1].add(BRACKET_CLOSERS[bracket.opening](bracket))


def broken(message: str, hint: str = "Close it, or turn dynamic prompts off in the settings.") -> Invalid:
    return Invalid(message, hint, field="prompt")


def joined_parts(parts: Sequence[TemplatePart]) -> TemplateParts:
    """Return the parts with texts that follow each other as one."""
    return tuple(grouped(parts))


def grouped(parts: Sequence[TemplatePart]) -> Iterator[TemplatePart]:
    texts: list[str] = []
    for part in parts:
        if isinstance(part, str):
            texts.append(part)
            continue
        if texts:
            yield "".join(texts)
            texts = []
        yield part
    if texts:
        yield "".join(texts)


def closed_choice(bracket: OpenTemplate) -> Variants:
    assert bracket.head
    options, weights = zip(*map(weighed, bracket.options), strict=True)
    sign, first, to, last, separator = bracket.head.groups()
    least = int(first) if first else 1
    most = int(last) if last else FEW_AT_ONCE if to else least
    return Variants(options, weights, min(least, most), max(least, most), "," if separator is None else separator,
                  sign == "@")


def weighed(option: list[TemplatePart]) -> tuple[TemplateParts, float]:
    """Return an option without the space before it, and its weight."""
    parts = joined_parts(option)
    if not parts or not isinstance(parts[0], str):
        return parts, 1.0
    text, weight = weighed_text(parts[0])
    return (text.lstrip(), *parts[1:]), weight


def weighed_text(text: str) -> tuple[str, float]:
    """Return a text without its weight, and the weight; 1 where there is none."""
    found = OPTION_WEIGHT.match(text)
    return (text[found.end():], float(found[1])) if found else (text, 1.0)


def closed_variable(bracket: OpenTemplate) -> TemplatePart:
    assert bracket.head
    name, sign = bracket.head.groups()
    value = joined_parts(bracket.options[0])
    if sign in ("", ":"):
        return Variable(name, value if sign else None)
    return Assignment(name, value, sign.endswith("!"), sign.startswith("?"))


def closed_wrap(bracket: OpenTemplate) -> Wrap:
    if len(bracket.options) != 2:
        raise broken(f"The %{{ at character {bracket.at} has no $$.", "Write %{around ... it$$text}.")
    return Wrap(joined_parts(bracket.options[0]), joined_parts(bracket.options[1]))


BRACKET_CLOSERS = {"{": closed_choice, "${": closed_variable, "%{": closed_wrap}


def could_be_name(parts: TemplateParts) -> bool:
    """Return whether parts between underscores can name a wildcard: a comma or a line end is in no name."""
    texts = [part for part in parts if isinstance(part, str)]
    before = next((text.partition("(")[0] for text in texts if "(" in text), "")
    named = [before] if "(" in "".join(texts) else texts
    return bool(parts) and not any(mark in text for text in named for mark in ",\n")


def wildcard_of(parts: TemplateParts) -> Wildcard:
    name, arguments = split_arguments(parts)
    turn = False
    if name and isinstance(name[0], str):
        turn = name[0].startswith("@")
        name = (name[0].lstrip("~!@"), *name[1:])
    return Wildcard(name, tuple(arguments), turn)


def split_arguments(parts: TemplateParts) -> tuple[TemplateParts, list[tuple[str, TemplateParts]]]:
    """Split `name(x=a, y=b)` into the name and the variables' values."""
    for place, part in enumerate(parts):
        if isinstance(part, str) and "(" in part:
            before, _, after = part.partition("(")
            rest: list[TemplatePart] = [after, *parts[place + 1:]]
            last = rest[-1]
            if isinstance(last, str) and last.rstrip().endswith(")"):
                rest[-1] = last.rstrip()[:-1]
                return joined_parts([*parts[:place], before]), list(arguments_in(rest))
    return parts, []


def arguments_in(parts: Sequence[TemplatePart]) -> Iterator[tuple[str, TemplateParts]]:
    """Yield each argument's name and value. Raises Invalid."""
    given: list[list[TemplatePart]] = [[]]
    for part in parts:
        if not isinstance(part, str):
            given[-1].append(part)
            continue
        texts = part.split(",")
        given[-1].append(texts[0])
        given += [[text] for text in texts[1:]]
    for each in given:
        found = WILDCARD_ARGUMENT.match(each[0]) if each and isinstance(each[0], str) else None
        if not found:
            raise broken("A wildcard's variables are not written as (name=value).", "Write __name(x=red)__.")
        yield found[1], joined_parts([found.string[found.end():], *each[1:]])
