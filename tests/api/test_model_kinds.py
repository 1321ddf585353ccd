"""A further kind of model is one row of the table: it is found, has cards, routes and a tab of the page."""

from __future__ import annotations

import gradio as gr
import pytest

from modules.library.model_kinds import MODEL_KINDS, ModelKind
from modules.ui import cards
from modules.ui.words import Words
from tests.library.headers import safetensors
from tests.servers import serving, with_tiny_model

MOTION = ModelKind(
    name="motion",
    label="Motion",
    endings=(".safetensors", ".pth"),
    where=("Motion",),
    page="motion",
    title="Motion",
    files="Motion files",
    tag="motion",
    needs=("vae",),
    refresh="refresh-motions",
)


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    data = with_tiny_model(tmp_path_factory.mktemp("kinds"))
    safetensors(data / "models/Motion/edges/canny.safetensors", {"modelspec.title": "Edges"})
    (data / "models/Motion/depth.onnx").touch()
    with serving(data, kinds=(*MODEL_KINDS, MOTION)) as found:
        assert found.app.cards.wait(60)
        yield found


@pytest.mark.slow
def test_its_files_are_found_and_what_is_none_is_told(client):
    depth, canny = client.app.models.of("motion").list()
    assert canny.name == "edges/canny.safetensors" and not canny.problem
    assert depth.problem == "depth.onnx is left out: the name of a Motion ends in .safetensors, .pth."


@pytest.mark.slow
def test_it_has_cards(client):
    cards = client.get("/easel/v1/cards", params={"kind": "motion", "search": "canny"}).json()["cards"]
    assert [(card["name"], card["title"], card["insert"]) for card in cards] == [
        ("canny", "Edges", "<motion:canny:1>")
    ]
    assert client.get(f"/easel/v1/cards/{cards[0]['id']}").json()["vaes"] == ["None"]


def test_an_unknown_kind_is_refused_with_those_there_are(client):
    reply = client.get("/easel/v1/cards", params={"kind": "motio"})
    assert reply.status_code == 422 and "motion" in reply.text


def test_it_has_a_page_for_a1111s_programs(client):
    reply = client.get("/sd_extra_networks/metadata", params={"page": "motion", "item": "canny"})
    assert reply.status_code == 200 and "Edges" in reply.json()["metadata"]


def test_its_route_looks_into_its_folders_again(client):
    safetensors(client.app.models.of("motion").roots[0] / "pose.safetensors", {})
    assert client.post("/sdapi/v1/refresh-motions").status_code == 200
    assert client.get("/easel/v1/cards", params={"kind": "motion", "search": "pose"}).json()["total"] == 1


@pytest.mark.slow
def test_the_page_has_a_tab_of_it(client):
    with gr.Blocks() as page, gr.Tabs():
        cards.build("txt2img", client.app.models, Words())
    places = [block.value for block in page.blocks.values() if block.elem_id == "txt2img_motion_cards_html"]
    assert len(places) == 1 and "There is no Motion yet. Put Motion files into this folder" in places[0]
