"""The prompt language, as AUTOMATIC1111's web UI reads it.

    a (word:1.2) [less]      attention          `attention`
    [cat:dog:0.5] [a|b]      schedules          `schedule`
    a AND b:0.7              composition        `compose`
    <lora:name:0.8>          network tags       `network_tags.take_networks`
    # to the line's end      comments           `strip_comments`

A prompt is read in this order: comments, network tags, composition, each part's schedule, each text's attention.

Text goes in, text and numbers come out: no model, no tokenizer. Every reader takes time linear in the prompt
(`schedule`: times the number of steps) and keeps its own stack, so no nesting is too deep for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from math import inf, prod

from modules.base.errors import Invalid, PromptTooLong
from modules.base.limits import MAX_PROMPT, MAX_SCHEDULED, MAX_WEIGHT


def check_length(prompt: str) -> str:
    """Return the prompt itself. Raises PromptTooLong beyond MAX_PROMPT characters."""
    if len(prompt) > MAX_PROMPT:
        raise PromptTooLong(f"The prompt has {len(prompt):,} characters.", f"The limit is {MAX_PROMPT:,}.", "prompt")
    return prompt


# Attention ---------------------------------------------------------------------------------------

ROUND, SQUARE = 1.1, 1 / 1.1      # factor of a bracket without a weight of its own
EXACT_DEPTH = 32

PIECE = re.compile(
    r"\\(?P<escaped>[()\[\]\\]?)"                 # a backslash before any other character is dropped
    r"|(?P<bracket>[()\[\]])"
    r"|:\s*(?P<weight>[+-]?[.\d]+)\s*\)"
    r"|(?P<text>[^\\()\[\]:]+|:)"
)
BREAK = re.compile(r"\bBREAK\b")


@dataclass(slots=True, eq=False)
class Bracket:
    """A bracket pair: its factor, when it closed, and the next pair of its kind around it."""

    outer: Bracket | None
    factor: float
    closed: float = inf
    product: float = 1.0      # of this factor and those of all pairs around it


@dataclass(slots=True, eq=False)
class AttentionParser:
    """The state of a parser. Round and square brackets may cross, so each kind has its own chain."""

    pieces: list[tuple[str, float, Bracket | None, Bracket | None]] = field(default_factory=list)
    brackets: list[Bracket] = field(default_factory=list)
    round: Bracket | None = None
    square: Bracket | None = None
    closings: int = 0

    def write(self, text: str) -> None:
        first, *others = BREAK.split(text)
        if not others:
            return self.put(text)
        self.put(first.rstrip())
        for i, part in enumerate(others, 1):
            self.put("BREAK", -1)
            self.put(part.strip() if i < len(others) else part.lstrip())

    def put(self, text: str, weight: float = 1.0) -> None:
        self.pieces.append((text, weight, self.round, self.square))

    def open(self, mark: str) -> None:
        if mark == "(":
            self.brackets.append(Bracket(self.round, ROUND))
            self.round = self.brackets[-1]
        else:
            self.brackets.append(Bracket(self.square, SQUARE))
            self.square = self.brackets[-1]

    def close(self, mark: str, weight: str | None = None) -> bool:
        """Close the innermost bracket of that kind; False if none is open, so that the mark is plain text."""
        bracket = self.round if mark == ")" else self.square
        if bracket is None:
            return False
        bracket.closed, self.closings = self.closings, self.closings + 1
        if weight is not None:
            bracket.factor = parse_weight(weight)
        if mark == ")":
            self.round = bracket.outer
        else:
            self.square = bracket.outer
        return True

    def weighed(self) -> Iterable[tuple[str, float]]:
        for bracket in self.brackets:
            bracket.product = bracket.factor * (bracket.outer.product if bracket.outer else 1.0)
        for text, weight, round_, square in self.pieces:
            yield text, multiplied(weight, round_, square)


def parse_weight(weight: str) -> float:
    try:
        return float(weight)
    except ValueError:
        raise Invalid(f"{weight[:20]!r} is not a weight.", "Write a number, as in (word:1.2).", "prompt") from None


def bearable(weight: float) -> float:
    """Return the weight itself. Raises Invalid if it is too large or not finite: brackets multiply."""
    if abs(weight) <= MAX_WEIGHT:
        return weight
    hint = f"Use fewer brackets, or smaller numbers: at most {MAX_WEIGHT:g} in all."
    raise Invalid("The prompt weighs words more than can be drawn.", hint, "prompt")


def multiplied(weight: float, round_: Bracket | None, square: Bracket | None) -> float:
    """`weight` times every bracket around it, in the order they closed: floats remember the order.

    Beyond EXACT_DEPTH brackets the outermost are multiplied in one go, so that deep nesting stays linear.
    """
    for _ in range(EXACT_DEPTH):
        if round_ and (square is None or round_.closed <= square.closed):
            weight, round_ = weight * round_.factor, round_.outer
        elif square:
            weight, square = weight * square.factor, square.outer
        else:
            return weight
    return weight * prod(bracket.product for bracket in (round_, square) if bracket)


def attention(text: str) -> list[tuple[str, float]]:
    """Split a prompt into texts and their weights; a chunk break is `("BREAK", -1)`.

    `(x)` is ×1.1, `[x]` ÷1.1, `(x:1.3)` ×1.3; brackets that never close do so at the end. Raises Invalid for
    a weight such as `1.2.3`.

    >>> attention("a (red:1.3) cat")
    [('a ', 1.0), ('red', 1.3), (' cat', 1.0)]
    """
    found = AttentionParser()
    for piece in PIECE.finditer(check_length(text)):
        kind = str(piece.lastgroup)      # every alternative has a name
        value = piece[kind]
        if kind == "escaped":
            found.put(value)
        elif kind == "bracket" and value in "([":
            found.open(value)
        elif kind == "text" or not (found.close(value) if kind == "bracket" else found.close(")", value)):
            found.write(piece[0])
    groups = groupby(found.weighed(), key=lambda piece: piece[1])
    return [("".join(text for text, _ in pieces), weight) for weight, pieces in groups] or [("", 1.0)]


def emphasised(text: str) -> bool:
    """Return whether the prompt has weights, also malformed ones."""
    try:
        return any(weight != 1.0 and part != "BREAK" for part, weight in attention(text))
    except Invalid:
        return True


# Schedules ---------------------------------------------------------------------------------------
#
# prompt      = { text | "(" prompt ")" | "(" prompt ":" prompt ")" | "[" prompt "]" | schedule | alternation }
# schedule    = "[" [ prompt ":" ] prompt ":" number "]"
# alternation = "[" prompt "|" prompt { "|" prompt } "]"
#
# At the outermost level brackets and colons that fit nothing are text; within brackets they make all the
# brackets around them text too. A `|` or a backslash that fits nothing makes the whole prompt text.

PROMPT_MARK = re.compile(r"(?P<text>(?:[^\\\[\]():|]+|\\.)+)|(?P<mark>[\[\]():|])|\\")
WHEN = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Clock:
    """The clock of prompt editing: it converts a schedule's number to the last step of the text before it.

    Whole numbers are steps, fractions are parts of a whole pass. The hires pass counts on where the first ended.
    """

    base_steps: int
    hires_steps: int | None = None
    old: bool = False      # before 1.6: anything under 1 is a fraction, and the hires pass starts again

    @property
    def steps(self) -> int:
        return self.base_steps if self.hires_steps is None or self.old else self.hires_steps

    def __call__(self, when: str) -> int:
        hires = self.hires_steps is not None and not self.old
        at = float(when)
        if self.old:
            at *= self.steps if at < 1 else 1
        elif "." in when:
            at = (at - hires) * self.steps
        else:
            at -= self.base_steps * hires
        return int(max(min(at, self.steps), 0))


@dataclass(frozen=True, slots=True, eq=False)
class Scheduled:
    before: list[Node]
    after: list[Node]
    last: int      # step on which `before` is still used

    def at(self, step: int) -> list[Node]:
        return self.before if step <= self.last else self.after


@dataclass(frozen=True, slots=True, eq=False)
class Alternation:
    options: list[list[Node]]

    def at(self, step: int) -> list[Node]:
        return self.options[(step - 1) % len(self.options)]


Node = str | list["Node"] | Scheduled | Alternation


@dataclass(slots=True, eq=False)
class OpenBracket:
    """An open bracket: the prompts in it and the marks between them."""

    opening: str
    prompts: list[list[Node]] = field(default_factory=lambda: [[]])
    marks: list[str] = field(default_factory=list)

    def flat(self) -> Iterable[Node]:
        yield self.opening
        for mark, prompt in zip(("", *self.marks), self.prompts, strict=True):
            yield mark
            yield prompt


class PlainPrompt(Exception):
    """Raised for a prompt outside the language; all of it is text."""


class EditTimes:
    """The tree of a prompt, and the steps at which its text changes."""

    def __init__(self, prompt: str, clock: Clock) -> None:
        self.clock = clock
        self.root: list[Node] = []
        self.frames: list[OpenBracket] = []
        self.ends = {clock.steps}
        for piece in PROMPT_MARK.finditer(prompt):
            if piece.lastgroup == "text":
                self.here.append(piece[0])
            elif piece.lastgroup == "mark":
                self.mark(piece[0])
            else:
                raise PlainPrompt
        self.abandon()

    @property
    def here(self) -> list[Node]:
        return self.frames[-1].prompts[-1] if self.frames else self.root

    def mark(self, mark: str) -> None:
        if mark in "([":
            self.frames.append(OpenBracket(mark))
        elif mark in ")]":
            self.close(mark)
        elif self.frames:
            self.frames[-1].marks.append(mark)
            self.frames[-1].prompts.append([])
        elif mark == "|":
            raise PlainPrompt
        else:
            self.root.append(mark)

    def close(self, mark: str) -> None:
        node = self.structure(self.frames[-1], mark) if self.frames else None
        if node is None:
            self.abandon()
            self.root.append(mark)
        else:
            self.frames.pop()
            self.here.append(node)

    def structure(self, frame: OpenBracket, closing: str) -> Node | None:
        """Return the node of a closing bracket; None if it has no meaning."""
        shape = frame.opening + "".join(frame.marks) + closing
        if shape in ("()", "(:)", "[]"):
            return [*frame.flat(), closing]
        if shape in ("[:]", "[::]"):
            return self.scheduled(frame)
        if shape.strip("|[]") == "":
            self.ends.update(range(1, self.clock.steps + 1))
            return Alternation(frame.prompts)
        return None

    def scheduled(self, frame: OpenBracket) -> Node | None:
        *prompts, when = frame.prompts
        found = WHEN.fullmatch(when[0].strip()) if len(when) == 1 and isinstance(when[0], str) else None
        if not found:
            return None
        last = self.clock(found[0])
        if last > 0:
            self.ends.add(last)
        return Scheduled(prompts[0] if len(prompts) == 2 else [], prompts[-1], last)

    def abandon(self) -> None:
        """Make everything that is still open text."""
        for frame in self.frames:
            if "|" in frame.marks:
                raise PlainPrompt
            self.root.extend(frame.flat())
        self.frames.clear()

    def at(self, step: int) -> str:
        """Return the text of a step (1 is the first)."""
        text: list[str] = []
        todo: list[Node] = [self.root]
        while todo:
            node = todo.pop()
            if isinstance(node, str):
                text.append(node)
            else:
                todo.extend(reversed(node if isinstance(node, list) else node.at(step)))
        return "".join(text)


def schedule(prompt: str, steps: int, hires_steps: int | None = None, old: bool = False) -> list[tuple[int, str]]:
    """Return the texts of a prompt over time, each with its last step (1 is the first step).

    Raises PromptTooLong.
    With `hires_steps` it is the schedule of the hires pass, after a first pass of `steps`.
    `old`: A1111's timelines before 1.6.

    >>> schedule("a [cat:dog:0.25]", 20)
    [(5, 'a cat'), (20, 'a dog')]
    """
    return texts_over_time(prompt, Clock(steps, hires_steps, old))


def texts_over_time(prompt: str, clock: Clock) -> list[tuple[int, str]]:
    """Return the texts of a prompt over time, counted by that clock."""
    try:
        times = EditTimes(check_length(prompt), clock)
    except PlainPrompt:
        return [(clock.steps, prompt)]
    if len(times.ends) * len(prompt) > MAX_SCHEDULED:
        raise PromptTooLong(
            "The prompt is too long to change so often.",
            f"Its texts may have {MAX_SCHEDULED:,} characters in all.",
            "prompt",
        )
    return [(end, times.at(end)) for end in sorted(times.ends)]


# Composition -------------------------------------------------------------------------------------

AND = re.compile(r"\bAND\b")
COMPOSED_WEIGHT = re.compile(r"[+-]?(?:\d+\.?|\d*\.\d+)")


def compose(prompt: str) -> list[tuple[str, float]]:
    """Split a prompt at AND into prompts, each with its weight. Raises Invalid beyond MAX_WEIGHT.

    >>> compose("a cat AND a dog:0.5")
    [('a cat', 1.0), (' a dog', 0.5)]
    """
    return [split_weight(part.rstrip()) for part in AND.split(check_length(prompt))]


def split_weight(part: str) -> tuple[str, float]:
    text, colon, weight = part.rpartition(":")
    if colon and COMPOSED_WEIGHT.fullmatch(weight.strip()):
        return text.rstrip(), bearable(float(weight))
    return part, 1.0


# Comments ----------------------------------------------------------------------------------------

COMMENT_LINE = re.compile(r"(?:\A|\n)#[^\n]*(?:\n|\Z)")
PROMPT_COMMENT = re.compile(r"#[^\n]*(?:\n|\Z)")


def strip_comments(prompt: str) -> str:
    """Return the prompt without `# …`. Line ends stay as in A1111, since they are written to the infotext."""
    return PROMPT_COMMENT.sub("\n", COMMENT_LINE.sub("\n", check_length(prompt)))
