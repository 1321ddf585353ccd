"""What the page and programs ask about a plot: an estimate before, its cells, votes, files, and only new cells drawn."""

from __future__ import annotations

import pytest

from modules.params.infotext import split_infotext

pytestmark = pytest.mark.slow


def asked(x="2,3", **arguments):
    return {
        "kind": "txt2img",
        "fields": {"prompt": "a circle", "seed": 5, "steps": 2, "width": 64, "height": 64, "sampler_name": "Euler"},
        "script": {"name": "X/Y/Z plot", "arguments": {"x_type": "Steps", "x_values": x, **arguments}},
    }


def drawn(client, body):
    job = client.post("/easel/v1/jobs", json=body).json()["job"]
    return client.app.jobs.wait(job)


@pytest.fixture(scope="module")
def plot(client):
    return drawn(client, asked(y_type="Prompt S/R", y_values="circle, =1+1", more_axes="CFG Scale: 4, 5"))


def test_an_estimate_tells_what_would_be_made_and_records_nothing(client, plot):
    before = client.get("/easel/v1/jobs").json()
    found = client.post("/easel/v1/jobs/estimate", json=asked(y_type="Seed", y_values="1-3")).json()
    assert (found["shape"], found["pictures"], found["taken"], found["swaps"]) == ([2, 3, 1], 6, 0, 0)
    assert found["grid"] == [128, 192] and not found["too_large"] and found["seconds"] > 0
    refused = client.post("/easel/v1/jobs/estimate", json=asked("many"))
    assert (refused.status_code, "many" in refused.text) == (422, True)
    assert client.get("/easel/v1/jobs").json() == before


def test_an_estimate_of_img2img_needs_no_picture_but_its_size(client):
    body = asked(y_type="Denoising", y_values="0.3, 0.6") | {"kind": "img2img"}
    refused = client.post("/easel/v1/jobs/estimate", json=body)
    assert refused.status_code == 422 and "init_images" in refused.text
    found = client.post("/easel/v1/jobs/estimate", json=body | {"picture": [100, 60]}).json()
    assert (found["pictures"], found["grid"]) == (4, [128, 128])
    scaled = body | {"picture": [100, 64], "fields": body["fields"] | {"resize_by": True, "scale_by": 2}}
    assert client.post("/easel/v1/jobs/estimate", json=scaled).json()["grid"] == [400, 256]


def test_a_plot_tells_its_axes_its_cells_and_its_grids(client, plot):
    found = client.get(f"/easel/v1/jobs/{plot.id}/plot").json()
    assert [axis["labels"] for axis in found["axes"]] == [
        ["Steps: 2", "Steps: 3"], ["circle", "=1+1"], [""], ["CFG Scale: 4.0", "CFG Scale: 5.0"],
    ]
    assert found["drawn"] == list(range(8)) and len(found["grids"]) == 2      # one for each further value
    text = client.get(f"/easel/v1/jobs/{plot.id}/pictures/7/infotext").json()["infotext"]
    assert text.startswith("a =1+1\nSteps: 3,") and "CFG scale: 5.0" in text
    assert split_infotext(plot.pictures[-1].infotext).pairs["More Axes"] == "CFG Scale: 4, 5"
    assert client.get("/easel/v1/jobs/nothing/plot").status_code == 404


def test_votes_are_kept_with_the_job_and_summed_by_value(client, plot):
    for better, worse in ((0, 1), (0, 3), (2, 1)):
        assert client.post(f"/easel/v1/jobs/{plot.id}/votes", json={"better": better, "worse": worse}).status_code == 204
    found = client.get(f"/easel/v1/jobs/{plot.id}/plot").json()
    assert found["votes"] == {"0": [2, 0], "1": [0, 2], "2": [1, 0], "3": [0, 1]}
    assert found["axes"][0]["sums"] == [[3, 0], [0, 3]] and found["axes"][1]["sums"] == [[2, 2], [1, 1]]
    for wrong, status in (({"better": 0, "worse": 0}, 422), ({"better": 0, "worse": 99}, 404)):
        assert client.post(f"/easel/v1/jobs/{plot.id}/votes", json=wrong).status_code == status


def test_a_plot_is_a_table_and_a_page(client, plot):
    rows = client.get(f"/easel/v1/jobs/{plot.id}/plot/csv").text.splitlines()
    assert rows[0] == "Steps,Prompt S/R,CFG Scale,file,seed,better,worse,generation data"
    assert any(row.startswith("Steps: 2,'=1+1,CFG Scale: 4.0") for row in rows)      # no spreadsheet computes it
    page = client.get(f"/easel/v1/jobs/{plot.id}/plot/html")
    assert page.text.count("<img src=\"data:image/png;base64,") == 8 and "<th>Steps: 3</th>" in page.text
    assert f"<h1>{plot.params['prompt']}</h1>" in page.text
    assert page.headers["content-disposition"].startswith("attachment")


def test_an_extended_plot_draws_its_new_cells_alone(client):
    first = drawn(client, asked("2,3"))
    found = client.post("/easel/v1/jobs/estimate", json=asked("2,3,4", reuse_cells=True)).json()
    assert (found["pictures"], found["taken"]) == (3, 2)
    second = drawn(client, asked("2,3,4", reuse_cells=True))
    assert [each.path for each in second.pictures[:2]] == [each.path for each in first.pictures[:2]]
    assert [split_infotext(each.infotext).pairs["Steps"] for each in second.pictures[:3]] == ["2", "3", "4"]
    assert second.pictures[-1].kind == "grid" and second.pictures[2].path not in {each.path for each in first.pictures}
    other = drawn(client, {**asked("2", reuse_cells=True), "settings": {"eta_ancestral": 0.5}})
    assert other.pictures[0].path != first.pictures[0].path


def test_every_list_of_values_can_be_filled_in(client):
    axes = {each["name"]: each["values"] for each in client.get("/easel/v1/plots/axes/txt2img").json()}
    assert axes["Steps"] is None and "Euler,Euler a" in axes["Sampler"].replace("Euler a,Euler", "Euler,Euler a")
    assert axes["Checkpoint name"] and axes["RNG source"] == "GPU,CPU,NV" and axes["LoRA"].startswith("None")
    assert "Hires steps" in axes and "Image CFG Scale" not in axes
