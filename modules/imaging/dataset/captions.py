"""Captions of training pictures: what the model is told of a picture at one step.

Order of operations as in sd-scripts: prefix and suffix, drop-out, wildcards or the first line, tags; then templates.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

WILDCARD = re.compile(r"\{([^{}]+)\}")
TEMPLATE_WORD = re.compile(r"\[(name|filewords)\]|\{(\w+)\}")
BRACE_OPENED, BRACE_CLOSED = "\ue000", "\ue001"      # stand for doubled braces


@dataclass(frozen=True, slots=True)
class CaptionRules:
    """How a caption varies from step to step. Names as sd-scripts'.

    warm_up_steps: steps until all tags are shown; 0 shows them at once
    templates: lines with [name] and [filewords], or {name} and {caption}; one is taken at random
    words: what stands in templates beside the caption
    """

    separator: str = ","
    secondary_separator: str = ""
    keep_tokens: int = 0
    keep_tokens_separator: str = ""
    shuffle: bool = False
    prefix: str = ""
    suffix: str = ""
    dropout_rate: float = 0.0
    dropout_every_n_epochs: int = 0
    tag_dropout_rate: float = 0.0
    warm_up_min: int = 1
    warm_up_steps: int = 0
    wildcards: bool = False
    templates: tuple[str, ...] = ()
    words: Mapping[str, str] | None = None

    @property
    def varies(self) -> bool:
        """True if two steps may see different texts of one caption."""
        return bool(
            self.shuffle or self.dropout_rate or self.dropout_every_n_epochs or self.tag_dropout_rate
            or self.warm_up_steps or self.wildcards or len(self.templates) > 1
        )


def caption_at(caption: str, rules: CaptionRules, random: np.random.Generator, step: int = 0, epoch: int = 1) -> str:
    """Return the text that a picture is trained with at a step.

    epoch: counted from 1
    """
    text = " ".join(part for part in (rules.prefix, caption, rules.suffix) if part)
    if is_dropped(rules, random, epoch):
        return ""
    text = chosen_line(text, random) if rules.wildcards else text.split("\n")[0]
    if rules.shuffle or rules.warm_up_steps or rules.tag_dropout_rate:
        text = vary_tags(text, rules, random, step)
    if rules.secondary_separator:
        text = text.replace(rules.secondary_separator, rules.separator)
    if rules.templates:
        line = rules.templates[int(random.integers(len(rules.templates)))]
        text = fill_template(line, {"caption": text, "filewords": text, **(rules.words or {})})
    return text


def is_dropped(rules: CaptionRules, random: np.random.Generator, epoch: int) -> bool:
    if rules.dropout_rate and random.random() < rules.dropout_rate:
        return True
    return bool(rules.dropout_every_n_epochs) and epoch % rules.dropout_every_n_epochs == 0


def chosen_line(text: str, random: np.random.Generator) -> str:
    """Return one of several lines, with one of each {a|b}; doubled braces are single ones of the text."""
    lines = text.split("\n")
    text = lines[int(random.integers(len(lines)))] if len(lines) > 1 else text
    text = text.replace("{{", BRACE_OPENED).replace("}}", BRACE_CLOSED)

    def one(found: re.Match[str]) -> str:
        options = found[1].split("|")
        return options[int(random.integers(len(options)))]

    return WILDCARD.sub(one, text).replace(BRACE_OPENED, "{").replace(BRACE_CLOSED, "}")


def vary_tags(text: str, rules: CaptionRules, random: np.random.Generator, step: int) -> str:
    """Return a caption's tags in another order, some of them left out; kept ones stay in their place."""
    first, free, last = divide_tags(text, rules)
    if rules.warm_up_steps and step < rules.warm_up_steps:
        more = (len(free) - rules.warm_up_min) / rules.warm_up_steps
        free = free[: max(0, math.floor(step * more) + rules.warm_up_min)]
    if rules.shuffle:
        free = [free[int(place)] for place in random.permutation(len(free))]
    if rules.tag_dropout_rate:
        free = [tag for tag in free if random.random() >= rules.tag_dropout_rate]
    return ", ".join([*first, *free, *last])


def divide_tags(text: str, rules: CaptionRules) -> tuple[list[str], list[str], list[str]]:
    """Return a caption's tags: those kept first, those that move, those kept last."""
    if rules.keep_tokens_separator and rules.keep_tokens_separator in text:
        first, free, *last = text.split(rules.keep_tokens_separator, 2)
        parts = (split_tags(part, rules.separator) for part in (first, free, "".join(last)))
        return next(parts), next(parts), next(parts)
    tags = [tag.strip() for tag in text.strip().split(rules.separator)]
    return tags[: rules.keep_tokens], tags[rules.keep_tokens :], []


def split_tags(text: str, separator: str = ",") -> list[str]:
    """Return the tags of a caption, without empty ones."""
    return [tag.strip() for tag in text.split(separator) if tag.strip()]


def fill_template(line: str, words: Mapping[str, str]) -> str:
    """Return a template's line with [name], [filewords], {caption} … filled in; unknown words stay as they are.

    >>> fill_template("a photo of [name], [filewords]", {"name": "zorb", "filewords": "on a table"})
    'a photo of zorb, on a table'
    """
    return TEMPLATE_WORD.sub(lambda found: words.get(found[1] or found[2], found[0]), line)


def template_lines(text: str) -> tuple[str, ...]:
    """Return the lines of a template file, without empty ones."""
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def words_of_name(stem: str) -> str:
    """Return the words in a picture's name, by A1111's rule: leading digits, dashes and spaces are left out."""
    return stem.lstrip("0123456789- ")


def tag_counts(captions: Sequence[str], separator: str = ",") -> dict[str, int]:
    """Return how many captions have each tag, the most frequent first."""
    counts: dict[str, int] = {}
    for caption in captions:
        for tag in dict.fromkeys(split_tags(caption.split("\n")[0], separator)):
            counts[tag] = counts.get(tag, 0) + 1
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
