"""The data of pictures, edited on the page: one at a time and several together."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path

from PIL import Image, PngImagePlugin
from playwright.sync_api import Locator, Page, expect

DATA = (
    "a red fox\nNegative prompt: blurry\n"
    "Steps: 9, Sampler: Euler, CFG scale: 7, Seed: 77, Size: 64x64, Unheard of: yes"
)


def picture(path: Path, texts: Mapping[str, str], colour: str = "teal") -> Path:
    info = PngImagePlugin.PngInfo()
    for keyword, text in texts.items():
        info.add_text(keyword, text)
    Image.new("RGB", (64, 64), colour).save(path, pnginfo=info)
    return path


def opened(page: Page, *paths: Path) -> None:
    page.get_by_role("tab", name="PNG Info").click()
    page.wait_for_selector("#pnginfo_image .drop-zone")
    page.set_input_files("#pnginfo_image .drop-zone input", paths)


def field(page: Page, name: str) -> Locator:
    return page.locator(f".data-form [data-field={name}] :is(input, select, textarea)")


def downloaded(page: Page, button: str) -> tuple[dict[str, str], bytes]:
    """The texts and pixels of the file that a button saves."""
    with page.expect_download() as waited:
        page.get_by_role("button", name=button, exact=True).click()
    with Image.open(io.BytesIO(Path(waited.value.path()).read_bytes())) as image:
        image.load()
        return dict(image.text), image.tobytes()


def test_form_and_raw_text_are_in_step_and_saved_without_touching_a_pixel(page: Page, tmp_path: Path) -> None:
    path = picture(tmp_path / "fox.png", {"parameters": DATA, "Comment": "mine"})
    pixels = Image.open(path).tobytes()
    opened(page, path)
    expect(page.locator("#pnginfo_generation_info .infotext")).to_have_text(DATA)
    page.locator(".data-unfold > summary").click()
    raw = page.get_by_label("Raw text")
    expect(field(page, "steps")).to_have_value("9")
    expect(page.locator(".data-pairs .data-key")).to_have_value("Unheard of")

    field(page, "steps").fill("12")
    expect(raw).to_have_value(DATA.replace("Steps: 9", "Steps: 12"))
    edited = DATA.replace("red fox", "red owl").replace("Steps: 9", "Steps: 15")
    raw.fill(edited)
    expect(field(page, "steps")).to_have_value("15")
    expect(field(page, "prompt")).to_have_value("a red owl")

    texts, saved = downloaded(page, "Save and download")
    assert texts == {"parameters": edited, "Comment": "mine"}
    assert saved == pixels
    said = page.locator(".data-foot .data-word")      # beside Save, which nothing covers
    expect(said).to_have_text("Saved. No pixel was touched.")
    page.get_by_role("button", name="Undo the last saving").click()
    expect(raw).to_have_value(DATA)
    expect(said).to_have_text("The data are as they were before.")
    field(page, "steps").fill("13")
    expect(said).to_have_text("")
    page.get_by_role("button", name="Discard changes").click()

    editor = page.locator(".data-editor")
    editor.get_by_text("Copy from another picture", exact=True).click()
    editor.get_by_role("button", name="Find lost data").click()
    expect(said).to_contain_text("No picture in the library looks like this one.")
    editor.get_by_text("Take data away").click()
    editor.get_by_label("Everything").check()
    texts, saved = downloaded(page, "Take away")
    assert texts == {} and saved == pixels
    expect(raw).to_have_value("")


def test_a_model_that_is_here_is_offered_and_brings_its_hash(page: Page, tmp_path: Path) -> None:
    opened(page, picture(tmp_path / "fox.png", {"parameters": f"{DATA}, Model hash: 0011223344, Model: gone"}))
    page.locator(".data-unfold > summary").click()
    model = page.locator('.data-pair [data-of="Model"]')
    expect(page.locator("#data_models_here option[value=easel-stickers-128]")).to_have_count(1)
    model.fill("easel-stickers-128")
    raw = page.get_by_label("Raw text")
    expect(raw).to_have_value(re.compile("Model: easel-stickers-128"))
    expect(raw).not_to_have_value(re.compile("0011223344"))      # its own hash, or none as long as nobody knows it


def test_several_pictures_are_edited_after_a_preview_and_compared(page: Page, tmp_path: Path) -> None:
    first = picture(tmp_path / "first.png", {"parameters": DATA})
    second = picture(tmp_path / "second.png", {"parameters": DATA.replace("Steps: 9", "Steps: 10")}, "navy")
    opened(page, first, second)
    page.get_by_label("Find", exact=True).fill("red fox")
    page.get_by_label("Replace with").fill("grey wolf")
    expect(page.get_by_role("button", name="Save and download")).to_be_disabled()
    page.get_by_role("button", name="Show what will change").click()
    expect(page.locator(".data-table ins").first).to_contain_text("a grey wolf")
    expect(page.get_by_role("button", name="Save and download")).to_be_enabled()
    wrong_expression(page)
    page.get_by_role("button", name="Compare").click()
    expect(page.locator(".data-table .differs")).to_have_count(1)
    expect(page.locator(".data-table .differs")).to_contain_text("910")
    page.get_by_title("Edit second.png alone").click()
    expect(page.locator("#pnginfo_generation_info .infotext")).to_contain_text("Steps: 10")


def wrong_expression(page: Page) -> None:
    page.get_by_label("Find", exact=True).fill("(")
    page.get_by_label("Regular expression").check()
    page.get_by_role("button", name="Show what will change").click()
    expect(page.locator("#pnginfo_many")).to_contain_text("0 of 2 pictures change.")
    expect(page.locator("#pnginfo_many")).to_contain_text("The regular expression cannot be used")
    expect(page.get_by_role("button", name="Save and download")).to_be_disabled()


def test_what_is_no_picture_is_told_and_the_place_for_one_stays(page: Page, tmp_path: Path, troubles: list[str]) -> None:
    (tmp_path / "notes.png").write_text("no picture")
    opened(page, tmp_path / "notes.png")
    expect(page.get_by_role("alert")).to_contain_text("That is not a picture Easel can read.")
    expect(page.locator("#pnginfo_image .drop-zone")).to_contain_text("Drop pictures here")
    expect(page.locator("#img2img_tab")).to_be_hidden()
    troubles.clear()      # the browser tells of the refusal
    opened(page, picture(tmp_path / "fox.png", {"parameters": DATA}))
    expect(page.locator("#img2img_tab")).to_be_visible()


def test_a_result_opens_in_the_editor(page: Page) -> None:
    page.fill("#txt2img_prompt textarea", "a turtle")
    page.click("#txt2img_generate")
    page.locator("#html_info_txt2img .generation-data .pencil").click()
    expect(page.locator("#pnginfo_generation_info .infotext")).to_contain_text("a turtle")
    field(page, "seed").fill("5")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#pnginfo_generation_info .infotext")).to_contain_text("Seed: 5,")
    page.get_by_role("button", name="Undo the last saving").click()
    expect(page.locator("#pnginfo_generation_info .infotext")).not_to_contain_text("Seed: 5,")
    field(page, "seed").fill("6")
    page.get_by_role("button", name="Save as a copy").click()
    expect(page.locator("#pnginfo_generation_info .infotext")).to_contain_text("Seed: 6,")
    field(page, "seed").fill("7")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#pnginfo_generation_info .infotext")).to_contain_text("Seed: 7,")
    page.get_by_role("button", name="Undo the last saving").click()
    expect(page.locator("#pnginfo_generation_info .infotext")).to_contain_text("Seed: 6,")      # the copy's
