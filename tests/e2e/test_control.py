"""The folds of ControlNet and of the detailer as a person uses them."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, Route, expect

from modules.imaging.control.poses import PosedPerson, points_of, pose_map

pytestmark = pytest.mark.slow
SHAPES = Path(__file__).resolve().parents[1] / "golden" / "inputs" / "cn_shapes.png"
DATA = "#html_info_txt2img .infotext"


UNIT = "txt2img_controlnet_ControlNet-0_controlnet"


def opened(page: Page, fold: str) -> None:
    page.locator(f"#txt2img_{fold} summary").first.click()


def resting_place(page: Page, where: Locator) -> Mapping[str, float]:
    """An element's box, once it no longer moves: a dialog that comes is laid out in several goes."""
    before, place = None, where.bounding_box()
    while place is None or place != before:
        page.wait_for_timeout(150)
        before, place = place, where.bounding_box()
    return place


def stroke(page: Page, where: Locator, *points: tuple[float, float]) -> None:
    """Drag the mouse through places of an element, in shares of it."""
    where.scroll_into_view_if_needed()
    place = resting_place(page, where)
    spots = [(place["x"] + x * place["width"], place["y"] + y * place["height"]) for x, y in points]
    page.mouse.move(*spots[0])
    page.mouse.down()
    for spot in spots[1:]:
        page.mouse.move(*spot, steps=4)
    page.mouse.up()


def asked_unit(page: Page) -> dict[str, Any]:
    """The first unit of the job that Generate asks for; the model, which is not here, is not waited for."""
    page.locator("#txt2img_prompt textarea").fill("a red circle")
    with page.expect_request("**/easel/v1/jobs") as asked:
        page.locator("#txt2img_generate").click()
    return json.loads(asked.value.post_data)["fields"]["control"][0]


def kept_levels(page: Page, name: str) -> np.ndarray:
    """A picture that the server keeps as input, (H, W, 3) uint8."""
    content = page.request.get(f"/easel/v1/inputs/{name}").body()
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("RGB"))


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
    dialog = page.locator(".paint-dialog")
    expect(dialog.get_by_role("button", name="Use this mask")).to_be_disabled()
    stroke(page, dialog.locator(".editor-filled .editor-stage"), (0.45, 0.3), (0.55, 0.7))
    with page.expect_response("**/easel/v1/inputs"):
        dialog.get_by_role("button", name="Use this mask").click()
    expect(dialog).to_have_count(0)
    page.locator("#txt2img_prompt textarea").fill("a red circle")
    with page.expect_request("**/easel/v1/jobs") as asked:
        page.locator("#txt2img_generate").click()
    [region] = json.loads(asked.value.post_data)["fields"]["regions"]
    assert region["prompt"] == "a blue square" and region["mask"].endswith(".png")
    assert [region[edge] for edge in ("left", "top", "right", "bottom")] == pytest.approx([0, 0.1, 0.5, 0.9], abs=0.02)
    expect(page.locator(DATA)).to_contain_text("Region mode: Attention", timeout=120_000)


def test_a_scribble_becomes_the_units_picture_white_on_black_and_can_be_gone_on_with(page: Page) -> None:
    opened(page, "controlnet")
    unit, dialog = page.locator(f"#{UNIT}"), page.locator(".paint-dialog")
    unit.get_by_role("button", name="Draw a scribble").click()
    stage, use = dialog.locator(".editor-filled .editor-stage"), dialog.get_by_role("button", name="Use this scribble")
    expect(use).to_be_disabled()
    stroke(page, stage, (0.45, 0.35), (0.55, 0.65))
    expect(use).to_be_enabled()
    use.click()
    expect(unit.locator(".control-picture img").first).to_be_visible()
    expect(page.locator(f"#{UNIT}_enabled")).to_be_checked()
    first, shown = asked_unit(page), unit.locator(".control-picture img").first
    lines, before = kept_levels(page, first["image"]), shown.get_attribute("src")
    assert first["module"] == "none" and lines.shape == (512, 512, 3)
    assert lines.max() == 255 and 0 < (lines > 127).mean() < 0.2 and not lines[:8].any()

    unit.get_by_role("button", name="Draw a scribble").click()
    stroke(page, stage, (0.55, 0.35), (0.45, 0.65))
    dialog.get_by_role("checkbox", name="Black lines on white").check()
    use.click()
    expect(dialog).to_have_count(0)
    expect(shown).not_to_have_attribute("src", before)      # the new one has come to the server
    second = asked_unit(page)
    dark = kept_levels(page, second["image"])
    assert second["module"].startswith("invert") and dark[0, 0].tolist() == [255, 255, 255]
    assert ((255 - dark) >= lines).all() and (dark < 128).sum() > (lines > 127).sum()


def test_a_scribble_that_the_server_did_not_take_changes_nothing_of_the_unit_and_is_gone_on_with(
    page: Page, troubles: list[str]
) -> None:
    opened(page, "controlnet")
    unit, dialog = page.locator(f"#{UNIT}"), page.locator(".paint-dialog")
    unit.get_by_role("radio", name="Canny", exact=True).click()
    module = page.locator(f"#{UNIT}_module_dropdown")
    expect(module).to_have_value("canny")
    full = {"error": "NoSpace", "errors": "The disk is full."}
    page.route("**/easel/v1/inputs", lambda route: route.fulfill(status=507, json=full))
    unit.get_by_role("button", name="Draw a scribble").click()
    stroke(page, dialog.locator(".editor-filled .editor-stage"), (0.45, 0.35), (0.55, 0.65))
    use = dialog.get_by_role("button", name="Use this scribble")
    use.click()
    expect(page.get_by_text("The disk is full.").first).to_be_visible()
    expect(module).to_have_value("canny")
    expect(page.locator(f"#{UNIT}_enabled")).not_to_be_checked()
    troubles.clear()
    page.unroute("**/easel/v1/inputs")
    unit.get_by_role("button", name="Draw a scribble").click()
    use.click()
    expect(page.locator(f"#{UNIT}_enabled")).to_be_checked()
    expect(module).to_have_value("none")


def test_generate_waits_for_a_picture_that_is_still_on_its_way(page: Page) -> None:
    opened(page, "controlnet")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/easel/v1/inputs", hold)
    page.locator(f"#{UNIT} input[type=file]").first.set_input_files(SHAPES)
    page.locator("#txt2img_prompt textarea").fill("a red circle")
    with page.expect_request("**/easel/v1/jobs") as asked:
        page.locator("#txt2img_generate").click()
        expect(page.locator("#txt2img_generate")).to_have_attribute("aria-busy", "true")
        while not held:
            page.wait_for_timeout(50)
        held[0].continue_()
    [unit, *_] = json.loads(asked.value.post_data)["fields"]["control"]
    assert unit["enabled"] and kept_levels(page, unit["image"]).any()


def test_weights_by_layer_are_numbers_or_say_what_they_should_be(page: Page) -> None:
    opened(page, "controlnet")
    unit = page.locator(f"#{UNIT}")
    unit.locator("input[type=file]").first.set_input_files(SHAPES)
    expect(page.locator(f"#{UNIT}_enabled")).to_be_checked()
    unit.locator("summary", has_text="Weights by layer").click()
    line, wrong = page.locator(f"#{UNIT}_advanced_weighting"), unit.get_by_role("alert")
    line.fill("1, much")
    line.press("Tab")
    expect(wrong).to_have_text("Up to 16 numbers from -10 to 10, with commas between.")
    line.fill("1 0.5;0")
    line.press("Tab")
    expect(wrong).to_be_hidden()
    expect(line).to_have_value("1, 0.5, 0")
    assert asked_unit(page)["advanced_weighting"] == [1, 0.5, 0]
    unit.get_by_role("radio", name="My prompt is more important").check()
    unit.get_by_role("button", name="Fill in what counts now").click()
    filled = asked_unit(page)["advanced_weighting"]
    assert filled == pytest.approx([0.825 ** (12 - place) for place in range(13)], abs=1e-3)


def test_a_preprocessor_that_cannot_run_says_which_file_it_wants_where(page: Page) -> None:
    opened(page, "controlnet")
    unit, modules = page.locator(f"#{UNIT}"), page.locator(f"#{UNIT}_module_dropdown")
    expect(modules.locator("option", has_text="softedge_hed (not here: ControlNetHED.pth)")).to_be_attached()
    modules.select_option("softedge_hed")
    told = unit.get_by_role("status").filter(has_text="needs ControlNetHED.pth, which is not here.")
    expect(told).to_contain_text("models/ControlNetPreprocessor")
    modules.select_option("canny")
    expect(told).to_be_hidden()


def test_a_pose_is_dragged_and_the_request_carries_the_map_of_it(page: Page) -> None:
    opened(page, "controlnet")
    unit, dialog = page.locator(f"#{UNIT}"), page.locator(".pose-dialog")
    unit.get_by_role("button", name="Edit a pose").click()
    nose = dialog.locator("svg circle").first
    before = resting_place(page, nose)
    place = before["x"] + before["width"] / 2, before["y"] + before["height"] / 2
    page.mouse.move(*place)
    page.mouse.down()
    page.mouse.move(place[0] + 40, place[1] + 20, steps=4)
    page.mouse.up()
    assert nose.bounding_box()["x"] == pytest.approx(before["x"] + 40, abs=1.5)
    page.keyboard.press("Control+z")
    assert nose.bounding_box()["x"] == pytest.approx(before["x"], abs=0.5)
    page.keyboard.press("Control+Shift+z")
    dialog.get_by_role("button", name="Hands").click()
    dialog.get_by_label("Joint", exact=True).select_option("Right ankle")
    dialog.get_by_role("checkbox", name="Hidden").check()

    with page.expect_request("**/controlnet/render_openpose_json") as drawn:
        dialog.get_by_role("button", name="Use this pose").click()
    expect(dialog).to_have_count(0)
    expect(unit.locator(".control-picture img").first).to_be_visible()
    [pose] = json.loads(drawn.value.post_data)
    [person] = pose["people"]
    assert person["pose_keypoints_2d"][3 * 10 + 2] == 0 and "hand_left_keypoints_2d" in person
    lists = ("pose_keypoints_2d", "hand_left_keypoints_2d", "hand_right_keypoints_2d")
    points = [points_of(person[name], pose["canvas_width"], pose["canvas_height"]) for name in lists]
    sent = asked_unit(page)
    expected = pose_map([PosedPerson(*points)], pose["canvas_width"], pose["canvas_height"])
    assert sent["module"] == "none" and np.array_equal(kept_levels(page, sent["image"]), expected)

    unit.get_by_role("button", name="Edit a pose").click()
    expect(dialog.get_by_role("status")).to_contain_text("People: 1, 512 × 512")
    with page.expect_download() as saved:
        dialog.get_by_role("button", name="Save JSON").click()
    assert json.loads(Path(saved.value.path()).read_text()) == pose
    dialog.get_by_role("button", name="Close (Esc)").click()


def test_a_pose_that_a_preprocessor_found_is_edited_over_its_picture(page: Page) -> None:
    pose = json.loads((Path(__file__).resolve().parents[1] / "imaging/control/opencv/pose.json").read_text())
    white = base64.b64encode(SHAPES.read_bytes()).decode()
    found = {"images": [white], "info": "Success", "poses": [pose]}
    page.route("**/controlnet/detect", lambda route: route.fulfill(json=found))
    opened(page, "controlnet")
    unit, dialog = page.locator(f"#{UNIT}"), page.locator(".pose-dialog")
    unit.locator("input[type=file]").first.set_input_files(SHAPES)
    unit.get_by_role("button", name="Run preprocessor: see the map").click()
    unit.get_by_role("button", name="Edit this pose").click()
    expect(dialog.get_by_role("status")).to_contain_text("People: 2, 512 × 512")
    expect(dialog.locator(".pose-paper img")).to_be_visible()
    with page.expect_request("**/controlnet/render_openpose_json") as drawn:
        dialog.get_by_role("button", name="Use this pose").click()
    [used] = json.loads(drawn.value.post_data)
    assert used["people"][0]["face_keypoints_2d"] == pose["people"][0]["face_keypoints_2d"]
    expect(dialog).to_have_count(0)


def test_the_effective_region_is_painted_over_the_units_picture_and_both_come_back_with_pasted_data(
    page: Page, open_page: Callable[[], Page]
) -> None:
    opened(page, "controlnet")
    unit, dialog = page.locator(f"#{UNIT}"), page.locator(".paint-dialog")
    unit.locator("input[type=file]").first.set_input_files(SHAPES)
    expect(page.locator(f"#{UNIT}_enabled")).to_be_checked()
    unit.get_by_role("button", name="Paint the effective region").click()
    stroke(page, dialog.locator(".editor-filled .editor-stage"), (0.5, 0.4), (0.5, 0.6))
    with page.expect_response("**/easel/v1/inputs"):
        dialog.get_by_role("button", name="Use this mask").click()
    expect(dialog).to_have_count(0)
    sent = asked_unit(page)
    with Image.open(SHAPES) as shapes:
        mask = kept_levels(page, sent["effective_region_mask"])
        assert mask.shape[1::-1] == shapes.size and mask.any() and not mask.all()

    other = open_page()
    own = f"Image: {sent['image'][:12]}, Region: {sent['effective_region_mask'][:12]}"
    data = f'a red circle\nSteps: 2, ControlNet 0: "Module: none, Model: None, Weight: 1.0", Control unit 0: "{own}"'
    other.locator("#txt2img_prompt textarea").fill(data)
    other.locator("#paste").click()
    expect(other.locator("#txt2img_controlnet .control-tabs [role=tab]").first).to_contain_text("none")
    opened(other, "controlnet")
    shown = other.locator(f"#{UNIT} .control-picture img:visible")
    expect(shown).to_have_count(2)
    other.wait_for_function("[...document.querySelectorAll('.control-picture img')].filter((image) => image.src)"
                            ".every((image) => image.complete && image.naturalWidth > 0)")


def test_several_pictures_are_taken_in_turn_by_those_of_a_batch(page: Page, tmp_path: Path) -> None:
    opened(page, "controlnet")
    unit = page.locator(f"#{UNIT}")
    files = [tmp_path / f"frame-{number}.png" for number in (1, 2, 10)]
    for grey, file in enumerate(files, 1):
        Image.new("RGB", (64, 64), (20 * grey,) * 3).save(file)
    batch = unit.locator(".control-batch")
    unit.locator(".control-drawing input[type=file]").set_input_files(list(reversed(files)))
    expect(batch.get_by_role("status")).to_have_text("The pictures of a batch take these 3 in turn.")
    expect(batch.locator(".control-batch-row img")).to_have_count(2)
    batch.get_by_role("button", name="Batch count 3: one for each").click()
    expect(page.locator("#txt2img_batch_count [type=number]")).to_have_value("3")
    asked = asked_unit(page)
    greys = [int(kept_levels(page, name)[0, 0, 0]) for name in (asked["image"], *asked["more_images"])]
    assert greys == [20, 40, 60] and asked["enabled"]      # in the order of their names, 2 before 10
    batch.get_by_role("button", name="Take them away").click()
    expect(batch).to_be_hidden()
    expect(unit.get_by_role("button", name="Pictures for a batch")).to_be_visible()
    page.locator(f"#{UNIT}_enabled").uncheck()


def test_what_pasted_data_have_beyond_the_forms_is_told_and_can_be_left_out(page: Page) -> None:
    units = ", ".join(f'ControlNet {n}: "Module: canny, Model: easel-canny"' for n in range(5))
    data = f"a boy\nSteps: 4, Seed: 1, ADetailer model: mtcnn_face, ADetailer boxes: 0.1 0.1 0.5 0.5, {units}"
    page.locator("#txt2img_prompt textarea").fill(data)
    page.locator("#paste").click()
    for fold in ("controlnet", "detailer"):
        opened(page, fold)
    more, boxes = page.locator("#txt2img_controlnet .control-rest"), page.locator(".control-boxes").first
    expect(more).to_contain_text("2 more of the pasted data take part.")
    expect(boxes).to_contain_text("Painted where boxes by hand are: 1.")
    more.get_by_role("button").click()
    boxes.get_by_role("button").click()
    with page.expect_request("**/easel/v1/jobs") as asked:
        page.locator("#txt2img_generate").click()
    fields = json.loads(asked.value.post_data)["fields"]
    assert len(fields["control"]) == 3 and "ad_boxes" not in fields["detailer"][0]
