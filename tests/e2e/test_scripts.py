"""A1111's scripts as a person uses them: chosen below the settings, with their own controls."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect

from tests.e2e.conftest import whole_job

INPUT = Path(__file__).resolve().parents[1] / "golden" / "inputs" / "init_big.png"      # 192×160
LINES = "#script_txt2img_prompts_from_file_or_textbox_prompt_txt textarea"


def choose(page: Page, tab: str, script: str) -> None:
    page.click(f"#{tab}_script_list input")
    page.get_by_role("option", name=script, exact=True).click()
    expect(page.locator(f"#{tab}_script_container .script.chosen")).to_have_count(1)


def number(page: Page, control: str, value: str) -> None:
    box = page.locator(f"#{control} [type=number]")
    box.fill(value)
    box.press("Tab")


def img2img(page: Page, script: str) -> None:
    """The tab with a picture in it and little to do, and a script chosen."""
    page.evaluate("new Promise((done) => { indexedDB.deleteDatabase('easel.editor').onsuccess = done; })")
    page.get_by_role("tab", name="img2img", exact=True).first.click()
    page.wait_for_selector("#mode_img2img .editor-stage")
    page.wait_for_function("document.querySelector('#img2img_width [type=number]').value === '128'")
    page.locator("#img2img_img2img_tab input[type=file]").first.set_input_files(INPUT)
    page.wait_for_selector("#img2img_img2img_tab .editor-filled")
    number(page, "img2img_steps", "4")
    choose(page, "img2img", script)


def generate(page: Page, tab: str) -> None:
    with whole_job(page, tab):
        page.click(f"#{tab}_generate")


def test_each_line_of_a_file_becomes_a_picture(page: Page) -> None:
    number(page, "txt2img_steps", "4")
    choose(page, "txt2img", "Prompts from file or textbox")
    page.locator("#txt2img_script_container input[type=file]").set_input_files(
        {"name": "prompts.txt", "mimeType": "text/plain", "buffer": b"a red apple\n--prompt a blue boat --seed 7\n"})
    expect(page.locator(LINES)).to_have_value("a red apple\n--prompt a blue boat --seed 7\n")
    generate(page, "txt2img")
    expect(page.locator("#txt2img_gallery .thumb")).to_have_count(2)
    expect(page.locator("#html_info_txt2img .infotext")).to_contain_text("a red apple")
    page.locator("#txt2img_gallery .thumb").nth(1).click()
    expect(page.locator("#html_info_txt2img .infotext")).to_contain_text("a blue boat\nSteps: 4")
    expect(page.locator("#html_info_txt2img .infotext")).to_contain_text("Seed: 7")


def test_a_reload_keeps_the_script_and_what_it_was_told(page: Page) -> None:
    choose(page, "txt2img", "Prompts from file or textbox")
    page.fill(LINES, "a cat\na dog")
    page.locator("#script_txt2img_prompts_from_file_or_textbox_checkbox_iterate_batch input").check()
    page.reload()
    page.wait_for_selector("html.easel-ready")
    expect(page.locator("#txt2img_script_list input")).to_have_value("Prompts from file or textbox")
    expect(page.locator(LINES)).to_be_visible()
    expect(page.locator(LINES)).to_have_value("a cat\na dog")
    expect(page.locator("#script_txt2img_prompts_from_file_or_textbox_checkbox_iterate_batch input")).to_be_checked()


def test_a_line_that_cannot_be_read_is_refused_where_the_picture_would_be(page: Page) -> None:
    choose(page, "txt2img", "Prompts from file or textbox")
    page.fill(LINES, "a cat\n--colour red")
    page.click("#txt2img_generate")
    expect(page.locator("#txt2img_gallery .card h3")).to_contain_text("Line 2 of the list of prompts")
    expect(page.locator(LINES)).to_have_value("a cat\n--colour red")


def test_pasted_data_choose_no_script(page: Page) -> None:
    choose(page, "txt2img", "Prompts from file or textbox")
    page.fill(
        "#txt2img_prompt textarea",
        "a cat\nSteps: 4, Sampler: Euler, Schedule type: Automatic, CFG scale: 5, Seed: 1, Size: 128x128",
    )
    page.click("#paste")
    expect(page.locator("#txt2img_script_list input")).to_have_value("None")
    expect(page.locator(LINES)).not_to_be_visible()


def test_sd_upscale_makes_the_picture_as_much_larger_as_it_is_told(page: Page) -> None:
    img2img(page, "SD upscale")
    page.click("#script_sd_upscale_upscaler_index input")
    page.get_by_role("option", name="Lanczos", exact=True).click()
    number(page, "script_sd_upscale_scale_factor", "2")
    generate(page, "img2img")
    picture = page.request.get(page.get_attribute("#img2img_gallery img.large:not(.preview)", "src")).body()
    assert Image.open(io.BytesIO(picture)).size == (384, 320)


def test_loopback_shows_every_loop(page: Page) -> None:
    img2img(page, "Loopback")
    number(page, "script_loopback_loops", "3")
    generate(page, "img2img")
    expect(page.locator("#img2img_gallery .thumb")).to_have_count(4)      # and their grid
