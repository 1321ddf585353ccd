"""The API's schema (OpenAPI 3.1) beyond what FastAPI makes of the routes: it says what the code takes, and no more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from threading import Lock
from typing import Any

from fastapi import FastAPI

from modules.base.fields import declared_params
from modules.params.batch import Img2ImgBatch
from modules.params.extras import Extras
from modules.params.txt2img import MAX_SEED, MIN_SEED, Txt2Img
from modules.settings.foreign import A1111_SETTINGS
from modules.settings.options import Settings

# requests of A1111's clients → whose fields they have: null is the default, and 0 and 1 are false and true, as these
# are 0 and 1 where no other number is taken
A1111_BODIES: Mapping[str, type] = {
    "Txt2ImgRequest": Txt2Img, "Img2ImgRequest": Img2ImgBatch,
    "Txt2ImgTask": Txt2Img, "Img2ImgTask": Img2ImgBatch,
    "ExtrasSingleImageRequest": Extras, "ExtrasBatchImagesRequest": Extras,
}
NULL = {"type": "null"}
SWITCH_SCHEMA = {"type": "integer", "minimum": 0, "maximum": 1}      # of a number that may be said as false or true
LIMITS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
# FastAPI writes limits as floats, which round these
EXACT_SEEDS = {float(seed): seed for seed in (MIN_SEED, MAX_SEED)}
OPTIONS_PATH = "/sdapi/v1/options"
# what begins with a reply's id: the operation, its parameter, and where the id stands
LINKED = (
    ("/easel/v1/jobs", "post", "job", "/job"),
    ("/easel/v1/jobs", "get", "job", "/0/id"),
    ("/agent-scheduler/v1/queue/txt2img", "post", "job", "/task_id"),
    ("/agent-scheduler/v1/queue/img2img", "post", "job", "/task_id"),
    ("/easel/v1/library", "get", "picture", "/pictures/0/id"),
    ("/easel/v1/library/albums", "post", "album", "/id"),
    ("/easel/v1/library/folders", "get", "folder", "/0/id"),
    ("/easel/v1/cards", "get", "card", "/cards/0/id"),
)


class Api(FastAPI):
    """The application, with a schema that says what its routes take."""

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        self._describing = Lock()      # the schema is made once, by whoever asks first

    def openapi(self) -> dict[str, Any]:
        with self._describing:
            return self.openapi_schema or self._described()

    def _described(self) -> dict[str, Any]:
        schema = super().openapi()
        schemas = schema["components"]["schemas"]
        for name, cls in (*A1111_BODIES.items(), ("Settings", Settings)):
            describe_fields(schemas[name], cls)
        put_options_body(schema)
        for path, method, parameter, place in LINKED:
            put_links(schema["paths"], schema["paths"][path][method], parameter, place)
        for name in A1111_BODIES:
            schemas[name]["properties"] = {
                field: as_a1111_takes(each) for field, each in schemas[name]["properties"].items()
            }
        for part in parts_of_schema(schema):
            part |= {limit: exact(part[limit]) for limit in LIMITS if isinstance(part.get(limit), float)}
        return schema


def describe_fields(schema: dict[str, Any], cls: type) -> None:
    """Put a declared class's labels and sentences into its schema."""
    for field, param in declared_params(cls).items():
        schema["properties"][field] |= {"title": param.label, "description": param.help}


def put_options_body(schema: dict[str, Any]) -> None:
    """Describe the settings that are posted: some of those that there are, and A1111's others, which do nothing."""
    known = schema["components"]["schemas"]["Settings"]["properties"]
    body = schema["paths"][OPTIONS_PATH]["post"]["requestBody"]["content"]["application/json"]
    body["schema"] = {
        "type": "object",
        "properties": {name: {"anyOf": [each, NULL]} for name, each in known.items()}
        | {name: {} for name in sorted(A1111_SETTINGS - known.keys())},
        "additionalProperties": False,
    }


def put_links(paths: Mapping[str, Any], source: dict[str, Any], parameter: str, place: str) -> None:
    """Describe that an id in an operation's reply is the one in the paths of others."""
    targets = [
        operation["operationId"] for path, methods in paths.items() if f"{{{parameter}}}" in path
        for operation in methods.values()
    ]
    source["responses"]["200"]["links"] = {
        target: {"operationId": target, "parameters": {parameter: f"$response.body#{place}"}} for target in targets
    }


def as_a1111_takes(field: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a field of an A1111 request."""
    words = {name: field[name] for name in ("title", "description", "default") if name in field}
    kinds = [kind for kind in field.get("anyOf", [without_words(field)]) if kind != NULL]
    numbers = [{"enum": [0, 1]}] if any(kind.get("type") == "boolean" for kind in kinds) else []
    truths = [{"type": "boolean"}] if any(kind.items() >= SWITCH_SCHEMA.items() for kind in kinds) else []
    return {"anyOf": [*kinds, *numbers, *truths, NULL], **words}


def without_words(field: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in field.items() if name not in ("title", "description", "default")}


def parts_of_schema(part: Any) -> Iterator[dict[str, Any]]:
    """Yield all objects of a schema."""
    if isinstance(part, dict):
        yield part
    for each in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from parts_of_schema(each)


def exact(limit: float) -> float:
    """Return a limit as a whole number, if it is one."""
    return EXACT_SEEDS.get(limit, int(limit)) if limit.is_integer() else limit
