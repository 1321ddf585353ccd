"""The model is a person's choice, not the server's."""

from __future__ import annotations

import base64


def as_user(name: str) -> dict:
    return {"headers": {"Authorization": "Basic " + base64.b64encode(f"{name}:{name[0]}-secret".encode()).decode()}}


def test_a_choice_is_remembered_for_its_account_alone(guarded):
    alice, bob = as_user("alice"), as_user("bob")
    before = guarded.get("/sdapi/v1/options", **alice).json()
    assert guarded.post("/easel/v1/choice", json={"CLIP_stop_at_last_layers": 2}, **alice).status_code == 204
    assert guarded.get("/easel/v1/state", **alice).json()["choice"]["CLIP_stop_at_last_layers"] == 2
    assert guarded.get("/easel/v1/state", **bob).json()["choice"]["CLIP_stop_at_last_layers"] == 1
    assert guarded.get("/sdapi/v1/options", **alice).json() == before


def test_a_choice_that_cannot_be_is_refused_in_words(client):
    for bad, status in (
        ({"sd_model_checkpoint": "../../x"}, 404),
        ({"CLIP_stop_at_last_layers": 99}, 422),
        ({"emphasis": "None"}, 422),
    ):
        reply = client.post("/easel/v1/choice", json=bad)
        assert reply.status_code == status and reply.json()["errors"]


def test_the_form_follows_the_checkpoint_that_the_page_names(client):
    folder = client.app.models.checkpoints.roots[0]
    (folder / "tiny-sd1.json").write_text('{"defaults": {"width": 64}, "examples": ["a cat"]}')
    try:
        client.post("/sdapi/v1/refresh-checkpoints")
        named = client.get("/easel/v1/state", params={"checkpoint": "tiny-sd1"}).json()
        other = client.get("/easel/v1/state", params={"checkpoint": "none such"}).json()
        assert (named["defaults"]["txt2img"]["width"], named["examples"]) == (64, ["a cat"])
        assert (other["defaults"]["txt2img"]["width"], other["examples"]) == (512, [])
        known = {"checkpoint": "tiny-sd1", "seen": named["form"]}
        again = client.get("/easel/v1/state", params=known).json()
        assert again == {name: value for name, value in named.items() if name not in ("defaults", "examples")}
        assert client.get("/easel/v1/state", params=known | {"checkpoint": "none such"}).json() == other
    finally:
        (folder / "tiny-sd1.json").unlink()
        client.post("/sdapi/v1/refresh-checkpoints")


def test_a_file_that_has_come_is_offered_once_the_folders_were_looked_into(client):
    checkpoints = next(iter(client.app.models.checkpoints.list())).path.parent
    broken = checkpoints / "broken one.safetensors"
    before = client.get("/easel/v1/choices").json()
    try:
        broken.write_bytes(b"\xff" * 64)
        found = client.post("/easel/v1/choices/refresh").json()
        assert found == client.get("/easel/v1/choices").json()
        names = [name for _, name in found["lists"]["titled_checkpoints"]]
        added = [
            pair for pair in found["lists"]["titled_checkpoints"] if pair not in before["lists"]["titled_checkpoints"]
        ]
        assert added == [[f"⚠ {broken.name}", broken.name]] and found["lists"]["checkpoints"] == [
            [name, name] for name in names
        ]
        assert any("broken one" in problem for problem in found["problems"]) and found["missing_folder"] == ""
    finally:
        broken.unlink()
        client.post("/easel/v1/choices/refresh")
