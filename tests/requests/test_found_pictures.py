"""Pictures whose records were lost are listed again."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from modules.imaging.save import png
from modules.requests.found_pictures import list_found_pictures
from modules.store.jobs import DONE, GRID, IMAGE, JobStore

INFOTEXT = "a red fox\nNegative prompt: blur\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 42, Size: 8x8"


def picture(path, infotext=INFOTEXT):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png(Image.new("RGB", (8, 8)), infotext))
    return path


def test_pictures_with_generation_data_are_listed_once_as_jobs_of_their_owners(tmp_path):
    store, outputs = JobStore(tmp_path / "easel.sqlite"), tmp_path / "outputs"
    mine = picture(outputs / "txt2img-images/2026-11-28/00000-42.png")
    hers = picture(outputs / "alice/img2img-images/00001-42.png")
    grid = picture(outputs / "txt2img-grids/grid-0000.png")
    picture(outputs / "extras-images/plain.png", "")
    (outputs / "txt2img-images/broken.png").write_bytes(b"\x89PNG\r\n\x1a\nhalf")

    def owner_of(path: Path) -> str:
        return "alice" if "alice" in path.parts else "local"

    assert list_found_pictures(store, outputs, owner_of) == 3
    assert list_found_pictures(store, outputs, owner_of) == 0
    jobs = {job.outputs[0].path: job for job in store.recent("local")}
    assert jobs.keys() == {str(mine), str(grid)}
    found = jobs[str(mine)]
    assert (found.state, found.made, found.asked, found.kind) == (DONE, 1, 1, "txt2img")
    assert found.params == {"prompt": "a red fox", "negative_prompt": "blur", "seed": 42}
    assert found.outputs[0].infotext == INFOTEXT and found.outputs[0].facts["seed"] == 42
    assert found.outputs[0].kind == IMAGE and jobs[str(grid)].outputs[0].kind == GRID
    [other] = store.recent("alice")
    assert other.outputs[0].path == str(hers) and other.kind == "img2img"
    assert store.unfinished() == []


def test_a_search_ends_when_the_server_does(tmp_path):
    store = JobStore(tmp_path / "easel.sqlite")
    picture(tmp_path / "outputs/a.png")
    assert list_found_pictures(store, tmp_path / "outputs", lambda path: "local", stopping=lambda: True) == 0
