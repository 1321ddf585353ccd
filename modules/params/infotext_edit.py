"""Generation data edited pair by pair: what is not changed stays as it was written."""

from __future__ import annotations

import json
from collections.abc import Mapping

from modules.base.errors import Invalid, TooLarge
from modules.base.limits import MAX_INFOTEXT
from modules.params.infotext import FEWEST_PAIRS, KEY_PATTERN, NEGATIVE, ORDER, SIZE, quote, split_infotext, unquote

PROMPT_KEY, NEGATIVE_KEY = "Prompt", NEGATIVE.removesuffix(":")
PLACE_OF_KEY = {key: place for place, key in enumerate(ORDER)}
PLACE_OF_UNKNOWN = PLACE_OF_KEY["Version"] - 0.5
SIDE_ENDINGS = ("-1", "-2")      # endings of a width's and a height's key

RawPairs = list[tuple[str, str]]
PairChanges = Mapping[str, object]      # by key; None takes a value away


def infotext_values(text: str) -> dict[str, str]:
    """Return the prompts and all pairs by their keys, sizes whole; prompts only where there are any."""
    said = split_infotext(text)
    prompts = {PROMPT_KEY: said.prompt, NEGATIVE_KEY: said.negative_prompt}
    return {key: value for key, value in prompts.items() if value} | said.pairs


def edited_infotext(text: str, changes: PairChanges) -> str:
    """Return generation data with some values changed. Raises Invalid, or TooLarge.

    changes: by key; half a size is its key with -1 or -2
    """
    said = split_infotext(text)
    wanted = whole_sizes(said.pairs, changes)
    for key in wanted:
        check_key(key)
    prompts = [
        plain_lines(wanted.get(key, former))
        for key, former in ((PROMPT_KEY, said.prompt), (NEGATIVE_KEY, said.negative_prompt))
    ]
    raw = changed_raw(said.raw, {key: value for key, value in wanted.items() if key not in (PROMPT_KEY, NEGATIVE_KEY)})
    same_prompts = prompts == [said.prompt, said.negative_prompt]
    if same_prompts and raw == said.raw:
        return text
    head = written_head(text, bool(said.raw)) if same_prompts else joined_prompts(*prompts)
    result = "\n".join(filter(None, (head, ", ".join(f"{key}: {value}" for key, value in raw))))
    check_readable(result, prompts, raw)
    return result


def written_head(text: str, has_pairs: bool) -> str:
    """Return the prompts as they stand in the text."""
    return text.strip().rpartition("\n")[0] if has_pairs else text.strip()


def joined_prompts(prompt: str, negative_prompt: str) -> str:
    return "\n".join(filter(None, (prompt, f"{NEGATIVE} {negative_prompt}" if negative_prompt else "")))


def plain_lines(value: object) -> str:
    """Return a prompt as it is read: lines without blanks around them, no empty ones before the first."""
    return "\n".join(line.strip() for line in ("" if value is None else str(value)).strip().split("\n"))


def whole_sizes(pairs: Mapping[str, str], changes: PairChanges) -> dict[str, object]:
    """Return the changes with halves of sizes joined: `Size-1` and `Size-2` are one value."""
    wanted: dict[str, object] = {}
    for key, value in changes.items():
        name, ending = key[:-2], key[-2:]
        if ending not in SIDE_ENDINGS or key in pairs:
            wanted[key] = value
            continue
        former = SIZE.fullmatch(str(wanted.get(name) or pairs.get(name, "")))
        sides = list(former.groups()) if former else ["0", "0"]
        sides[SIDE_ENDINGS.index(ending)] = str(value)
        wanted[name] = None if value is None else "x".join(sides)
    return wanted


def changed_raw(raw: RawPairs, changes: PairChanges) -> RawPairs:
    """Return the pairs with values changed in their places; new ones go where A1111 writes them."""
    result: RawPairs = []
    for key, value in raw:
        if key not in changes:
            result.append((key, value))
        elif changes[key] is not None and all(key != name for name, _ in result):
            result.append((key, value if same_value(unquote(value), changes[key]) else raw_value(changes[key])))
    for key, given in changes.items():
        if given is not None and all(key != name for name, _ in raw):
            place = usual_place(key)
            before = next((i for i, (name, _) in enumerate(result) if usual_place(name) > place), len(result))
            result.insert(before, (key, raw_value(given)))
    return result


def usual_place(key: str) -> float:
    return PLACE_OF_KEY.get(key, PLACE_OF_UNKNOWN)


def same_value(written: str, given: object) -> bool:
    """Return whether a value is the one that is written: 7 and 7.0 are the same."""
    if written == shown_text(given):
        return True
    if isinstance(given, bool) or not isinstance(given, int | float):
        return False
    try:
        return float(written) == given
    except ValueError:
        return False


def shown_text(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def raw_value(value: object) -> str:
    """Return a value as it is written: quoted if it could not be read back otherwise."""
    text = shown_text(value).replace("\0", "")
    plain = str(quote(text))
    return plain if unquote(plain) == text and plain == plain.strip() else json.dumps(text, ensure_ascii=False)


def check_key(key: str) -> None:
    """Raise Invalid for what cannot be the key of a pair."""
    if not KEY_PATTERN.fullmatch(key) or len(key) < 2 or key != key.strip(" -/"):
        raise Invalid(f"{key[:80]!r} cannot be a key of generation data.", "Use letters, digits, blanks, - and /.")


def check_readable(text: str, prompts: list[str], raw: RawPairs) -> None:
    """Raise Invalid if a text would not be read as what it was made of, or TooLarge."""
    if len(text) > MAX_INFOTEXT:
        raise TooLarge(f"Generation data may have {MAX_INFOTEXT:,} characters.", "Shorten them.")
    found = split_infotext(text)
    if [found.prompt, found.negative_prompt] == prompts and found.raw == raw:
        return
    if 0 < len(raw) < FEWEST_PAIRS:
        raise Invalid(
            f"Generation data with fewer than {FEWEST_PAIRS} values after the prompt are read as a prompt by every "
            "program.", "Keep more of them, or take all away.",
        )
    raise Invalid(
        "The data would not be read as they are written.",
        f"No line of a prompt may begin with {NEGATIVE!r}, and its last one may not look like values.",
    )
