"""Easel's own routes name a field that they do not know; A1111's take it, as their clients are used to."""

from __future__ import annotations

import pytest

from tests.api.test_limits import body_of, operations, resolved

OWN = [
    (method, path, body_of(operation))
    for method, path, operation in operations()
    if path.startswith("/easel/v1/") and body_of(operation)
]
NAMES = {"card": "none", "job": "none", "name": "none", "album": "1", "picture": "1"}


@pytest.mark.parametrize(("method", "path", "body"), OWN, ids=[path for _, path, _ in OWN])
def test_every_body_of_ours_says_that_it_takes_no_other_fields(method, path, body):
    assert resolved(body).get("additionalProperties") is False


@pytest.mark.parametrize(("method", "path"), [(method, path) for method, path, body in OWN if "/preview" not in path])
def test_a_field_that_is_none_is_named(client, method, path):
    reply = client.request(method, path.format(**NAMES), json={"imagee": "x"})
    assert reply.status_code == 422 and "imagee" in reply.json()["errors"], reply.text


def test_so_it_is_where_a_picture_is_named(client):
    cards = client.get("/easel/v1/cards", params={"kind": "checkpoint"}).json()["cards"]
    reply = client.put(f"/easel/v1/cards/{cards[0]['id']}/preview", json={"job": "x", "index": 0, "imagee": 1})
    assert reply.status_code == 422 and "imagee" in reply.json()["errors"]


def test_so_it_is_in_an_address(client):
    reply = client.get("/easel/v1/cards", params={"kind": "lora", "serch": "x"})
    assert reply.status_code == 422 and "serch" in reply.json()["errors"]


def test_of_very_many_some_are_named(client):
    reply = client.post("/easel/v1/tokens", json={"prompt": "a", **{f"field{n}" * 50: n for n in range(20_000)}})
    assert reply.status_code == 422 and "field0" in reply.text and len(reply.text) < 10_000


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/internal/progress", {"id_task": "none"}),
        ("/sdapi/v1/interrogate", {}),
        ("/sdapi/v1/png-info", {"image": "iVBORw0KGgo="}),
        ("/sdapi/v1/extra-single-image", {}),
        ("/sdapi/v1/txt2img", {"steps": 0}),
    ],
)
def test_a1111s_routes_take_fields_that_they_do_not_know(client, path, body):
    plain, more = client.post(path, json=body), client.post(path, json=body | {"imagee": 1})
    assert (plain.status_code, plain.json().keys()) == (
        more.status_code,
        more.json().keys(),
    ) and "imagee" not in more.text
