"""One account on two devices: the form, and the picture in an editor, follow the person."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from io import BytesIO

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from modules.app.passwords import hash_password
from modules.base.accounts import Role
from modules.store.accounts import AccountStore
from tests.e2e.conftest import PATIENCE, ROOT, serving

PASSWORD = "correct horse"
PROMPT = "#txt2img_prompt textarea"
EDITOR = "#mode_img2img .editor-picture"
SKETCH = "/sketches/sketch.img2img.image.0"


@pytest.fixture(scope="module")
def address(chromium, tmp_path_factory):
    data = tmp_path_factory.mktemp("devices")
    for name in ("ann", "bob"):
        AccountStore(data / "easel.sqlite").add(name, Role.MEMBER, hash_password(PASSWORD))
    with serving(data, "--models-dir", ROOT / "models", login=f"ann:{PASSWORD}") as found:
        yield found


@pytest.fixture
def devices(browser: Browser, address: str) -> Iterator[list[Page]]:
    """A page of a desk and one of a phone, both of ann, and one of bob."""
    widths = {"desk": 1280, "phone": 390, "bobs": 1280}
    contexts = [browser.new_context(base_url=address, viewport={"width": width, "height": 800}) for width in widths.values()]
    pages = []
    for context, name in zip(contexts, ("ann", "ann", "bob"), strict=True):
        context.set_default_timeout(PATIENCE * 1000)
        pages.append(context.new_page())
        pages[-1].goto("/")
        pages[-1].fill("#name", name)
        pages[-1].fill("#password", PASSWORD)
        pages[-1].press("#password", "Enter")
        pages[-1].wait_for_selector("html.easel-ready")
    yield pages
    for context in contexts:
        context.close()


def opened_again(page: Page) -> None:
    page.goto("/")
    page.wait_for_selector("html.easel-ready")


def kept_picture(page: Page):
    """Until the server has what the editor holds."""
    return page.expect_response(lambda reply: SKETCH in reply.url and reply.request.method == "POST")


def write(page: Page, prompt: str) -> None:
    """Type a prompt, and wait until the server has it."""
    page.fill(PROMPT, prompt)
    until = time.monotonic() + PATIENCE
    while page.request.get("/easel/v1/drafts/form").json().get("value", {}).get("values", {}).get("prompt") != prompt:
        assert time.monotonic() < until
        page.wait_for_timeout(200)


def test_what_is_typed_on_one_device_is_there_on_the_other_and_the_last_writer_is_told(devices: list[Page]) -> None:
    desk, phone, bobs = devices
    write(desk, "a red apple on the desk")
    opened_again(phone)
    expect(phone.locator(PROMPT)).to_have_value("a red apple on the desk")
    write(phone, "a pear on the phone")
    write(desk, "two apples on the desk")      # it has not looked since
    told = desk.locator(".notice", has_text="another device")
    expect(told).to_be_visible()
    told.get_by_role("button").click()
    expect(desk.locator(PROMPT)).to_have_value("a pear on the phone")
    opened_again(bobs)
    expect(bobs.locator(PROMPT)).to_have_value("")


def test_a_tab_left_open_begins_with_what_another_device_made_of_it_and_has_a_way_back(devices: list[Page]) -> None:
    desk, phone, _ = devices
    write(desk, "a blue boat")
    opened_again(phone)
    write(phone, "a green boat")
    opened_again(desk)
    expect(desk.locator(PROMPT)).to_have_value("a green boat")
    desk.locator(".notice", has_text="another device").get_by_role("button").click()
    expect(desk.locator(PROMPT)).to_have_value("a blue boat")


def test_a_picture_in_an_editor_is_there_on_the_other_device_and_gone_once_it_is_taken_out(devices: list[Page]) -> None:
    desk, phone, _ = devices
    file = BytesIO()
    Image.new("RGB", (96, 64), "orange").save(file, "PNG")
    desk.goto("/#img2img")
    desk.wait_for_selector("#mode_img2img .editor")
    with kept_picture(desk):
        desk.set_input_files("#mode_img2img .editor input[type=file]", {"name": "a.png", "mimeType": "image/png", "buffer": file.getvalue()})
    phone.goto("/#img2img")
    phone.reload()
    expect(phone.locator(EDITOR).first).to_have_js_property("naturalWidth", 96)
    with kept_picture(phone):
        phone.locator("#mode_img2img .editor").first.get_by_role("button", name=re.compile("Remove|Clear", re.I)).click()
    with desk.expect_response(lambda reply: SKETCH in reply.url):      # until then the editor is empty anyway
        desk.reload()
    desk.wait_for_selector("html.easel-ready")
    desk.wait_for_selector("#mode_img2img .editor")
    expect(desk.locator(EDITOR)).to_have_count(0)


def test_what_was_drawn_just_before_a_page_went_is_sent_when_it_comes_again(devices: list[Page]) -> None:
    desk, phone, _ = devices
    file = BytesIO()
    Image.new("RGB", (80, 64), "orange").save(file, "PNG")
    desk.goto("/#img2img")
    desk.wait_for_selector("#mode_img2img .editor")
    desk.route(f"**{SKETCH}*", lambda route: route.abort())      # as if the page were gone before
    desk.set_input_files("#mode_img2img .editor input[type=file]", {"name": "b.png", "mimeType": "image/png", "buffer": file.getvalue()})
    expect(desk.locator(EDITOR).first).to_have_js_property("naturalWidth", 80)
    desk.wait_for_function("Object.keys(localStorage).some((name) => name.endsWith('.unsent'))")
    desk.unroute(f"**{SKETCH}*")
    with kept_picture(desk):
        desk.reload()
    phone.goto("/#img2img")
    phone.reload()
    expect(phone.locator(EDITOR).first).to_have_js_property("naturalWidth", 80)
