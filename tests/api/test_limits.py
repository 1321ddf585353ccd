"""Every text and list that a request may hold has a limit, on every route."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from modules.api.server import build_api
from modules.base.limits import MAX_INFOTEXT, MAX_ITEMS, MAX_VALUES
from modules.commands.assemble import assemble
from modules.settings.flags import parse_flags

SENT = 2**21      # longer limits are pictures'
BOUNDED = ("maxLength", "enum", "const", "pattern")
Schema = dict[str, Any]


@cache
def schema() -> Schema:
    with TemporaryDirectory() as folder:
        return build_api(assemble(parse_flags(["--nowebui", "--data-dir", folder], {}))).openapi()


def resolved(part: Schema) -> Schema:
    return schema()["components"]["schemas"][part["$ref"].rpartition("/")[2]] if "$ref" in part else part


def operations() -> Iterator[tuple[str, str, Schema]]:
    for path, ways in schema()["paths"].items():
        for method, operation in ways.items():
            yield method, path, operation


def body_of(operation: Schema) -> Schema:
    return operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})


def without_limit(part: Schema, name: str) -> Iterator[str]:
    """Names of what may be as long as anybody likes, in a schema."""
    part = resolved(part)
    for each in (*part.get("anyOf", ()), *part.get("allOf", ()), *part.get("prefixItems", ())):
        yield from without_limit(each, name)
    for field, inner in part.get("properties", {}).items():
        yield from without_limit(inner, f"{name}.{field}")
    if part.get("type") == "string" and not any(limit in part for limit in BOUNDED):
        yield name
    if part.get("type") == "array":
        yield from without_limit(part.get("items", {}), f"{name}[]")
        if "maxItems" not in part:
            yield f"{name} (items)"


def limited(part: Schema) -> int | None:
    """How long a text may be there."""
    part = resolved(part)
    lengths = [each.get("maxLength") for each in (part, *part.get("anyOf", ()))]
    return next((length for length in lengths if length), None)


def test_every_text_and_list_has_a_limit():
    found = []
    for method, path, operation in operations():
        for given in operation.get("parameters", ()):
            found += [f"{method} {path}: {name}" for name in without_limit(given["schema"], given["name"])]
        found += [f"{method} {path}: {name}" for name in without_limit(body_of(operation), "")]
    assert found == []


TEXTS = [
    (method, path, name, limit)
    for method, path, operation in operations()
    # no such card: that is said first
    for name, inner in resolved(body_of(operation)).get("properties", {}).items()
    if (limit := limited(inner)) and limit < SENT and "{card}" not in path
]
QUERIES = [
    (method, path, given["name"], limit) for method, path, operation in operations()
    for given in operation.get("parameters", ()) if given["in"] == "query" and (limit := limited(given["schema"]))
]


@pytest.mark.parametrize(("method", "path", "name", "limit"), TEXTS)
def test_a_longer_text_is_refused(client, method, path, name, limit):
    reply = client.request(method, re.sub(r"{(?:index|place)}", "0", path).replace("{", "").replace("}", ""), json={name: "a" * (limit + 1)})
    assert reply.status_code == 422 and len(reply.text) < 5_000, reply.text[:500]


@pytest.mark.parametrize(("method", "path", "name", "limit"), QUERIES)
def test_a_longer_query_is_refused(client, method, path, name, limit):
    reply = client.request(method, re.sub(r"{(?:index|place)}", "0", path).replace("{", "").replace("}", ""), params={name: "a" * (limit + 1)})
    assert reply.status_code == 422 and len(reply.text) < 10_000, reply.text[:500]


@pytest.mark.parametrize("path", sorted({path for _, path, operation in operations() if "{" in path}))
def test_a_longer_id_is_refused(client, path):
    long = "a" * 5_000
    method = next(iter(schema()["paths"][path]))
    reply = client.request(
        method, re.sub(r"{\w+}", long, re.sub(r"{(?:index|place)}", "0", path)), json={} if method != "get" else None
    )
    assert reply.status_code in (404, 422) and len(reply.text) < 7_000


HUGE = {
    "a text": "a" * (MAX_INFOTEXT + 1),
    "a list": [0] * (MAX_VALUES + 1),
    "a table": {str(n): 0 for n in range(MAX_VALUES + 1)},
    "depth": [[[["a" * (MAX_INFOTEXT + 1)]]]],
}


@pytest.mark.parametrize("value", HUGE.values(), ids=HUGE)
@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/sdapi/v1/options", "quicksettings_list"),
        ("/sdapi/v1/txt2img", "override_settings"),
        ("/sdapi/v1/txt2img", "alwayson_scripts"),
        ("/sdapi/v1/txt2img", "script_args"),
        ("/easel/v1/compare-manifest", "manifest"),
        ("/easel/v1/merge", "metadata"),
    ],
)
def test_free_json_is_bounded_in_all(client, path, name, value):
    wrapped = value if name in ("script_args", "quicksettings_list") else {"x": value}
    reply = client.post(path, json={name: wrapped, "models": ["x"]} if path.endswith("merge") else {name: wrapped})
    assert reply.status_code == 422 and len(reply.text) < 5_000


def test_a_request_of_too_many_settings_is_refused(client):
    assert client.post("/sdapi/v1/options", json={f"s{n}": 0 for n in range(MAX_ITEMS + 1)}).status_code == 422


@pytest.mark.parametrize(
    "prompt",
    [
        "(" * 5_000 + "a",
        "((((a:9))))" * 5 + "(" * 90 + "b",
        "(a:99999999)",
        "a AND b:99999999",
        "\\\\(" * 6_000,
        "(a:-9999999)",
        "(" * 200 + "(a:0.5)",
    ],
)
def test_emphasis_beyond_what_can_be_drawn_is_a_refusal(client, prompt):
    reply = client.post("/sdapi/v1/txt2img", json={"prompt": prompt, "steps": 1, "width": 64, "height": 64})
    assert reply.status_code == 422 and "weigh" in reply.text, reply.text[:300]
    if " AND " not in prompt:  # which joins nothing in a negative prompt
        assert (
            client.post(
                "/sdapi/v1/txt2img", json={"negative_prompt": prompt, "steps": 1, "width": 64, "height": 64}
            ).status_code
            == 422
        )


@pytest.mark.parametrize(
    "prompt",
    [
        "[" * 10_000,
        "[" * 10_000 + "a" + "]" * 10_000,
        "(a:9e40)",
        "(a:nan)",
        "(a:0)",
        "(" * 70 + "a",
        "(" * 5_000,
        "(" * 200 + "(a:0)",
        "[" * 5_000 + "a:",
    ],
)
def test_other_brackets_are_drawn(client, prompt):
    reply = client.post("/sdapi/v1/txt2img", json={"prompt": prompt, "steps": 1, "width": 64, "height": 64})
    assert reply.status_code == 200, reply.text[:300]
