"""A1111's habits: tabs in the address, save, zip and folder, the time taken, a notification, a screen that stays on."""

from __future__ import annotations

import zipfile

from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import ready
from tests.e2e.test_page import generate

PANEL = "document.querySelector('#tabs > [role=tabpanel]:not([style*=\"display: none\"])')?.id"


def shows(page: Page, panel: str) -> None:
    page.wait_for_function(f"(panel) => {PANEL} === panel", arg=panel)


def test_back_and_forward_go_from_tab_to_tab_and_a_reload_stays(page: Page) -> None:
    page.click("#tab_settings-button")
    page.wait_for_url("**/#settings")
    page.click("#tab_img2img-button")
    page.wait_for_url("**/#img2img")
    page.go_back()
    shows(page, "tab_settings")
    page.go_back()
    shows(page, "tab_txt2img")
    page.go_forward()
    shows(page, "tab_settings")
    page.reload()
    page.wait_for_selector("html.easel-ready")
    shows(page, "tab_settings")
    page.goto("/#no-such-tab")
    page.reload()
    ready(page)
    shows(page, "tab_txt2img")


def test_all_pictures_of_a_job_come_as_a_zip_and_the_folder_is_told(page: Page) -> None:
    generate(page, "a red apple, 3d style")
    with page.expect_download() as begun:
        page.click("#save_zip_txt2img")
    with zipfile.ZipFile(begun.value.path()) as found:
        assert found.namelist() and all(name.endswith(".png") for name in found.namelist())
    page.click("#txt2img_open_folder")
    expect(page.locator(".easel-notices")).to_contain_text("outputs/txt2img-images/")


def test_the_time_taken_stands_under_the_data_also_after_a_reload(page: Page) -> None:
    generate(page, "a red apple, 3d style")
    expect(page.locator("#html_info_txt2img .time-taken")).to_contain_text("Time taken:")
    page.reload()
    ready(page)
    expect(page.locator("#html_info_txt2img .time-taken")).to_contain_text("sec.")


BROWSER = """
    window.told = []; window.asked = 0; window.locks = [];
    window.Notification = class {
        static permission = "default";
        static async requestPermission() { window.asked += 1; return this.permission = "granted"; }
        constructor(title, { body }) { window.told.push(body); }
    };
    document.hasFocus = () => false;
    Object.defineProperty(navigator, "wakeLock", { value: { request: async () => {
        window.locks.push("on");
        return { addEventListener() {}, async release() { window.locks.push("off"); } };
    } } });
"""


def test_a_browser_is_asked_for_notifications_only_once_they_are_chosen(context: BrowserContext) -> None:
    page = watched(context)
    generate(page, "a red apple, 3d style")
    assert page.evaluate("[window.asked, window.told.length]") == [0, 0]
    try:
        page.click("#tab_settings-button")
        page.check("#setting_notification_browser input")
        page.click("#settings_submit")
        page.wait_for_function("window.asked === 1")
        page.click("#tab_txt2img-button")
        generate(page, "a green apple, 3d style")
        page.wait_for_function("window.told.length === 1")
    finally:
        page.request.post("/sdapi/v1/options", data={"notification_browser": False})


def test_the_screen_stays_on_while_a_picture_is_drawn_unless_the_setting_is_off(context: BrowserContext) -> None:
    page = watched(context)
    generate(page, "a red apple, 3d style")
    page.wait_for_function("window.locks.join() === 'on,off'")
    page.evaluate("window.opts.prevent_screen_sleep_during_generation = false")
    generate(page, "a green apple, 3d style")
    assert page.evaluate("window.locks.length") == 2


def watched(context: BrowserContext) -> Page:
    page = context.new_page()
    page.add_init_script(BROWSER)
    page.goto("/")
    return ready(page)


def test_settings_above_the_tabs_hold_at_once(page: Page) -> None:
    options = "/sdapi/v1/options"
    wanted = ["sd_model_checkpoint", "live_previews_enable", "jpeg_quality"]
    page.request.post(options, data={"quicksettings_list": wanted})
    try:
        page.reload()
        ready(page)
        expect(page.locator(".quick-setting")).to_have_text(["Live preview", "Quality of JPEG, WebP and AVIF"])
        page.fill("[name=quick_jpeg_quality]", "77")
        with page.expect_response("**/sdapi/v1/options*"):
            page.press("[name=quick_jpeg_quality]", "Tab")
        assert page.request.get(options).json()["jpeg_quality"] == 77
    finally:
        page.request.post(options, data={"quicksettings_list": ["sd_model_checkpoint"], "jpeg_quality": 80})


def test_a_form_is_saved_as_what_it_begins_with_and_given_back(page: Page) -> None:
    page.fill("#txt2img_neg_prompt textarea", "grey")
    page.click("#tab_settings-button")
    try:
        page.click("#defaults_view")
        expect(page.locator("#settings_defaults .differences")).to_contain_text("Negative prompt")
        page.click("#defaults_apply")
        expect(page.locator(".easel-notices")).to_contain_text("begin with from now on")
        start = page.request.get("/easel/v1/state").json()["defaults"]["txt2img"]
        assert start["negative_prompt"] == "grey"
        page.click("#defaults_reset")
        expect(page.locator(".easel-notices")).to_contain_text("own values again")
        start = page.request.get("/easel/v1/state").json()["defaults"]["txt2img"]
        assert start["negative_prompt"] == ""
    finally:
        page.request.post("/easel/v1/form-defaults", data={"tab": "txt2img", "values": {"negative_prompt": None}})
