"""Files of wildcards over the API: each account's own over those for everybody."""

from __future__ import annotations

from tests.api.test_isolation import ALICE, BOB

SAMPLE = {"prompt": "a __colours__ fox", "seed": 1, "count": 1}


def write(client, path, text, auth=None, **more):
    return client.post("/easel/v1/wildcards", json={"path": path, "text": text, **more}, auth=auth)


def test_a_file_is_written_read_renamed_and_deleted(client):
    revision = write(client, "pets/cats.txt", "tabby\n").json()["revision"]
    place = {"folder": "own", "path": "pets/cats.txt"}
    assert client.get("/easel/v1/wildcards/file", params=place).json() == {"text": "tabby\n", "revision": revision}
    assert write(client, "pets/cats.txt", "again").status_code == 409
    found = client.get("/easel/v1/wildcards?search=cats").json()
    assert [(each["path"], each["names"]) for each in found["files"]] == [("pets/cats.txt", ["pets/cats"])]
    assert client.post("/easel/v1/wildcards/rename", json={**place, "to": "cats.txt"}).status_code == 204
    assert client.get("/easel/v1/wildcards/file", params=place).status_code == 404
    assert client.post("/easel/v1/wildcards/delete", json={**place, "path": "cats.txt"}).status_code == 204
    assert client.get("/easel/v1/wildcards").json()["files"] == []
    assert write(client, "../cats.txt", "tabby").status_code == 422


def test_wildcards_of_an_account_are_its_own(guarded):
    assert write(guarded, "colours.txt", "red", ALICE).status_code == 200
    sample = guarded.post("/easel/v1/prompts/samples", json=SAMPLE, auth=ALICE).json()
    assert sample["samples"][0]["prompt"] == "a red fox"
    assert guarded.post("/easel/v1/prompts/samples", json=SAMPLE, auth=BOB).status_code == 404
    assert guarded.get("/easel/v1/wildcards", auth=BOB).json()["files"] == []
