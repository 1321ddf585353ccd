"""File and folder names from A1111's patterns: `[seed]-[prompt_words]`, `[datetime<%Y-%m><Asia/Tokyo>]`.

Whatever a pattern or a prompt contains, a name is one part of a path, fits every file system, and leads nowhere.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from functools import cache
from hashlib import sha256
from zoneinfo import ZoneInfo, available_timezones

LONGEST_PART = 128          # characters of one token's value
LONGEST_FILE_NAME = 255          # bytes, of most file systems
AFTER_STEM = "-999.jpeg"    # room that is left for this
MOST_NESTED_FOLDERS = 8            # levels
MOST_STYLES = 10            # styles removed from a prompt, and places of the prompt in each
TIME_FORMAT = "%Y%m%d%H%M%S"
SKIPPED = object()          # the value of a token that removes the text before it

TOKEN = re.compile(r"\[([^\[\]]+)\]")
NOT_IN_PART = re.compile(r'[#<>:"/\\|?*\x00-\x1f\x7f-\x9f\ud800-\udfff]')
NOT_IN_NAME = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f\ud800-\udfff]')
BETWEEN_WORDS = re.compile(rf"[\s{re.escape(string.punctuation)}]+")
PADDED_DIRECTIVE = re.compile(r"%[-_^#0]*[1-9]")      # a time format that pads to any width
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)      # devices in Windows


@dataclass(frozen=True, kw_only=True)
class NameFacts:
    """The facts about a picture for its name. None is unknown, and its token stays as it was written."""

    seed: int | str
    size: tuple[int, int]                            # width, height
    now: datetime                                    # with a time zone
    pixels: Callable[[], bytes]                      # only read for `[image_hash]`
    seeds: tuple[int, int] | None = None             # the first and the last of the request
    prompt: str | None = None                        # without networks
    negative_prompt: str = ""
    asked: tuple[str, str] | None = None             # both prompts without styles
    styles: Sequence[tuple[str, str]] | None = None  # names and prompts
    steps: int | str | None = None                   # a text if read from generation data, like `cfg` and `denoising`
    cfg: float | str | None = None
    sampler: str | None = None
    scheduler: str | None = None
    model_name: str | None = None
    model_hash: str | None = None
    vae: str | None = None                           # the file's name, "" for the checkpoint's own
    clip_skip: int | None = None
    denoising: float | str | None = None
    user: str | None = None
    job: datetime | None = None                      # when the job was asked for
    batch: tuple[int, int] | None = None             # place in the batch from 1, and the batch's size
    generation: tuple[int, int] | None = None        # place among the request's pictures from 1, and their number
    most_words: int = 8
    known: dict[tuple[str, ...], object] = field(default_factory=dict)      # values of tokens


# Names -----------------------------------------------------------------------------------------------


def file_stem(decoration: str, number: str, suffix: str) -> str:
    """Return a name without extension: number, decoration, suffix; the decoration is cut if it is too long."""
    before, after = number and f"{number}-", NOT_IN_NAME.sub("_", suffix)
    room = LONGEST_FILE_NAME - len(f"{before}{after}{AFTER_STEM}".encode())
    kept = truncate_utf8(NOT_IN_NAME.sub("_", decoration), max(0, room - 1))
    return harmless((before if kept else number) + kept + after) or "_"


def folder_names(path: str) -> tuple[str, ...]:
    """Return the parts of a relative path, each harmless, without those that lead upwards or nowhere."""
    return tuple(filter(None, map(harmless_part, re.split(r"[/\\]", path))))[:MOST_NESTED_FOLDERS]


def harmless_part(text: str) -> str:
    """Return one part of a path that is valid on every system; "" for dots and spaces alone."""
    return harmless(truncate_utf8(NOT_IN_NAME.sub("_", text), LONGEST_FILE_NAME - 1))


def harmless(name: str) -> str:
    """Return a name that is no device of Windows, not hidden, and has no end that Windows drops."""
    name = name.strip(" ").rstrip(". ")
    return f"_{name}" if name.startswith(".") or RESERVED.fullmatch(name) else name


def truncate_utf8(text: str, longest: int) -> str:
    """Return at most so many bytes of UTF-8, with no broken character."""
    return text.encode("utf-8", "replace")[:longest].decode("utf-8", "ignore")


# Patterns --------------------------------------------------------------------------------------------


def fill_pattern(pattern: str, facts: NameFacts) -> str:
    """Return the pattern with its tokens' values; unknown tokens stay, without their arguments."""
    out: list[str] = []
    position = 0
    for found in TOKEN.finditer(pattern):
        before, position = pattern[position : found.start()], found.end()
        name, arguments = taken_apart(found[1])
        given = value_of(name.lower(), arguments, facts)
        if given is not SKIPPED:
            out += before, f"[{name}]" if given is None else str(given)
    return "".join([*out, pattern[position:]])


def value_of(name: str, arguments: Sequence[str], facts: NameFacts) -> object:
    """Return a token's value, computed once for each picture."""
    key = name, *arguments
    if key not in facts.known:
        facts.known[key] = given_by(name, arguments, facts)
    return facts.known[key]


def given_by(name: str, arguments: Sequence[str], facts: NameFacts) -> object:
    if name in PLAIN and not arguments:
        return PLAIN[name](facts)
    try:
        return WITH_ARGUMENTS[name](facts, arguments) if name in WITH_ARGUMENTS else None
    except ValueError:      # a malformed length
        return None


def taken_apart(body: str) -> tuple[str, list[str]]:
    """Split a token into its name and its arguments.

    >>> taken_apart("datetime<%Y><Asia/Tokyo>")
    ('datetime', ['%Y', 'Asia/Tokyo'])
    """
    arguments, end = [], len(body)
    while (
        body.endswith(">", 0, end) and (start := body.rfind("<", 0, end)) >= 0 and body.find(">", start, end) == end - 1
    ):
        arguments.append(body[start + 1 : end - 1])
        end = start
    return body[:end], arguments[::-1]


def part(text: str, spaces: bool = True) -> str:
    """Return text as a part of a name; without `spaces` they become underscores."""
    short = text.lstrip(" ")[:LONGEST_PART] if spaces else text[:LONGEST_PART].replace(" ", "_")
    return NOT_IN_PART.sub("_", short).rstrip(" .")


# Tokens ----------------------------------------------------------------------------------------------


def optional(name: str) -> Callable[[NameFacts], object]:
    """Return the fact of that name; a text is made part of a name."""
    def give(facts: NameFacts) -> object:
        value = getattr(facts, name)
        return part(value) if isinstance(value, str) else value

    return give


def first_seed(facts: NameFacts) -> object:
    return facts.seeds[0] if facts.seeds and not single(facts) else facts.seed


def last_seed(facts: NameFacts) -> object:
    return SKIPPED if single(facts) else facts.seeds and facts.seeds[1]


def single(facts: NameFacts) -> bool:
    return facts.batch is not None and facts.batch[1] == 1


def style_names(facts: NameFacts) -> str | None:
    return (
        None if facts.styles is None else part(", ".join(name for name, _ in facts.styles if name != "None") or "None")
    )


def sampler_scheduler(facts: NameFacts) -> str | None:
    return facts.sampler and part(f"{facts.sampler} {facts.scheduler}")


def prompt(facts: NameFacts) -> str | None:
    return None if facts.prompt is None else part(facts.prompt, spaces=False)


def prompt_words(facts: NameFacts) -> str:
    found = list(filter(None, BETWEEN_WORDS.split(facts.prompt or "")))
    return part(" ".join(found[: facts.most_words] or ["empty"]))


def prompt_no_styles(facts: NameFacts) -> str | None:
    """Return the prompt without its styles' texts, wherever they stand."""
    if facts.prompt is None or facts.styles is None:
        return None
    rest = facts.prompt
    for _, style in facts.styles[:MOST_STYLES]:
        for piece in filter(None, style.split("{prompt}", MOST_STYLES)):
            rest = rest.replace(piece, "").replace(", ,", ",").strip().strip(",")
        rest = rest.replace(style, "").strip().strip(",").strip() if style else rest
    return part(rest)


def batch_number(facts: NameFacts) -> object:
    return SKIPPED if single(facts) else facts.batch and facts.batch[0]


def generation_number(facts: NameFacts) -> object:
    return SKIPPED if facts.generation and facts.generation[1] == 1 else facts.generation and facts.generation[0]


def vae_filename(facts: NameFacts) -> str | None:
    """Return the VAE's name up to its first dot; of a hidden file, after it."""
    if not facts.vae:
        return "NoneType" if facts.vae == "" else None
    first, *others = facts.vae.split(".")
    return part(first or others[0])


def hashed(text: str | bytes, arguments: Sequence[str], usual: int | None) -> str:
    """Return the first digits of a SHA-256; the first argument is their number. Raises ValueError for no number."""
    length = int(arguments[0]) if arguments and arguments[0] else usual
    return sha256(text.encode("utf-8", "replace") if isinstance(text, str) else text).hexdigest()[:length]


def hash_of_both(facts: NameFacts, arguments: Sequence[str]) -> str | None:
    return facts.asked and hashed(" ".join(facts.asked), arguments, 8)


def has_prompt(facts: NameFacts, arguments: Sequence[str]) -> str | None:
    """Return `[hasprompt<cat><dog|no dog>]`: each word that is in the prompt, else its replacement."""
    if facts.prompt is None:
        return None
    lower, found = facts.prompt.lower(), []
    for wanted, _, instead in (each.partition("|") for each in arguments if each):
        found.append(wanted.lower() if wanted.lower() in lower else instead.partition("|")[0])
    return part("".join(found))


def moment(facts: NameFacts, arguments: Sequence[str]) -> str:
    """Return `[datetime<format><time zone>]`; both may be missing or malformed."""
    wanted, zone, *_ = [*arguments, "", ""]
    there = facts.now.astimezone(time_zone(zone))
    wanted = TIME_FORMAT if not wanted or PADDED_DIRECTIVE.search(wanted) else wanted
    try:
        return part(there.strftime(wanted))
    except ValueError:
        return part(there.strftime(TIME_FORMAT))


def time_zone(name: str) -> tzinfo | None:
    """Return the time zone, or None for this computer's."""
    known = zones().get(name.lower()) if name else None
    return ZoneInfo(known) if known else None


@cache
def zones() -> Mapping[str, str]:
    return {name.lower(): name for name in available_timezones()}


PLAIN: Mapping[str, Callable[[NameFacts], object]] = {
    "seed": optional("seed"),
    "seed_first": first_seed,
    "seed_last": last_seed,
    "steps": optional("steps"),
    "cfg": optional("cfg"),
    "width": lambda facts: facts.size[0],
    "height": lambda facts: facts.size[1],
    "styles": style_names,
    "sampler": optional("sampler"),
    "scheduler": optional("scheduler"),
    "sampler_scheduler": sampler_scheduler,
    "model_hash": optional("model_hash"),
    "model_name": optional("model_name"),
    "vae_filename": vae_filename,
    "date": lambda facts: facts.now.strftime("%Y-%m-%d"),
    "job_timestamp": lambda facts: facts.job and facts.job.strftime(TIME_FORMAT),
    "prompt": prompt,
    "prompt_spaces": lambda facts: None if facts.prompt is None else part(facts.prompt),
    "prompt_words": prompt_words,
    "prompt_no_styles": prompt_no_styles,
    "batch_number": batch_number,
    "batch_size": lambda facts: facts.batch and facts.batch[1],
    "generation_number": generation_number,
    "clip_skip": optional("clip_skip"),
    "denoising": lambda facts: facts.denoising or SKIPPED,
    "user": optional("user"),
    "none": lambda facts: "",
}
WITH_ARGUMENTS: Mapping[str, Callable[[NameFacts, Sequence[str]], object]] = {
    "datetime": moment,
    "hasprompt": has_prompt,
    "prompt_hash": lambda facts, arguments: None if facts.prompt is None else hashed(facts.prompt, arguments, 8),
    "negative_prompt_hash": lambda facts, arguments: facts.asked and hashed(facts.asked[1], arguments, 8),
    "full_prompt_hash": hash_of_both,
    "image_hash": lambda facts, arguments: hashed(facts.pixels(), arguments, None),
}
