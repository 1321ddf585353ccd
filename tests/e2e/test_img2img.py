"""The img2img tab as a person uses it: a picture in, through each editor, and out."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from tests.e2e.conftest import whole_job

INPUT = Path(__file__).resolve().parents[1] / "golden" / "inputs" / "init_big.png"
DATA = "#html_info_img2img .infotext"
PICTURE = "#img2img_gallery img.large:not(.preview)"
# of the results, unless a test says otherwise: the picture's shape at about the model's 128×128 pixels
SIZE = (144, 120)
REACH = 24                          # pixels of the result beyond a stroke within which blur and latent cells may paint


@pytest.fixture
def img2img(page: Page) -> Page:
    """The tab, its editors empty, and few steps to draw."""
    page.evaluate("new Promise((done) => { indexedDB.deleteDatabase('easel.editor').onsuccess = done; })")
    open_tab(page)
    number(page, "img2img_steps", "6")
    return page


def open_tab(page: Page) -> None:
    page.get_by_role("tab", name="img2img", exact=True).first.click()
    page.wait_for_selector("#mode_img2img .editor-stage")
    page.wait_for_function("easel.isReady('img2img')")


def number(page: Page, control: str, value: str) -> None:
    box = page.locator(f"#{control} [type=number]")
    box.fill(value)
    box.press("Tab")


def mode(page: Page, name: str) -> None:
    page.locator("#mode_img2img").get_by_role("tab", name=name, exact=True).click()
    page.wait_for_selector(f"{PLACES[name]} .editor-stage")


def load(page: Page, name: str = "img2img", path: Path = INPUT) -> None:
    page.locator(f"{PLACES[name]} input[type=file]").first.set_input_files(path)
    page.wait_for_selector(f"{PLACES[name]} .editor-filled")


def stroke(page: Page, name: str, *points: tuple[float, float]) -> None:
    """Draw a line through points of the picture, each in parts of its width and height."""
    layer = page.locator(f"{PLACES[name]} .editor-layer")
    layer.scroll_into_view_if_needed()
    box = layer.bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=4)
    page.mouse.up()


def generate(page: Page, prompt: str = "a red apple") -> Image.Image:
    """The finished picture, as it is downloaded."""
    page.fill("#img2img_prompt textarea", prompt)
    with whole_job(page, "img2img"):
        page.click("#img2img_generate")
    return Image.open(io.BytesIO(page.request.get(page.get_attribute(PICTURE, "src")).body())).convert("RGB")


def original(size: tuple[int, int] = SIZE) -> Image.Image:
    """What a result is where nothing is painted."""
    return Image.open(INPUT).convert("RGB").resize(size, Image.Resampling.LANCZOS)


def changes(one: Image.Image, other: Image.Image) -> np.ndarray:
    """(h, w) largest difference of a pixel's channels, in grey levels."""
    return np.abs(np.asarray(one, int) - np.asarray(other, int)).max(axis=2)


def test_a_picture_becomes_another_with_its_data(img2img: Page) -> None:
    load(img2img)
    result = generate(img2img)
    data = img2img.inner_text(DATA)
    assert data.startswith("a red apple\nSteps: 6, Sampler: ")
    assert re.search(r"Size: 144x120, .*Denoising strength: 0\.75", data)
    assert result.size == SIZE


def test_without_a_picture_it_says_so(img2img: Page) -> None:
    img2img.click("#img2img_generate")
    expect(img2img.locator("#img2img_gallery .card h3")).to_have_text("There is no picture to start from.")


def test_what_the_mask_leaves_out_stays_as_it_was(img2img: Page) -> None:
    """A stroke down the middle; what is farther from it than brush and blur reach keeps its pixels."""
    mode(img2img, "Inpaint")
    load(img2img, "Inpaint")
    stroke(img2img, "Inpaint", (0.5, 0.4), (0.5, 0.6))
    changed = changes(generate(img2img), original())
    painted = np.argwhere(changed > 8)
    assert len(painted) > 20
    outside = np.ones_like(changed, bool)
    outside[51 - REACH : 77 + REACH, 64 - REACH : 64 + REACH] = False
    assert changed[outside].max() == 0


def test_a_sketch_is_seen_in_the_result(img2img: Page) -> None:
    """With little noise the result is the picture with the strokes on it."""
    mode(img2img, "Sketch")
    load(img2img, "Sketch")
    img2img.locator(f"{PLACES['Sketch']} input[type=color]").fill("#ff0000")
    number(img2img, "img2img_denoising_strength", "0.1")
    stroke(img2img, "Sketch", (0.3, 0.5), (0.7, 0.5))
    red, green, blue = np.asarray(generate(img2img))[58:62, 58:86].reshape(-1, 3).mean(axis=0)
    assert red > 150 > 100 > max(green, blue)


def test_a_border_makes_the_result_wider(img2img: Page) -> None:
    mode(img2img, "Inpaint")
    load(img2img, "Inpaint")
    img2img.locator(PLACES["Inpaint"]).get_by_role("button", name="Extend the canvas").click()
    right = img2img.locator(f"{PLACES['Inpaint']} .editor-border label", has_text="Right").locator("input")
    right.fill("64")
    right.press("Tab")
    width, height = 192, 160      # the picture's own
    result = generate(img2img)
    assert result.size == (width + 64, height)
    kept = changes(
        result.crop((0, 0, width - REACH, height)), original((width, height)).crop((0, 0, width - REACH, height))
    )
    assert kept.max() == 0


def test_a_picture_is_copied_from_one_editor_to_another(img2img: Page) -> None:
    load(img2img)
    img2img.locator("#img2img_copy_to_img2img").get_by_role("button", name="Inpaint", exact=True).click()
    expect(img2img.locator(f"{PLACES['Inpaint']} .editor-status")).to_contain_text("192 × 160")
    expect(img2img.locator("#img2img_width [type=number]")).to_have_value(str(SIZE[0]))


def test_a_picture_dropped_anywhere_on_the_tab_is_loaded(img2img: Page) -> None:
    img2img.evaluate(
        """([data]) => {
            const dataTransfer = new DataTransfer();
            const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
            dataTransfer.items.add(new File([bytes], "picture.png", { type: "image/png" }));
            for (const kind of ["dragenter", "dragover", "drop"])
                document.querySelector("#img2img_cfg_scale")
                    .dispatchEvent(new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true }));
        }""",
        [base64.b64encode(INPUT.read_bytes()).decode()],
    )
    expect(img2img.locator(f"{PLACES['img2img']} .editor-status")).to_contain_text("192 × 160")


def test_only_a_model_that_edits_by_instruction_has_an_image_cfg_scale(img2img: Page) -> None:
    expect(img2img.locator("#img2img_image_cfg_scale")).to_be_hidden()
    img2img.route("**/easel/v1/state?*", lambda route: route.fulfill(json=route.fetch().json() | {"edits": True}))
    expect(img2img.locator("#img2img_image_cfg_scale")).to_be_visible()


def test_a_picture_of_txt2img_is_sent_with_its_prompt(page: Page) -> None:
    page.evaluate("new Promise((done) => { indexedDB.deleteDatabase('easel.editor').onsuccess = done; })")
    number(page, "txt2img_steps", "6")
    page.fill("#txt2img_prompt textarea", "a fox in the snow")
    page.click("#txt2img_generate")
    page.wait_for_selector("#txt2img_gallery img.large:not(.preview)")
    page.hover("#txt2img_gallery .picture")
    page.get_by_role("button", name="Send to img2img").click()
    page.wait_for_selector(f"{PLACES['img2img']} .editor-filled")
    expect(page.locator("#img2img_prompt textarea")).to_have_value("a fox in the snow")
    expect(page.locator(f"{PLACES['img2img']} .editor-status")).to_contain_text("128 × 128")


def test_a_reload_keeps_picture_and_drawing(img2img: Page) -> None:
    mode(img2img, "Inpaint")
    load(img2img, "Inpaint")
    stroke(img2img, "Inpaint", (0.3, 0.5), (0.7, 0.5))
    before = painted(img2img)
    assert before > 0
    img2img.wait_for_timeout(500)      # the strokes are written after the pointer is up
    img2img.reload()
    img2img.wait_for_selector("html.easel-ready")
    open_tab(img2img)
    mode(img2img, "Inpaint")
    img2img.wait_for_selector(f"{PLACES['Inpaint']} .editor-filled")
    img2img.wait_for_function(f"({PAINTED})() > 0")
    assert painted(img2img) == before


def painted(page: Page) -> int:
    return page.evaluate(PAINTED)


PLACES = {      # of the tabs, as in modules/ui/tabs/img2img.py
    "img2img": "#img2img_img2img_tab",
    "Sketch": "#img2img_img2img_sketch_tab",
    "Inpaint": "#img2img_inpaint_tab",
}
PAINTED = """() => {
    const layer = document.querySelector("#img2img_inpaint_tab .editor-layer");
    const pixels = layer.getContext("2d").getImageData(0, 0, layer.width, layer.height).data;
    return pixels.filter((value, i) => i % 4 === 3 && value > 0).length;
}"""


def test_the_size_takes_the_pictures_shape_at_the_models_number_of_pixels(img2img: Page) -> None:
    load(img2img)
    expect(img2img.locator("#img2img_width [type=number]")).to_have_value("144")
    expect(img2img.locator("#img2img_height [type=number]")).to_have_value("120")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """3000×1500 pixels as they lie in the file, to be turned by a quarter."""
    path, exif = tmp_path / "photo.jpg", Image.Exif()
    exif[0x0112] = 6
    Image.linear_gradient("L").resize((3000, 1500)).convert("RGB").save(path, exif=exif, quality=90)
    return path


def test_a_size_that_is_too_large_is_capped_in_the_pictures_shape_and_told(img2img: Page, photo: Path) -> None:
    load(img2img, path=photo)
    img2img.click("#img2img_detect_image_size_btn")
    expect(img2img.locator("#img2img_height [type=number]")).to_have_value("2048")
    expect(img2img.locator("#img2img_width [type=number]")).to_have_value("1024")
    expect(img2img.locator(".notice")).to_contain_text("1500 × 3000")


def test_a_large_photo_is_said_to_be_sent_and_sent_as_large_as_it_is_used(img2img: Page, photo: Path) -> None:
    load(img2img, path=photo)
    expect(img2img.locator("#img2img_height [type=number]")).to_have_value("184")
    sent = held_back(img2img)
    img2img.click("#img2img_generate")
    expect(img2img.locator("#img2img_gallery .progress-text")).to_have_text("Sending the picture…")
    expect(img2img.locator("#img2img_generate")).to_have_attribute("aria-busy", "true")
    while not sent:
        img2img.wait_for_timeout(20)
    picture = kept(sent[0])
    assert picture.size == (184, 368)      # upright, twice the result's 88×184
    top, bottom = picture.convert("L").getpixel((92, 4)), picture.convert("L").getpixel((92, 363))
    assert (
        abs(top - bottom) < 8
        and abs(picture.convert("L").getpixel((4, 180)) - picture.convert("L").getpixel((179, 180))) > 200
    )
    sent[0].continue_()
    img2img.wait_for_function("document.querySelector('#img2img_gallery img.large:not(.preview)')")
    expect(img2img.locator("#img2img_generate")).to_have_attribute("aria-busy", "false")


def test_under_a_mask_no_pixel_is_left_out(img2img: Page, photo: Path) -> None:
    mode(img2img, "Inpaint")
    load(img2img, "Inpaint", photo)
    stroke(img2img, "Inpaint", (0.4, 0.5), (0.6, 0.5))
    sent = held_back(img2img)
    img2img.click("#img2img_generate")
    while len(sent) < 2:
        img2img.wait_for_timeout(20)
    assert photo.read_bytes() in [content(route) for route in sent]
    assert {kept(route).size for route in sent} == {(3000, 1500), (1500, 3000)}      # the file itself, and the mask
    for route in sent:
        route.continue_()
    img2img.wait_for_function("document.querySelector('#img2img_gallery img.large:not(.preview)')")


def held_back(page: Page) -> list[Route]:
    """The pictures that the page sends from now on, none of which arrives until it is let."""
    sent: list[Route] = []
    page.route("**/easel/v1/inputs", lambda route: sent.append(route))
    return sent


def content(route: Route) -> bytes:
    return base64.b64decode(route.request.post_data_json["image"].partition(",")[2])


def kept(route: Route) -> Image.Image:
    return Image.open(io.BytesIO(content(route)))


def test_resized_by_a_scale_the_result_is_so_many_times_as_large(img2img: Page) -> None:
    load(img2img)
    img2img.get_by_label("Resize by").check()
    scale = img2img.locator("#img2img_scale [type=number]")
    expect(img2img.locator("#img2img_width")).to_be_hidden()
    scale.fill("1.5")
    scale.press("Tab")
    assert generate(img2img).size == (288, 240)      # of 192×160
