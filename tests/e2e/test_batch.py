"""Batches as a person starts them: pictures chosen in the browser, and folders of the server."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.e2e.conftest import whole_job

COLOURS = {"frame 9.png": "red", "frame 10.png": "blue"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (found := tmp_path / "in").mkdir()
    for name, colour in COLOURS.items():
        Image.new("RGB", (96, 64), colour).save(found / name)
    (found / "notes.txt").write_text("no picture")
    return found


@pytest.fixture
def batch(page: Page) -> Page:
    """img2img's Batch tab, and few steps to draw."""
    page.get_by_role("tab", name="img2img", exact=True).first.click()
    page.wait_for_function("document.querySelector('#img2img_width [type=number]')?.value === '128'")
    page.locator("#img2img_steps [type=number]").fill("3")
    page.click("#img2img_batch_tab-button")
    page.wait_for_selector("#img2img_batch_upload .drop-zone")
    return page


def generate(page: Page, tab: str) -> None:
    with whole_job(page, tab):
        page.click(f"#{tab}_generate")


def thumbs(page: Page, tab: str) -> int:
    return page.locator(f"#{tab}_gallery .thumb").count()


def test_pictures_chosen_in_the_browser_are_drawn_over_one_by_one(batch: Page, folder: Path) -> None:
    batch.locator("#img2img_batch_upload input[type=file]").set_input_files([folder / name for name in COLOURS])
    expect(batch.locator(".chosen-count")).to_contain_text("2 pictures")
    generate(batch, "img2img")
    assert thumbs(batch, "img2img") == 2
    batch.get_by_role("button", name="Remove all").click()
    batch.click("#img2img_generate")
    expect(batch.locator("#img2img_gallery .card h3")).to_have_text("There is no picture to start from.")


def test_a_folders_results_keep_their_names(batch: Page, folder: Path) -> None:
    batch.click("#img2img_batch_from_dir_tab-button")
    batch.locator("#img2img_batch_input_dir").get_by_role("textbox").fill(str(folder))
    batch.locator("#img2img_batch_output_dir").get_by_role("textbox").fill(str(folder.parent / "out"))
    generate(batch, "img2img")
    assert thumbs(batch, "img2img") == 2
    assert {path.name for path in (folder.parent / "out").iterdir()} == COLOURS.keys()
    expect(batch.locator("#img2img_gallery .notes")).to_contain_text("notes.txt")


def test_masks_bring_the_controls_of_inpainting(batch: Page) -> None:
    batch.click("#img2img_batch_from_dir_tab-button")
    expect(batch.locator("#img2img_mask_mode")).to_be_hidden()
    batch.locator("#img2img_batch_inpaint_mask_dir").get_by_role("textbox").fill("masks")
    expect(batch.locator("#img2img_mask_mode")).to_be_visible()
    batch.click("#img2img_batch_upload_tab-button")
    expect(batch.locator("#img2img_mask_mode")).to_be_hidden()


def test_extras_enlarge_a_folder(page: Page, folder: Path) -> None:
    page.get_by_role("tab", name="Extras", exact=True).click()
    page.click("#extras_batch_directory_tab-button")
    page.locator("#extras_batch_input_dir").get_by_role("textbox").fill(str(folder))
    page.locator("#extras_batch_output_dir").get_by_role("textbox").fill(str(folder.parent / "large"))
    page.click("#extras_generate")
    # it may have ended before the page could say that it runs
    expect(page.locator("#extras_gallery .thumb")).to_have_count(2)
    with Image.open(folder.parent / "large" / "frame 9.png") as image:
        assert image.size == (384, 256)
