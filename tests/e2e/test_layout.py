"""Where things stand on the page, at the widths that people have."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

PICTURE = "#txt2img_gallery img.large:not(.preview)"
PHONE = {"width": 390, "height": 844}
ACTIONS = ["Folder", "Save", "Zip", "Download", "img2img", "Inpaint", "Extras", "Hires fix", "Vary", "Control"]


def draw(page: Page, tab: str = "txt2img") -> None:
    page.locator(f"#{tab}_steps [type=number]").fill("2")
    page.fill(f"#{tab}_prompt textarea", "a red apple")
    page.click(f"#{tab}_generate")
    page.wait_for_selector(f"#{tab}_gallery img.large:not(.preview)")


def top(found: Locator) -> float:
    return found.bounding_box()["y"]


@pytest.fixture
def phone(page: Page) -> Page:
    page.set_viewport_size(PHONE)
    yield page
    page.set_viewport_size({"width": 1280, "height": 900})


def test_generate_and_the_picture_stay_in_view_while_the_settings_are_scrolled(page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    draw(page)
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    expect(page.locator("#txt2img_generate")).to_be_in_viewport(ratio=0.99)
    expect(page.locator(PICTURE)).to_be_in_viewport(ratio=0.99)
    page.set_viewport_size({"width": 1280, "height": 900})


def test_what_one_can_do_with_a_picture_has_a_name_and_a_place_of_its_own(page: Page) -> None:
    row = page.locator("#image_buttons_txt2img")
    expect(row.locator("button")).to_have_text(ACTIONS)
    expect(row.locator("button:enabled")).to_have_count(0)      # there is no picture yet
    before = top(row)
    draw(page)
    expect(row.locator("button:disabled")).to_have_count(0)
    assert top(row) == before


def test_img2img_shows_prompt_picture_generate_and_result_at_once(page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    page.get_by_role("tab", name="img2img", exact=True).first.click()
    for seen in ("#img2img_prompt", "#img2img_generate", "#img2img_gallery .stage", "#mode_img2img .editor-stage"):
        expect(page.locator(seen).first).to_be_in_viewport(ratio=0.9)
    page.set_viewport_size({"width": 1280, "height": 900})


def test_on_a_phone_the_picture_to_start_from_follows_the_prompts(phone: Page) -> None:
    phone.get_by_role("tab", name="img2img", exact=True).first.click()
    phone.wait_for_selector("#mode_img2img .editor-stage")
    order = ["img2img_neg_prompt", "mode_img2img", "img2img_generate", "img2img_gallery", "img2img_settings"]
    tops = [top(phone.locator(f"#{name}")) for name in order]
    assert tops == sorted(tops)


def test_on_a_phone_the_first_row_is_one_and_unfolds(phone: Page) -> None:
    row = phone.locator("#quicksettings")
    folded = row.bounding_box()["height"]
    assert folded < 110
    for hidden in ("#easel_theme", "#refresh_sd_model_checkpoint", "#setting_CLIP_stop_at_last_layers"):
        expect(phone.locator(hidden)).to_be_hidden()
    expect(phone.locator("#easel_quick_more")).to_have_attribute("aria-expanded", "false")
    phone.click("#easel_quick_more")
    expect(phone.locator("#easel_quick_more")).to_have_attribute("aria-expanded", "true")
    expect(phone.locator("#easel_theme")).to_be_visible()


def test_on_a_phone_generate_looks_for_its_picture_and_stays_at_hand(phone: Page) -> None:
    draw(phone)
    expect(phone.locator("#txt2img_gallery .stage")).to_be_in_viewport(ratio=0.9)
    phone.evaluate("scrollTo(0, document.body.scrollHeight)")
    expect(phone.locator("#txt2img_generate")).to_be_in_viewport(ratio=0.99)


def test_on_a_phone_rows_are_as_high_as_a_finger(phone: Page) -> None:
    low = phone.evaluate("""
        [...document.querySelectorAll(
            "#txt2img_page :is(.label-wrap, summary, .checkbox-container, input[type=range], [type=number], .tool, .act)"
        )].filter((it) => it.offsetParent && it.getBoundingClientRect().height < 39.5)
            .map((it) => `${it.className} in ${it.parentElement.closest("[id]").id}`)
    """)
    assert low == []
    phone.wait_for_function("document.documentElement.scrollWidth <= innerWidth")


def test_a_very_wide_window_is_used(page: Page) -> None:
    page.set_viewport_size({"width": 2560, "height": 1300})
    work = page.locator("#txt2img_work").bounding_box()
    assert work["x"] + work["width"] > 2450
    data, gallery = page.locator("#html_info_txt2img").bounding_box(), page.locator("#txt2img_gallery").bounding_box()
    assert data["x"] > gallery["x"] + gallery["width"]
    page.set_viewport_size({"width": 1280, "height": 900})


def test_a_first_visit_has_three_hints_and_no_later_one(page: Page, open_page: Callable[[], Page]) -> None:
    hints = page.locator(".first-hints li")
    expect(hints).to_have_count(3)
    page.click(".first-hints button")
    expect(hints).to_have_count(0)
    page.reload()
    page.wait_for_selector(".example")
    expect(hints).to_have_count(0)
    expect(open_page().locator(".first-hints")).to_have_count(0)


def test_the_whole_window_shows_a_picture_with_its_data_and_sends_it_on(page: Page) -> None:
    draw(page)
    page.click("#txt2img_gallery .open")
    window = page.locator("dialog.lightbox[open]")
    window.get_by_role("button", name=re.compile("^Data")).click()
    expect(window.locator(".infotext")).to_contain_text("a red apple")
    window.get_by_role("button", name="Send to inpaint").click()
    expect(window).to_have_count(0)
    expect(page.locator("#img2img_inpaint_tab .editor-filled")).to_be_visible()


def test_a_refused_field_is_marked_and_has_the_focus(page: Page) -> None:
    page.fill("#txt2img_seed input", "twelve")
    page.click("#txt2img_generate")
    expect(page.locator("#txt2img_seed input")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#txt2img_seed input")).to_be_focused()
    page.fill("#txt2img_seed input", "12")
    draw(page)
    expect(page.locator("#txt2img_seed input")).not_to_have_attribute("aria-invalid", "true")


def test_a_number_beyond_its_ends_is_told(page: Page) -> None:
    page.fill("#txt2img_steps [type=number]", "999")
    page.press("#txt2img_steps [type=number]", "Tab")
    expect(page.locator(".notice")).to_contain_text("150 is used")
    expect(page.locator("#txt2img_steps [type=number]")).to_have_value("150")


def test_a_files_problem_is_put_away_for_good(page: Page) -> None:
    line = page.locator("#easel_model_notes p", has_text="broken.safetensors")
    line.get_by_role("button", name="Put away").click()
    expect(line).to_have_count(0)
    page.reload()
    page.wait_for_selector("html.easel-ready")
    expect(line).to_have_count(0)


def test_a_search_without_a_match_says_so(page: Page) -> None:
    page.get_by_role("tab", name="Settings").click()
    page.fill("#settings_search input", "zebra crossing")
    expect(page.locator("#settings_none")).to_contain_text("zebra crossing")
    page.locator("#settings_none button").click()
    expect(page.locator(".settings-section:visible").first).to_be_visible()


def test_long_generation_data_are_folded(page: Page) -> None:
    page.locator("#txt2img_steps [type=number]").fill("1")
    page.fill("#txt2img_prompt textarea", "a red apple, " * 150)
    page.click("#txt2img_generate")
    told = page.locator("#html_info_txt2img .infotext")
    expect(told).to_have_class(re.compile("folded"))
    page.get_by_role("button", name="Show all of it").click()
    expect(told).not_to_have_class(re.compile("folded"))


def test_the_focus_stays_where_it_was(page: Page) -> None:
    """Generate gives way to Interrupt and comes back; a thumbnail that is chosen keeps the focus."""
    page.locator("#txt2img_batch_count [type=number]").fill("2")
    page.locator("#txt2img_steps [type=number]").fill("2")
    page.locator("#txt2img_generate").press("Enter")
    page.wait_for_selector(PICTURE)
    page.wait_for_function("!document.getElementById('txt2img_page').classList.contains('running')")
    expect(page.locator("#txt2img_generate")).to_be_focused()
    second = page.locator("#txt2img_gallery .thumb").nth(1)
    second.press("Enter")
    expect(second).to_have_attribute("aria-selected", "true")
    expect(second).to_be_focused()
