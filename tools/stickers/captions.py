"""Captions of a composition: several, as different persons would ask for it."""

from __future__ import annotations

from collections import Counter

import numpy as np

from .compositions import Composition, Thing

CAPTIONS = 4  # lines of a picture's caption file; training takes one of them each time
CHINESE, KIND_ONLY, PRAISE, NO_STYLE, SIZE_OR_PLACE = 0.12, 0.1, 0.05, 0.25, 0.15  # shares of captions

KINDS = {  # emojibase's subgroups as nouns: "an animal" gives some animal
    "animal-mammal": "animal",
    "animal-bird": "bird",
    "animal-reptile": "animal",
    "animal-amphibian": "animal",
    "animal-marine": "sea animal",
    "animal-bug": "insect",
    "plant-flower": "flower",
    "plant-other": "plant",
    "food-fruit": "fruit",
    "food-vegetable": "vegetable",
    "food-prepared": "meal",
    "food-asian": "meal",
    "food-sweet": "dessert",
    "transport-ground": "vehicle",
    "transport-water": "boat",
    "transport-air": "aircraft",
    "clothing": "piece of clothing",
    "musical-instrument": "musical instrument",
    "tool": "tool",
    "place-building": "building",
}
PRAISES = ("masterpiece", "best quality", "cute", "highly detailed", "beautiful")
NUMBERS = {2: ("two", "两"), 3: ("three", "三"), 4: ("four", "四")}
PLURALS = {
    "mouse": "mice",
    "fish": "fish",
    "sheep": "sheep",
    "deer": "deer",
    "leaf": "leaves",
    "die": "dice",
    "cherries": "bunches of cherries",
    "grapes": "bunches of grapes",
    "cup of coffee": "cups of coffee",
    "glass of wine": "glasses of wine",
    "strawberry": "strawberries",
    "butterfly": "butterflies",
    "french fries": "portions of french fries",
    "glasses": "pairs of glasses",
    "scissors": "pairs of scissors",
    "headphones": "pairs of headphones",
    "bread": "loaves of bread",
    "corn": "ears of corn",
    "fire": "fires",
    "cheese": "pieces of cheese",
}
WITHOUT_ARTICLE = (
    "grapes",
    "cherries",
    "french fries",
    "glasses",
    "scissors",
    "headphones",
    "sushi",
    "bread",
    "corn",
    "cheese",
    "fire",
    "fruit",
)


def with_article(words: str) -> str:
    """`words` after "a" or "an", but those that stand alone."""
    if words.endswith(WITHOUT_ARTICLE):
        return words
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def plural(noun: str) -> str:
    """`noun` as captions count it."""
    if noun in PLURALS:
        return PLURALS[noun]
    return noun + ("es" if noun.endswith(("s", "x", "ch", "sh")) else "s")


def captions(composition: Composition, stream: np.random.Generator) -> list[str]:
    """`CAPTIONS` lines, most of them English."""
    return [
        _chinese(composition, stream) if stream.random() < CHINESE else _english(composition, stream)
        for _ in range(CAPTIONS)
    ]


def _english(composition: Composition, stream: np.random.Generator) -> str:
    words = _things(composition, stream)
    if composition.background.english != "on a white background" or stream.random() < 0.4:
        words += f" {composition.background.english}"
    parts = [words]
    if stream.random() >= NO_STYLE and composition.style:
        parts.append(f"{composition.style} style")
    if stream.random() < PRAISE:
        parts.append(PRAISES[int(stream.integers(len(PRAISES)))])
    return ", ".join(parts)


def _things(composition: Composition, stream: np.random.Generator) -> str:
    things = composition.things
    if len(things) == 1:
        return _one(things[0], stream)
    if composition.relation is None:
        colour = f"{things[0].colour.name} " if things[0].colour else ""
        return f"{NUMBERS[len(things)][0]} {colour}{plural(things[0].concept.noun)}"
    first, second = things[::-1] if composition.relation == "in front of" else things
    relation = composition.relation if stream.random() < 0.7 else "and"
    return f"{with_article(_named(first))} {relation} {with_article(_named(second))}"


def _named(thing: Thing) -> str:
    return f"{thing.colour.name} {thing.concept.noun}" if thing.colour else thing.concept.noun


def _one(thing: Thing, stream: np.random.Generator) -> str:
    kind = KINDS.get(thing.concept.emoji[thing.drawing].subgroup)
    name = f"{thing.colour.name} {kind}" if thing.colour and kind else kind
    words = name if name and stream.random() < KIND_ONLY else _named(thing)
    if stream.random() < SIZE_OR_PLACE and (size := _size(thing)):
        words = f"{size} {words}"
    words = with_article(words)
    if stream.random() < SIZE_OR_PLACE and (side := _side(thing)):
        words += f" {side}"
    return words


def _size(thing: Thing) -> str:
    return "small" if thing.place.size < 0.6 else "big" if thing.place.size > 0.88 else ""


def _side(thing: Thing) -> str:
    across, down = thing.place.x - 0.5, thing.place.y - 0.5
    if max(abs(across), abs(down)) < 0.09:
        return ""
    if abs(across) >= abs(down):
        return "on the left" if across < 0 else "on the right"
    return "at the top" if down < 0 else "at the bottom"


def _chinese(composition: Composition, stream: np.random.Generator) -> str:
    named = [
        f"{thing.colour.chinese}的{thing.concept.emoji[thing.drawing].chinese}"
        if thing.colour
        else thing.concept.emoji[thing.drawing].chinese
        for thing in composition.things
    ]
    (name, number), *others = Counter(named).items()
    parts = [f"{NUMBERS[number][1]}个{name}" if number > 1 else name if not others else f"{name}和{others[0][0]}"]
    if composition.background.english != "on a white background" or stream.random() < 0.4:
        parts.append(composition.background.chinese)
    if stream.random() >= NO_STYLE and composition.style:
        parts.append(f"{composition.style}风格")
    return "，".join(parts)
