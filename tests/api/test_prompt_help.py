"""What helps with writing prompts, over the API."""

from __future__ import annotations

import pytest


def completed(client, **query):
    return client.get("/easel/v1/completions", params=query).json()["completions"]


@pytest.fixture(scope="module")
def tagged(client):
    folder = client.app.flags.paths.data_dir
    for name, text in {
        "tags/danbooru.csv": 'long_hair,0,90,"longhair"\nfox_(animal),3,5,\n',
        "wildcards/colours.txt": "red\n", "wildcards/cold/cola.txt": "red\n", "models/Lora/inkwell.safetensors": "",
        "styles.csv": "name,prompt,negative_prompt\nLong shot,from afar,\n",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    client.app.cards.renew()
    client.app.cards.wait(30)
    yield client
    for name in ("styles.csv", "wildcards/colours.txt", "wildcards/cold/cola.txt", "models/Lora/inkwell.safetensors"):
        (folder / name).unlink()


def test_networks_wildcards_styles_and_tags_are_completed(tagged):
    assert [each["insert"] for each in completed(tagged, kind="lora", text="inkw")] == ["<lora:inkwell:1>"]
    assert [each["insert"] for each in completed(tagged, kind="wildcard", text="col")] == [
        "__cold/cola__", "__colours__",
    ]
    found = [(each["kind"], each["name"], each["insert"]) for each in completed(tagged, text="long")]
    assert found == [("style", "Long shot", ""), ("tag", "long_hair", "long hair")]
    [fox] = completed(tagged, text="fox")
    assert (fox["insert"], fox["category"], fox["count"]) == (r"fox \(animal\)", 3, 5)
    assert completed(tagged, text="longha")[0]["note"] == "longhair"
    assert tagged.get("/easel/v1/completions?kind=nothing").status_code == 422


def test_a_prompt_is_told_step_by_step_and_token_by_token(client):
    reply = client.post("/easel/v1/prompts/explain", json={"prompt": "a [cat:(dog:1.5):2] AND b:0.5", "steps": 4}).json()
    first, second = reply["prompts"]
    assert [(stage["first"], stage["last"], stage["text"]) for stage in first["stages"]] == [
        (1, 2, "a cat"), (3, 4, "a (dog:1.5)"),
    ]
    assert first["stages"][1]["chunks"] == [[["a", 320, 1.0], ["dog", 1929, 1.5]]] and second["weight"] == 0.5
    assert client.post("/easel/v1/prompts/explain", json={"prompt": "a" * 20_000}).status_code == 422
