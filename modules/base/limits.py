"""Limits of texts and lists from outside, checked before anything else. A request beyond a limit is a 422."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from annotated_types import Ge, Le, MaxLen
from pydantic import AfterValidator, Field

MAX_PROMPT = 100_000          # characters; the grammar is linear, so this bounds time and memory
MAX_SCHEDULED = 1_000_000     # characters of all texts of a prompt over time, together
MAX_INFOTEXT = 2**20          # characters of generation data; long prompts have a few thousand
MAX_NAME = 1_000              # characters of the name of a model, a sampler, a style …
MAX_ID = 100                  # of a job, a card
MAX_PATH = 4_096
MAX_FILE = 64 * 2**20         # bytes of a picture's file
MAX_BASE64 = MAX_FILE * 3 // 2      # characters of one in base64, its lines broken
MAX_BODY = MAX_FILE * 4 // 3 + 2**20      # bytes of a request: a picture in base64, and some text
MAX_SENT = 16                 # pictures a request may start from
MAX_SEARCH = 200              # characters of a search
MAX_SETTING = 10_000          # a setting that is a text
MAX_NOTES = 200_000           # characters of a person's notes on a model
MAX_ITEMS = 1_000             # of a list of names
MAX_INDEX = 10**9             # a number of a picture, of how many are wanted
MAX_VALUES = 10_000           # values in free JSON, nested ones too
MAX_JSON = 100_000            # values, names and containers in a request's JSON
MAX_DEPTH = 64                # nesting of its values
MAX_ESCAPES = 4_000_000       # backslashes in it

MAX_WEIGHT = 1_000.0          # of (word:1.2) with all brackets around it, and of AND; 72 brackets are 955
MAX_STRENGTH = 100.0          # of a network

Name = Annotated[str, MaxLen(MAX_NAME)]
Id = Annotated[str, MaxLen(MAX_ID)]
Index = Annotated[int, Ge(0), Le(MAX_INDEX)]
FilePath = Annotated[str, MaxLen(MAX_PATH)]
# a file in base64, or the name of one that is kept
EncodedPicture = Annotated[
    str, MaxLen(MAX_BASE64), Field(json_schema_extra={"contentEncoding": "base64", "contentMediaType": "image/*"})
]


def parts_of(value: Any) -> Iterator[Any]:
    """Yield a JSON value and everything in it, keys too, however deep."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        yield part
        if isinstance(part, Mapping):
            waiting += [*part.keys(), *part.values()]
        elif isinstance(part, list | tuple):
            waiting += part


def bounded_json(value: Any) -> Any:
    """Return free JSON within the limits. Raises ValueError, which pydantic makes a 422."""
    for count, part in enumerate(parts_of(value), 1):
        if count > MAX_VALUES:
            raise ValueError(f"At most {MAX_VALUES:,} values are taken")
        if isinstance(part, str) and len(part) > MAX_INFOTEXT:
            raise ValueError(f"A text may have {MAX_INFOTEXT:,} characters")
    return value


Json = Annotated[Any, AfterValidator(bounded_json)]
JsonList = Annotated[list[Any], MaxLen(MAX_ITEMS), AfterValidator(bounded_json)]
JsonObject = Annotated[dict[Name, Any], MaxLen(MAX_ITEMS), AfterValidator(bounded_json)]
