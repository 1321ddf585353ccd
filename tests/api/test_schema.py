"""The schema says what the code takes, and the code refuses what the schema does not allow."""

from __future__ import annotations

import pytest

from modules.params.txt2img import MAX_SEED, MIN_SEED
from tests.api.test_img2img import MASK, PICTURE
from tests.api.test_limits import body_of, operations, resolved, schema

BEYOND_SQLITE = 2**63


@pytest.mark.parametrize(("path", "body", "field"), [
    ("/easel/v1/prompts/samples", {"seed": False}, "seed"),
    ("/easel/v1/library/rename", {"pattern": "x", "pictures": [], "preview": 0}, "preview"),
    ("/easel/v1/data/preview", {"pictures": ["library:1"], "edit": {"replace": [{"find": "a", "regex": 1}]}}, "regex"),
    ("/sdapi/v1/txt2img", {"seed": True}, "seed"),
    ("/sdapi/v1/txt2img", {"enable_hr": 2}, "enable_hr"),
    ("/sdapi/v1/txt2img", {"subseed_strength": True}, "subseed_strength"),
    ("/sdapi/v1/extra-single-image", {"gfpgan_visibility": True}, "gfpgan_visibility"),
    ("/sdapi/v1/txt2img", {"sampler_name": {}}, "sampler_name"),
    ("/sdapi/v1/extra-single-image", {"upscaling_crop": 7}, "upscaling_crop"),
])
def test_true_and_false_are_no_numbers_and_numbers_are_neither(client, path, body, field):
    reply = client.post(path, json=body)
    assert reply.status_code == 422 and field in reply.json()["errors"], reply.text


def test_zero_and_one_are_false_and_true_for_a1111s_clients(client):
    reply = client.post("/sdapi/v1/txt2img", json={"steps": 1, "width": 64, "height": 64, "tiling": 0, "send_images": 1, "seed": None})
    assert reply.status_code == 200 and len(reply.json()["images"]) == 1


@pytest.mark.parametrize(("told", "number"), [(False, 0), (True, 1)])
def test_false_and_true_are_zero_and_one_where_no_other_number_is_taken(client, told, number):
    body = {"init_images": [PICTURE], "mask": MASK, "seed": 1, "steps": 2, "width": 64, "height": 64}
    replies = [
        client.post("/sdapi/v1/img2img", json=body | {"inpainting_mask_invert": each}) for each in (told, number)
    ]
    assert [reply.status_code for reply in replies] == [200, 200], replies[0].text
    assert replies[0].json()["images"] == replies[1].json()["images"]
    field = schema()["components"]["schemas"]["Img2ImgRequest"]["properties"]["inpainting_mask_invert"]
    assert {"type": "boolean"} in field["anyOf"]


@pytest.mark.parametrize("field", ["prompt", "seed", "enable_hr", "override_settings"])
def test_null_is_a_default_by_the_schema_as_by_the_code(field):
    assert {"type": "null"} in schema()["components"]["schemas"]["Txt2ImgRequest"]["properties"][field]["anyOf"]


def test_seeds_have_their_limits_to_the_bit():
    seed = schema()["components"]["schemas"]["Txt2ImgRequest"]["properties"]["seed"]["anyOf"][0]
    assert (seed["minimum"], seed["maximum"]) == (MIN_SEED, MAX_SEED)


def test_every_whole_number_fits_into_the_database():
    """Beyond 64 bits SQLite raises an error that nobody foresees. A training's numbers are looked at by its reader."""
    for method, path, operation in operations():
        if path.startswith("/easel/v1/train"):
            continue
        bodies = [(path, name, each) for name, each in resolved(body_of(operation)).get("properties", {}).items()]
        queries = [(path, each["name"], each["schema"]) for each in operation.get("parameters", ())]
        for where, name, each in bodies + queries:
            if each.get("type") == "integer" and "enum" not in each:
                assert each.get("maximum", BEYOND_SQLITE) < 2**65 and "maximum" in each, (method, where, name)


def test_what_is_no_json_says_what_it_is(client):
    for path, kind in {
        "/easel/v1/library/zip": "application/zip", "/easel/v1/jobs/{job}/events": "text/event-stream",
        "/easel/v1/jobs/{job}/pictures/{index}": "image/png", "/easel/v1/jobs/{job}/plot/{form}": "text/csv",
    }.items():
        replies = schema()["paths"][path]["get"]["responses"]
        assert kind in replies["200"]["content"] and [*replies["4XX"]["content"]] == ["application/json"], path


def test_a_number_beyond_all_pictures_is_refused_in_words(client):
    for path in ("/easel/v1/jobs/x/pictures/{}", "/easel/v1/jobs/x?newest={}", "/easel/v1/queue/x/inputs/{}"):
        assert client.get(path.format(BEYOND_SQLITE)).status_code == 422, path


def test_a_method_that_is_not_there_is_not_told_of_an_address_that_reads_it_as_a_name(client):
    assert client.request("OPTIONS", "/easel/v1/cards/refresh").headers["allow"] == "POST"


def test_a_place_that_is_none_is_refused_also_beside_named_pictures(client):
    assert client.post("/easel/v1/library/trash", json={"pictures": [], "in": "nowhere"}).status_code == 422


def test_an_id_of_a_reply_leads_to_what_can_be_done_with_it():
    paths = schema()["paths"]
    known = {operation["operationId"]: path for path, ways in paths.items() for operation in ways.values()}
    links = paths["/easel/v1/jobs"]["post"]["responses"]["200"]["links"]
    assert "/easel/v1/jobs/{job}/interrupt" in {known[name] for name in links}
    assert all("{job}" in known[name] and link["parameters"] == {"job": "$response.body#/job"} for name, link in links.items())
    assert {*links} == {*paths["/agent-scheduler/v1/queue/txt2img"]["post"]["responses"]["200"]["links"]}
