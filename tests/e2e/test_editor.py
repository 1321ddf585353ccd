"""The picture editor, with a real mouse and keyboard: what is painted is what comes out, and nothing is lost."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageDraw
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route, expect

from modules.app.languages import WORDING
from tests.e2e.conftest import PATIENCE

ASSETS = Path(__file__).resolve().parents[2] / "modules" / "ui" / "assets"
PLACE = "http://localhost/"      # answered by the tests themselves; a secure context, so the clipboard works
PAGE = """<!doctype html><html lang="en" data-theme="{theme}"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,">{sheets}
<script>{wording}</script>
<script>
const memory = (storage) => ({{
  get: (name) => JSON.parse(storage().getItem(name)), set: (name, value) => storage().setItem(name, JSON.stringify(value)),
}});
window.opts = {{}};
window.easel = {{ facts: {{ words: {{}}, start: {{}} }}, kept: {{ tab: memory(() => sessionStorage), browser: memory(() => localStorage) }} }};
</script>
<body style="margin: 16px; background: var(--ground); font-family: sans-serif"><div id="host"></div><p><textarea id="elsewhere"></textarea></p>
<script type="module">
import {{ Editor }} from "./editor/editor.js";
window.states = [];
window.editor = new Editor(document.getElementById("host"), {{ kind: "{kind}", key: "test", onChange: (state) => states.push(state) }});
</script>"""
SHEETS = "".join(f'<link rel="stylesheet" href="{name}.css">' for name in ("variables", "page", "editor"))
SIZE = (320, 200)
WIDE = {"width": 900, "height": 760}


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A fresh browser in which PLACE serves the assets; whatever goes wrong on its pages fails the test."""
    troubles: list[str] = []
    context = browser.new_context(viewport=WIDE, permissions=["clipboard-read", "clipboard-write"], has_touch=True)
    context.route(f"{PLACE}**", answer)
    context.set_default_timeout(PATIENCE * 1000)
    context.on("weberror", lambda problem: troubles.append(str(problem.error)))
    context.on("console", lambda said: troubles.append(said.text) if said.type == "error" else None)
    yield context
    context.close()
    assert not troubles


def page_of(kind: str, theme: str) -> str:
    return PAGE.format(kind=kind, theme=theme, sheets=SHEETS, wording=WORDING.read_text("utf-8"))


def answer(route: Route) -> None:
    path, _, query = route.request.url.removeprefix(PLACE).partition("?")
    if path:
        route.fulfill(path=ASSETS / path)
    else:
        kind, theme = (query or "mask&light").split("&")
        route.fulfill(content_type="text/html", body=page_of(kind, theme))


Opened = Callable[..., Page]


@pytest.fixture
def opened(context: BrowserContext, tmp_path: Path) -> Opened:
    """Open an editor of a kind, with a picture in it unless told otherwise."""

    def open_editor(kind: str = "mask", picture: Path | None = tmp_path / "picture.png", theme: str = "light") -> Page:
        page = context.new_page()
        page.goto(f"{PLACE}?{kind}&{theme}")
        if picture:
            if not picture.exists():
                drawn().save(picture)
            page.set_input_files("input[type=file]", picture)
            page.wait_for_function("editor.state.hasImage")
        return page

    return open_editor


def drawn(size: tuple[int, int] = SIZE) -> Image.Image:
    """A picture that differs from pixel to pixel."""
    return Image.merge(
        "RGB",
        [Image.linear_gradient("L").resize(size), Image.radial_gradient("L").resize(size), Image.new("L", size, 90)],
    )


def result(page: Page, what: str) -> bytes | None:
    """The bytes of editor.image() or editor.mask()."""
    url = page.evaluate(
        """async (what) => {
        const blob = await editor[what]();
        const reader = new FileReader();
        return blob && new Promise((done) => { reader.onload = () => done(reader.result); reader.readAsDataURL(blob); });
    }""",
        what,
    )
    return base64.b64decode(url.partition(",")[2]) if url else None


def picture(page: Page, what: str) -> Image.Image:
    return Image.open(io.BytesIO(result(page, what))).convert("RGB")


def mask(page: Page) -> Image.Image:
    return picture(page, "mask").convert("L")


def state(page: Page) -> dict[str, Any]:
    return page.evaluate("editor.state")


def stage(page: Page) -> Locator:
    return page.locator(".editor-stage")


def on_screen(page: Page, x: float, y: float) -> tuple[float, float]:
    """Where a point of the picture is on the screen."""
    box = page.locator(".editor-layer").bounding_box()
    width, height = page.evaluate("[editor.state.width, editor.state.height]")
    return box["x"] + x * box["width"] / width, box["y"] + y * box["height"] / height


def drag(page: Page, *points: tuple[float, float]) -> None:
    """Press at the first point of the picture, move through the others, release."""
    page.mouse.move(*on_screen(page, *points[0]))
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*on_screen(page, *point), steps=4)
    page.mouse.up()


def brush(page: Page, **values: Any) -> None:
    page.evaluate("(values) => { editor.brush.set(values); editor.refresh(); }", values)


def tool(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


class held:
    """While a key is down."""

    def __init__(self, page: Page, key: str) -> None:
        self.page, self.key = page, key

    def __enter__(self) -> None:
        self.page.keyboard.down(self.key)

    def __exit__(self, *_: object) -> None:
        self.page.keyboard.up(self.key)


def settled(page: Page) -> None:
    """Wait until all is in the browser's database."""
    page.evaluate("editor.store.done")


def same(one: Image.Image, other: Image.Image) -> bool:
    return one.size == other.size and ImageChops.difference(one, other).getbbox() is None


def test_a_stroke_is_white_on_black_at_native_size(opened):
    page = opened()
    assert result(page, "mask") is None and state(page)["hasMask"] is False
    brush(page, size=20)
    drag(page, (60, 100), (260, 100))
    painted = mask(page)
    assert painted.size == SIZE
    ideal = Image.new("L", SIZE)
    ImageDraw.Draw(ideal).rounded_rectangle((50, 90, 270, 110), 10, fill=255)
    assert max(abs(a - b) for a, b in zip(painted.getbbox(), ideal.getbbox())) <= 1
    assert {painted.getpixel((x, y)) for x in range(60, 261) for y in (93, 100, 107)} == {255}
    assert {painted.getpixel(at) for at in [(0, 0), (30, 100), (160, 80), (160, 120), (290, 100), (319, 199)]} == {0}
    assert (
        page.evaluate("states.at(-1)")
        == state(page)
        == {
            "width": 320,
            "height": 200,
            "hasImage": True,
            "hasMask": True,
            "border": {"left": 0, "top": 0, "right": 0, "bottom": 0},
        }
    )


def test_sizes_and_places_are_native_however_the_picture_is_seen(opened):
    page = opened()
    brush(page, size=16)
    page.mouse.move(*on_screen(page, 40, 40))
    with held(page, "Alt"):
        for _ in range(6):
            page.mouse.wheel(0, -100)
    assert page.evaluate("editor.view.scale") > 4
    drag(page, (30, 40), (50, 40))
    painted = mask(page)
    assert painted.size == SIZE
    assert max(abs(a - b) for a, b in zip(painted.getbbox(), (22, 32, 58, 48))) <= 1
    page.keyboard.press("r")
    assert page.evaluate("editor.view.fitted")
    drag(page, (30, 150), (50, 150))
    assert max(abs(a - b) for a, b in zip(mask(page).getbbox(), (22, 32, 58, 158))) <= 1


def test_undo_and_redo_are_inverse(opened):
    page = opened()
    brush(page, size=30, softness=0.5, opacity=0.7)
    looks = []
    for y in (50, 100, 150):
        drag(page, (30, y), (290, y), (30, y))
        looks.append(mask(page))
    for redo in ("Control+Shift+z", "Control+y"):
        page.keyboard.press("Control+z")
        assert same(mask(page), looks[1])
        page.keyboard.press("Control+z")
        assert same(mask(page), looks[0])
        page.keyboard.press("Control+z")
        assert result(page, "mask") is None
        page.keyboard.press("Control+z")      # nothing left to undo
        for look in looks:
            page.keyboard.press(redo)
            assert same(mask(page), look)
    page.keyboard.press("Control+z")
    drag(page, (160, 20), (160, 180))
    expect(tool(page, "Redo")).to_be_disabled()
    tool(page, "Clear all strokes").click()
    assert state(page)["hasMask"] is False
    tool(page, "Undo").click()
    assert mask(page).getpixel((160, 30)) > 0


def test_opacity_counts_once_a_stroke(opened):
    page = opened()
    brush(page, size=40, opacity=0.5)
    drag(page, (60, 100), (260, 100), (60, 100), (260, 100))
    assert abs(mask(page).getpixel((160, 100)) - 128) <= 2
    drag(page, (60, 100), (260, 100))
    assert abs(mask(page).getpixel((160, 100)) - 191) <= 3


def test_a_soft_brush_fades_outwards(opened):
    page = opened()
    brush(page, size=100, softness=1)
    drag(page, (60, 100), (260, 100))
    painted = mask(page)
    column = [painted.getpixel((160, y)) for y in range(100, 152)]
    assert column == sorted(column, reverse=True) and column[0] > 200 and column[-1] == 0
    assert any(40 < value < 200 for value in column)


def test_the_eraser_takes_away(opened):
    page = opened()
    brush(page, size=40)
    drag(page, (60, 100), (260, 100))
    page.keyboard.press("e")
    expect(tool(page, "Eraser")).to_have_attribute("aria-pressed", "true")
    drag(page, (160, 60), (160, 140))
    painted = mask(page)
    assert painted.getpixel((160, 100)) == 0 and painted.getpixel((70, 100)) == painted.getpixel((250, 100)) == 255
    brush(page, size=300)
    drag(page, (20, 100), (300, 100))
    assert state(page)["hasMask"] is False and result(page, "mask") is None


def test_fill_takes_what_a_stroke_encloses(opened):
    page = opened()
    brush(page, size=8)
    drag(page, (60, 40), (260, 40), (260, 160), (60, 160), (60, 36))
    page.keyboard.press("g")
    page.mouse.click(*on_screen(page, 160, 100))
    painted = mask(page)
    assert {painted.getpixel((x, y)) for x in range(60, 261) for y in range(40, 161)} == {255}
    assert {painted.getpixel(at) for at in [(10, 10), (160, 20), (300, 100), (160, 180)]} == {0}
    page.mouse.click(*on_screen(page, 5, 5))
    assert mask(page).getextrema() == (255, 255)


def test_a_reload_restores_picture_strokes_and_border(opened, tmp_path):
    page = opened()
    brush(page, size=24, softness=0.4, opacity=0.8)
    drag(page, (40, 40), (280, 160))
    page.evaluate("editor.border({ left: 64, bottom: 8 })")
    before, was = mask(page), state(page)
    settled(page)
    page.reload()
    page.wait_for_function("window.editor?.state.hasMask")
    assert same(mask(page), before) and state(page) == was
    assert result(page, "image") == (tmp_path / "picture.png").read_bytes()
    assert page.evaluate("editor.brush.size") == 24
    page.evaluate("editor.clear()")
    settled(page)
    page.reload()
    page.evaluate("editor.ready")
    assert state(page)["hasImage"] is False
    expect(page.locator(".editor-empty")).to_be_visible()


def test_a_mask_leaves_the_files_bytes_alone(opened, tmp_path):
    path = tmp_path / "photo.jpg"
    drawn().save(path, quality=90)
    page = opened(picture=path)
    drag(page, (40, 40), (280, 160))
    assert result(page, "image") == path.read_bytes()


def test_a_sketch_is_painted_into_the_picture(opened):
    page = opened("sketch")
    brush(page, size=40, colour="#ff8000")
    drag(page, (60, 100), (260, 100))
    sketched = picture(page, "image")
    assert sketched.size == SIZE and sketched.getpixel((160, 100)) == (255, 128, 0)
    assert same(sketched.crop((0, 0, 320, 70)), drawn().crop((0, 0, 320, 70)))
    assert result(page, "mask") is None
    page.mouse.move(*on_screen(page, 20.5, 20.5))
    page.keyboard.press("i")
    assert page.evaluate("editor.brush.colour") == "#{:02x}{:02x}{:02x}".format(*drawn().getpixel((20, 20)))


def test_a_sketch_with_a_mask_masks_every_trace_of_it(opened):
    page = opened("mask-sketch")
    brush(page, size=40, colour="#00ff00", opacity=0.1)
    drag(page, (60, 100), (260, 100))
    painted, sketched = mask(page), picture(page, "image")
    assert set(painted.tobytes()) == {0, 255} and painted.getpixel((160, 100)) == 255
    assert 0 < ImageChops.difference(sketched, drawn()).getpixel((160, 100))[1] < 30


def test_the_border_grows_by_handles_and_by_numbers(opened):
    page = opened("image")
    tool(page, "Extend the canvas").click()
    handle = page.get_by_role("slider", name="Extend to the right, in pixels")
    box = handle.bounding_box()
    scale = page.evaluate("editor.view.scale")
    at = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*at)
    page.mouse.down()
    page.mouse.move(at[0] + 50 * scale, at[1], steps=5)
    page.mouse.up()
    assert state(page)["border"] == {"left": 0, "top": 0, "right": 48, "bottom": 0}
    top = page.get_by_role("spinbutton", name="Extend upwards, in pixels")
    top.fill("61")
    top.press("Tab")
    expect(top).to_have_value("64")
    handle.press("ArrowRight")
    page.get_by_role("slider", name="Extend to the left, in pixels").press("ArrowLeft")
    assert state(page)["border"] == {"left": 8, "top": 64, "right": 56, "bottom": 0}
    expect(page.locator(".editor-status")).to_contain_text("320 × 200 → 384 × 264")
    page.evaluate("editor.border({ left: -5, top: 99999 })")
    assert state(page)["border"] == {"left": 0, "top": 7992, "right": 56, "bottom": 0}
    assert page.evaluate("states.at(-1).border.top") == 7992


def test_sketches_have_no_border(opened):
    page = opened("sketch")
    page.evaluate("editor.border({ left: 8 })")
    assert state(page)["border"]["left"] == 0
    expect(tool(page, "Extend the canvas")).to_have_count(0)


def test_keys_and_wheel(opened):
    page = opened()
    brush(page, size=50)
    page.mouse.move(*on_screen(page, 100, 100))
    page.keyboard.press("q")
    assert page.evaluate("editor.brush.size") == 44
    page.keyboard.press("w")
    page.keyboard.press("w")
    assert page.evaluate("editor.brush.size") > 50
    with held(page, "Control"):
        page.mouse.wheel(0, 100)
    page.wait_for_function("editor.brush.size < 50")
    fitted = page.evaluate("editor.view.scale")
    with held(page, "Alt"):
        page.mouse.wheel(0, -100)
        page.wait_for_function("(fitted) => editor.view.scale > fitted", arg=fitted)
    x = page.evaluate("editor.view.x")
    with held(page, "f"):
        page.mouse.move(*(at + 30 for at in on_screen(page, 100, 100)), steps=3)
    assert page.evaluate("editor.view.x") != x and state(page)["hasMask"] is False
    with held(page, " "):
        drag(page, (100, 100), (120, 120))
    assert state(page)["hasMask"] is False
    page.keyboard.press("o")
    expect(page.locator(".editor-layer")).to_be_hidden()
    page.keyboard.press("r")
    assert page.evaluate("editor.view.scale") == fitted


def test_full_screen_and_back(opened):
    page = opened()
    page.mouse.move(*on_screen(page, 100, 100))
    height = page.evaluate("document.body.scrollHeight")
    page.keyboard.press("s")
    assert page.locator(".editor").bounding_box() == {"x": 0, "y": 0, **WIDE}
    drag(page, (60, 100), (260, 100))
    assert mask(page).getpixel((160, 100)) == 255
    assert page.evaluate("document.body.scrollHeight") == height
    page.keyboard.press("Escape")
    assert page.locator(".editor").bounding_box()["x"] == 16


def test_keys_leave_what_is_typed_elsewhere_alone(opened):
    page = opened()
    size = page.evaluate("editor.brush.size")
    page.focus("#elsewhere")
    page.mouse.move(*on_screen(page, 100, 100))
    page.keyboard.type("square wheels")
    expect(page.locator("#elsewhere")).to_have_value("square wheels")
    assert page.evaluate("editor.brush.size") == size


def test_a_picture_is_pasted(opened):
    page = opened(picture=None)
    page.mouse.move(200, 200)
    buffer = io.BytesIO()
    drawn((64, 48)).save(buffer, "PNG")
    page.evaluate("""async (data) => {
        const blob = await (await fetch("data:image/png;base64," + data)).blob();
        await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
    }""", base64.b64encode(buffer.getvalue()).decode())
    page.keyboard.press("Control+v")
    page.wait_for_function("editor.state.width === 64 && editor.state.height === 48")
    assert same(picture(page, "image"), drawn((64, 48)))


def test_a_picture_is_dropped_and_the_page_does_not_hear_of_it(opened):
    page = opened(picture=None)
    page.evaluate("""async () => {
        window.heard = 0;
        for (const name of ["dragenter", "drop"]) document.addEventListener(name, () => heard++);
        const canvas = document.createElement("canvas");
        const transfer = new DataTransfer();
        const blob = await new Promise((done) => canvas.toBlob(done));
        transfer.items.add(new File([blob], "dropped.png", { type: "image/png" }));
        const at = document.querySelector(".editor-stage");
        const how = { dataTransfer: transfer, bubbles: true, cancelable: true };
        for (const name of ["dragenter", "dragover", "drop"]) at.dispatchEvent(new DragEvent(name, how));
    }""")
    # a canvas that nobody sized
    page.wait_for_function("editor.state.width === 300 && editor.state.height === 150")
    assert page.evaluate("heard") == 0


def test_exif_orientation_is_honoured(opened, tmp_path):
    path, exif = tmp_path / "turned.jpg", Image.Exif()
    exif[0x0112] = 6      # to be turned by a quarter to the right
    halves = Image.new("RGB", SIZE, "black")
    halves.paste("white", (0, 0, 160, 200))
    halves.save(path, exif=exif, quality=95)
    page = opened("sketch", picture=path)
    upright = picture(page, "image")
    assert upright.size == (200, 320) and upright.getpixel((100, 20))[0] > 250 and upright.getpixel((100, 300))[0] < 5


def test_what_cannot_be_opened_is_said_in_words_and_the_picture_stays(opened, tmp_path):
    page = opened()
    (tmp_path / "poem.png").write_text("no picture")
    page.set_input_files("input[type=file]", tmp_path / "poem.png")
    expect(page.get_by_role("alert")).to_contain_text("poem.png is not a picture")
    Image.new("1", (8200, 8)).save(tmp_path / "long.png")
    page.set_input_files("input[type=file]", tmp_path / "long.png")
    expect(page.get_by_role("alert")).to_contain_text("long.png is too large: 8200 × 8")
    assert state(page)["width"] == 320
    tool(page, "Close").click()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_pen_paints_as_wide_as_it_presses(opened, context):
    page = opened()
    brush(page, size=80)
    pen = context.new_cdp_session(page)
    for kind, x, force in (
        ("mousePressed", 60, 1),
        ("mouseMoved", 160, 0.5),
        ("mouseMoved", 260, 0.25),
        ("mouseReleased", 260, 0),
    ):
        at_x, at_y = on_screen(page, x, 100)
        how = {"button": "left", "buttons": 1, "force": force, "pointerType": "pen"}
        pen.send("Input.dispatchMouseEvent", {"type": kind, "x": at_x, "y": at_y, **how})
    painted = mask(page)
    width = [painted.crop((x, 0, x + 1, 200)).getbbox() for x in (60, 160, 259)]
    assert [bottom - top for _, top, _, bottom in width] == pytest.approx([80, 40, 20], abs=5)


def test_two_fingers_pinch_and_paint_nothing(opened, context):
    page = opened()
    box = stage(page).bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    touch = context.new_cdp_session(page)
    scale = page.evaluate("editor.view.scale")
    for kind, apart in (("touchStart", 40), ("touchMove", 60), ("touchMove", 80)):
        points = [{"x": middle[0] + side * apart, "y": middle[1], "id": i} for i, side in enumerate((-1, 1))]
        if kind == "touchStart":
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points[:1]})
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert page.evaluate("editor.view.scale") == pytest.approx(2 * scale, rel=0.05)
    assert state(page)["hasMask"] is False


def test_a_large_picture_is_painted_across(opened, tmp_path):
    path = tmp_path / "large.png"
    drawn((4096, 4096)).save(path, compress_level=1)
    page = opened(picture=path)
    brush(page, size=100)
    drag(page, (200, 200), (3900, 3900))
    painted = mask(page)
    assert painted.size == (4096, 4096)
    assert {painted.getpixel((at, at)) for at in range(200, 3900, 50)} == {255} and painted.getpixel((3000, 1000)) == 0


def test_undo_forgets_the_oldest_steps_when_they_hold_too_much(opened):
    page = opened(picture=None)
    assert page.evaluate("""async () => {
        const { History } = await import("./editor/history.js");
        const history = new History(3 * 4 * 256 * 256);      // three tiles
        for (let step = 1; step <= 5; step++) history.push(new Map([["0,0", { before: {}, after: {}, step }]]));
        const undone = [];
        while (history.canUndo) undone.push(history.undo().get("0,0").step);
        return undone;
    }""") == [5, 4, 3]


def test_all_buttons_speak_and_take_the_focus(opened):
    page = opened("mask-sketch")
    for button in page.locator(".editor-button:visible").all():
        assert button.get_attribute("aria-label") and button.get_attribute("title")
    page.keyboard.press("Tab")
    expect(tool(page, "Brush")).to_be_focused()
