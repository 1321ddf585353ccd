"""The folds of ControlNet and of the detailer as a person uses them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.slow
SHAPES = Path(__file__).resolve().parents[1] / "golden" / "inputs" / "cn_shapes.png"
DATA = "#html_info_txt2img .infotext"


def opened(page: Page, fold: str) -> None:
    page.locator(f"#txt2img_{fold} summary").first.click()


def test_finds_are_drawn_moved_and_painted(page: Page) -> None:
    steps = page.locator("#txt2img_steps [type=number]")
    steps.fill("2")
    steps.press("Tab")
    page.locator("#txt2img_prompt textarea").fill("a red circle")
    page.locator("#txt2img_generate").click()
    expect(page.locator(DATA)).to_contain_text("Steps: 2", timeout=120_000)

    opened(page, "detailer")
    detector = page.locator("#txt2img_detailer_0_ad_model_dropdown")
    expect(detector.locator("option[value=mtcnn_face]")).to_be_attached()
    detector.select_option("mtcnn_face")
    expect(page.locator("#txt2img_detailer .control-tabs [aria-selected=true]")).to_have_text("Tab 1 [mtcnn_face]")
    page.get_by_role("button", name="Show what is found in the picture").first.click()
    editor = page.locator("#txt2img_detailer .find-editor")
    expect(editor.get_by_role("status")).to_have_text("Finds: 0", timeout=120_000)
    page.wait_for_function("document.querySelector('#txt2img_detailer .find-frame img').complete")

    frame = editor.locator(".find-frame img")
    frame.scroll_into_view_if_needed()
    place = frame.bounding_box()
    def at(x: float, y: float) -> tuple[float, float]:
        return place["x"] + x * place["width"], place["y"] + y * place["height"]
    page.mouse.move(*at(0.2, 0.2))
    page.mouse.down()
    page.mouse.move(*at(0.6, 0.5), steps=3)
    page.mouse.up()
    box = editor.locator(".find-box")
    expect(box).to_have_count(1)
    page.mouse.move(*at(0.4, 0.35))
    page.mouse.down()
    page.mouse.move(*at(0.5, 0.45), steps=3)
    page.mouse.up()

    with page.expect_request("**/easel/v1/jobs") as asked:
        editor.get_by_role("button", name="Paint these").click()
    fields = json.loads(asked.value.post_data)["fields"]
    [found] = fields["detailer"][0]["ad_boxes"]
    assert fields["detailer_only"] and found == pytest.approx([0.3, 0.3, 0.7, 0.6], abs=0.02)
    expect(page.locator(DATA)).to_contain_text("ADetailer boxes: 0.3", timeout=120_000)

    box.focus()
    box.press("Delete")
    expect(box).to_have_count(0)
    expect(editor.get_by_role("button", name="Paint these")).to_be_disabled()


def test_a_dropped_picture_enables_its_unit_and_its_map_is_seen(page: Page) -> None:
    opened(page, "controlnet")
    unit = page.locator("#txt2img_controlnet_ControlNet-0_controlnet")
    unit.locator("input[type=file]").first.set_input_files(SHAPES)
    expect(page.locator("#txt2img_controlnet_ControlNet-0_controlnet_enabled")).to_be_checked()
    unit.get_by_role("radio", name="Canny", exact=True).click()
    unit.get_by_role("button", name="Run preprocessor: see the map").click()
    expect(unit.locator(".control-map img")).to_be_visible(timeout=60_000)
    expect(page.locator("#txt2img_controlnet .control-tabs [role=tab]").first).to_contain_text("Canny")


def test_regions_are_drawn_and_masked_by_hand(page: Page) -> None:
    opened(page, "regions")
    fold = page.locator("#txt2img_regions")

    def drag(where: str, *points: tuple[float, float]) -> None:
        fold.locator(where).scroll_into_view_if_needed()
        place = fold.locator(where).bounding_box()
        spots = [(place["x"] + x * place["width"], place["y"] + y * place["height"]) for x, y in points]
        page.mouse.move(*spots[0])
        page.mouse.down()
        page.mouse.move(*spots[1], steps=3)
        page.mouse.up()

    drag(".region-ground", (0.0, 0.1), (0.5, 0.9))
    drag(".region-ground", (0.6, 0.1), (0.9, 0.9))
    expect(fold.locator(".region-form")).to_have_count(2)
    fold.locator("textarea").first.fill("a blue square")
    fold.get_by_role("button", name="Take the region away").nth(1).click()
    expect(fold.locator(".region-form")).to_have_count(1)
    fold.get_by_role("button", name="Paint its mask").click()
    drag(".mask-canvas", (0.2, 0.2), (0.4, 0.8))
    with page.expect_response("**/easel/v1/inputs"):
        fold.get_by_role("button", name="Use this mask").click()
    page.locator("#txt2img_prompt textarea").fill("a red circle")
    with page.expect_request("**/easel/v1/jobs") as asked:
        page.locator("#txt2img_generate").click()
    [region] = json.loads(asked.value.post_data)["fields"]["regions"]
    assert region["prompt"] == "a blue square" and region["mask"].endswith(".png")
    assert [region[edge] for edge in ("left", "top", "right", "bottom")] == pytest.approx([0, 0.1, 0.5, 0.9], abs=0.02)
    expect(page.locator(DATA)).to_contain_text("Region mode: Attention", timeout=120_000)
