"""A1111's create/* and train/*: files at once, and trained further in their place."""

from __future__ import annotations

import pytest
import torch

from tests.training.conftest import draw_zorbs

SMALL = {"steps": 3, "batch_size": 2, "training_width": 32, "training_height": 32, "create_image_every": 0}
KINDS = {
    "embedding": ("learn_rate", "0.05", {"num_vectors_per_token": 3, "init_text": "ball"}),
    "hypernetwork": ("learn_rate", "0.001:2, 1e-4", {"layer_structure": "1, 2, 1", "activation_func": "relu"}),
}


@pytest.fixture(autouse=True)
def nothing_stays(client):
    """The server is shared."""
    yield
    for kind in KINDS:
        for path in client.app.models.catalogs[kind].roots[0].glob("zorb*"):
            path.unlink()
        client.post(f"/sdapi/v1/refresh-{kind}s")


def content(client, kind):
    return torch.load(client.app.models.catalogs[kind].roots[0] / "zorb-old.pt", weights_only=True)


def tensors(found):
    if isinstance(found, torch.Tensor):
        return [found]
    parts = found.values() if isinstance(found, dict) else found if isinstance(found, list | tuple) else ()
    return [tensor for part in parts for tensor in tensors(part)]


def told(client, path, **body) -> str:
    reply = client.post(f"/sdapi/v1/{path}", json=body)
    assert reply.status_code == 200, reply.text
    return reply.json()["info"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_what_was_created_is_trained_further_in_its_place(client, tmp_path, kind):
    field, rate, how = KINDS[kind]
    assert told(client, f"create/{kind}", name="zorb-old", **how) == f"create {kind} filename: zorb-old.pt"
    first = content(client, kind)
    assert first["name"] == "zorb-old" and first["step"] == 0
    assert "zorb-old" in told(client, f"create/{kind}", name="zorb-old", **how)      # an error: it is there
    assert told(client, f"create/{kind}", name="zorb-old", overwrite_old=True, **how).endswith("zorb-old.pt")

    pictures = draw_zorbs(tmp_path / "zorb", count=4)
    done = told(client, f"train/{kind}", **{f"{kind}_name": "zorb-old", field: rate, "data_root": str(pictures), **SMALL,
                                            f"save_{kind}_every": 0})
    assert done == f"train {kind} complete: filename: zorb-old.pt error: None"
    new = content(client, kind)
    assert new["step"] == 3 and new["name"] == "zorb-old"
    pairs = list(zip(tensors(first), tensors(new), strict=True))
    assert all(before.shape == after.shape for before, after in pairs)
    assert 0 < max(float((after.float() - before.float()).abs().max()) for before, after in pairs) < 1


@pytest.mark.slow
def test_an_embedding_begins_with_the_words_of_its_initialization_text(client):
    told(client, "create/embedding", name="zorb-old", num_vectors_per_token=2, init_text="ball")
    [vectors] = content(client, "embedding")["string_to_param"].values()
    assert len(vectors) == 2 and torch.equal(vectors[0], vectors[1])
    told(client, "create/embedding", name="zorb-old", num_vectors_per_token=2, init_text="cat", overwrite_old=True)
    [others] = content(client, "embedding")["string_to_param"].values()
    assert not torch.equal(vectors, others)
    assert "zorb-old" in client.get("/sdapi/v1/embeddings").json()["loaded"]


@pytest.mark.slow
def test_an_embedding_that_is_written_over_keeps_its_ending(client):
    folder = client.app.models.catalogs["embedding"].roots[0]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "zorb-new.safetensors").touch()
    done = told(client, "create/embedding", name="zorb-new", overwrite_old=True)
    assert done == "create embedding filename: zorb-new.safetensors"
    assert [path.name for path in folder.glob("zorb-new*")] == ["zorb-new.safetensors"]


def test_what_cannot_be_is_told_as_a1111_tells_it(client, tmp_path):
    nothing = {"data_root": str(tmp_path), **SMALL}
    assert told(client, "train/embedding", embedding_name="none-such", **nothing).startswith("train embedding error: ")
    assert told(client, "train/hypernetwork", hypernetwork_name="x", **nothing).startswith("train hypernetwork error: ")
    assert "no embedding" in told(client, "train/embedding", embedding_name="zor", **nothing)
    assert "cannot be called" in told(client, "create/embedding", name="a/b")
    assert "1, 2, 1" in client.post("/sdapi/v1/create/hypernetwork", json={"name": "zorb", "layer_structure": "x"}).text
    assert client.post("/sdapi/v1/create/embedding", json={"name": "zorb", "nvpt": 3}).status_code == 422


def test_members_create_only_if_they_may_train(guarded):
    reply = guarded.post("/sdapi/v1/create/embedding", json={"name": "zorb"}, auth=("bob", "b-secret"))
    assert reply.status_code == 403 and "members_train" in reply.text
