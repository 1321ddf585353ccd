"""The library entry: a picture from Python is the program's own."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from easel import Easel
from modules.base.errors import Invalid, InvalidImage, UnknownName
from tests.servers import serving, with_tiny_model

ROOT = Path(__file__).resolve().parents[2]
SMALL = {"steps": 2, "width": 64, "height": 64, "seed": 5, "sampler_name": "Euler"}
SHIPPED = ROOT / "models/Stable-diffusion/easel-stickers-128.safetensors"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return with_tiny_model(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def easel(data):
    with Easel(models=data / "models", use_cpu=("all",)) as easel:
        yield easel


def pixels(file: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(file)))


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.slow
def test_a_picture_from_python_is_the_apis(easel, data):
    made = easel.txt2img("a red fox", negative_prompt="snow", **SMALL)
    with serving(data) as client:
        reply = client.post(
            "/sdapi/v1/txt2img", json={"prompt": "a red fox", "negative_prompt": "snow", **SMALL}
        ).json()
    theirs = base64.b64decode(reply["images"][0])
    assert np.array_equal(np.asarray(made.image), pixels(theirs))
    assert made.infotext == Image.open(io.BytesIO(theirs)).text["parameters"]


@pytest.mark.slow
def test_the_files_have_the_pictures_and_their_generation_data(easel):
    made = easel.txt2img("a fox", n_iter=2, **SMALL)
    assert len(made.images) == len(made.infotexts) == 2
    for file, image, infotext in zip(made.files, made.images, made.infotexts, strict=True):
        assert (
            np.array_equal(pixels(file), np.asarray(image))
            and Image.open(io.BytesIO(file)).text["parameters"] == infotext
        )


@pytest.mark.parametrize("form", ["picture", "content", "path"])
def test_a_picture_to_start_from_comes_in_any_form(easel, form, tmp_path):
    image = Image.new("RGB", (64, 64), "teal")
    image.save(tmp_path / "teal.png")
    source = {"picture": image, "content": (tmp_path / "teal.png").read_bytes(), "path": tmp_path / "teal.png"}[form]
    first, again = (easel.img2img(each, "a fox", denoising_strength=0.5, **SMALL) for each in (source, image))
    assert "Denoising strength: 0.5" in first.infotext and np.array_equal(
        np.asarray(first.image), np.asarray(again.image)
    )


def test_what_is_not_under_the_mask_stays(easel):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    mask = Image.new("L", (64, 64))
    mask.paste(255, (32, 0, 64, 64))
    made = np.asarray(
        easel.img2img(image, "a fox", mask=mask, mask_blur=0, inpaint_full_res=False, inpainting_fill=1, **SMALL).image
    )
    assert np.array_equal(made[:, :32], np.asarray(image)[:, :32]) and not np.array_equal(
        made[:, 32:], np.asarray(image)[:, 32:]
    )


def test_settings_are_for_one_request_alone(easel):
    skipped, plain = (
        easel.txt2img("a fox", settings=settings, **SMALL).infotext
        for settings in ({"CLIP_stop_at_last_layers": 2}, {})
    )
    assert "Clip skip: 2" in skipped and "Clip skip" not in plain


def test_a_setting_that_is_none_is_told(easel):
    assert easel.txt2img("a fox", settings={"clip": 2}, **SMALL).warnings == (
        "There is no setting called 'clip'; it was ignored.",
    )


@pytest.mark.slow
def test_nothing_is_kept_unless_asked(data):
    before = files_in(data)
    with Easel(models=data / "models", use_cpu=("all",)) as easel:
        folder = easel.app.flags.paths.data_dir
        easel.txt2img("a fox", **SMALL)
    assert not folder.exists() and files_in(data) == before


@pytest.mark.slow
def test_what_is_saved_is_in_the_data_folder(data, tmp_path):
    with Easel(models=data / "models", data=tmp_path, use_cpu=("all",)) as easel:
        easel.txt2img("a fox", **SMALL)
        assert not list((tmp_path / "outputs").rglob("*.png"))
        made = easel.txt2img("a fox", save=True, **SMALL)
    (saved,) = (tmp_path / "outputs/txt2img-images").rglob("*.png")
    assert saved.read_bytes() == made.files[0] and not list((tmp_path / "cache/terminals").iterdir())


def test_what_cannot_be_is_refused_by_name(easel):
    with pytest.raises(Invalid, match="'stepz'") as caught:
        easel.txt2img("a fox", stepz=3)
    assert "'steps'" in caught.value.hint
    with pytest.raises(Invalid, match="Sampling steps cannot be '0'"):
        easel.txt2img("a fox", steps=0)
    with pytest.raises(Invalid, match="CLIP_stop_at_last_layers cannot be 'two'"):
        easel.txt2img("a fox", settings={"CLIP_stop_at_last_layers": "two"})
    with pytest.raises(UnknownName, match="sampler"):
        easel.txt2img("a fox", sampler_name="Oiler")
    with pytest.raises(InvalidImage):
        easel.img2img(b"no picture", "a fox")
    with pytest.raises(Invalid, match="no folder to save"):
        easel.txt2img("a fox", save=True)
    with pytest.raises(Invalid, match="no folder .*nowhere"):
        Easel(models="nowhere")


def test_what_ended_a_job_is_raised(easel):
    with pytest.raises(Exception, match="absent") as caught:
        easel.txt2img("a fox", refiner_checkpoint="absent", **SMALL)
    assert caught.value.hint


def test_stopping_the_wait_interrupts_the_job(easel, monkeypatch):
    wait, jobs = easel.app.jobs.wait, easel.app.jobs
    asked = []

    def stopped(job: str) -> None:
        asked.append(job)
        raise KeyboardInterrupt

    monkeypatch.setattr(jobs, "wait", stopped)
    with pytest.raises(KeyboardInterrupt):
        easel.txt2img("a fox", **SMALL | {"steps": 150})
    assert wait(asked[0]).state == "interrupted"


def test_a_closed_one_says_so(data):
    easel = Easel(models=data / "models", use_cpu=("all",))
    easel.close()
    easel.close()
    with pytest.raises(Invalid, match="closed"):
        easel.txt2img("a fox")


@pytest.mark.slow
@pytest.mark.skipif(not SHIPPED.exists(), reason="the default model is not here")
def test_the_example_of_the_docs_runs(tmp_path, monkeypatch, capsys):
    """In fewer steps; it is ten lines."""
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/python.md").read_text("utf-8"), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(example.replace("steps=20", "steps=2"), "docs/python.md", "exec"), {})
    assert Image.open(tmp_path / "fox.png").text["parameters"].startswith("a red fox")
    assert "a fox under a blue sky" in capsys.readouterr().out and len(example.strip().splitlines()) <= 10
