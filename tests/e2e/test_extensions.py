"""One small extension of A1111's kind, unmodified, in the real page: controls, tab, buttons, paste, setting, switch."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import MODEL, PATIENCE, ROOT, ready, serving

OURS = ROOT / "tests/plugins/extensions"
IDS = """
    tabs tab_txt2img tab_img2img tab_extras tab_pnginfo tab_modelmerger tab_settings tab_extensions quicksettings footer settings
    settings_restart_gradio setting_sd_model_checkpoint refresh_sd_model_checkpoint sd_checkpoint_hash paste script_list
    txt2img_prompt txt2img_neg_prompt txt2img_prompt_container txt2img_toprow txt2img_actions_column txt2img_generate
    txt2img_interrupt txt2img_skip txt2img_token_counter txt2img_negative_token_counter txt2img_tools txt2img_extra_tabs
    txt2img_settings txt2img_sampling txt2img_steps txt2img_width txt2img_height txt2img_dimensions_row txt2img_cfg_scale
    txt2img_seed txt2img_subseed txt2img_batch_count txt2img_batch_size txt2img_column_batch txt2img_enable_hr txt2img_hr-checkbox
    txt2img_hires_steps txt2img_hr_scale txt2img_hr_upscaler hires_prompt hires_neg_prompt txt2img_script_container
    txt2img_results txt2img_gallery_container txt2img_gallery txt2img_generation_info_button html_info_txt2img html_log_txt2img
    generation_info_txt2img image_buttons_txt2img txt2img_send_to_img2img txt2img_send_to_inpaint txt2img_send_to_extras
    img2img_prompt img2img_neg_prompt img2img_toprow img2img_generate img2img_settings img2img_width img2img_height
    img2img_script_container img2img_results img2img_generation_info_button mode_img2img img2img_img2img_tab
    img2img_img2img_sketch_tab img2img_inpaint_tab img2img_inpaint_sketch_tab img2img_inpaint_upload_tab img2img_batch_tab
    img2img_image img2img_sketch img2maskimg inpaint_sketch img_inpaint_base img_inpaint_mask txt2img_tab inpaint_tab extras_tab
    txt2img_checkpoint txt2img_switch_at hr_checkpoint hr_sampler hr_scheduler
    resize_mode img2img_mask_blur img2img_scale image_buttons_extras extras_image pnginfo_image
"""
DATA = "a fox\nNegative prompt: a dog\nSteps: 5, Sampler: Euler, CFG scale: 3, Seed: 9, Size: 128x128, Tier A: in snow"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("extended")
    for name in ("tier-a", "fails-everywhere"):
        shutil.copytree(OURS / name, folder / "extensions" / name)
    return folder


@pytest.fixture(scope="module")
def address(chromium: Path, data: Path) -> Iterator[str]:
    if not MODEL.exists():
        pytest.skip("the default model is not here")
    (data / "localizations").mkdir()
    (data / "localizations/xx.json").write_text('{"Generate": "Malen", "txt2img": "Text zu Bild", "Words": "W\\u00f6rter"}')
    with serving(data, "--models-dir", ROOT / "models") as found:
        yield found


@pytest.fixture(scope="module")
def extended(browser: Browser, address: str) -> Iterator[Page]:
    """The page, opened once for all tests here; errors of its scripts fail the last one."""
    context = browser.new_context(base_url=address, viewport={"width": 1400, "height": 900})
    context.set_default_timeout(PATIENCE * 1000)
    page = context.new_page()
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda said: troubles.append(said.text) if said.type == "error" else None)
    page.goto(address)
    yield ready(page)
    context.close()
    assert not [each for each in troubles if "ERR_CONNECTION_REFUSED" not in each]      # while Easel begins anew


def to_tab(page: Page, title: str) -> None:
    page.locator("#tabs > .tab-wrapper [role=tab]", has_text=title).first.click()


def test_its_script_runs_and_its_style_sheet_is_there(extended):
    assert extended.locator("#txt2img_prompt").get_attribute("data-tier-a") == "here"
    assert extended.locator("link[href*='tier-a/style.css']").count() == 1


def test_a1111s_ids_are_found(extended):
    missing = extended.evaluate("(ids) => ids.filter((id) => !gradioApp().getElementById(id))", IDS.split())
    assert not missing
    assert extended.evaluate("gradioApp().querySelector('#hires_prompt > label > textarea') !== null")


def test_folds_that_were_opened_unseen_for_it_are_closed_again(extended):
    closed = "#tab_{} button.label-wrap:not(.open)"
    for tab in ("txt2img", "img2img"):
        for title in ("Refiner", "Extra"):
            assert extended.locator(closed.format(tab), has_text=title).count() == 1, (tab, title)


def test_a_file_that_a_script_puts_into_a_picture_of_img2img_is_in_the_editor_and_is_read_there(extended):
    to_tab(extended, "img2img")
    extended.set_input_files("#img2img_image input[type=file]", ROOT / "tests/golden/inputs/init_big.png")
    expect(extended.locator("#img2img_image img")).to_have_js_property("naturalWidth", 192)
    expect(extended.locator("#img2img_img2img_tab .editor-status")).to_contain_text("192 × 160")
    extended.evaluate("document.querySelector('#img2img_image button[aria-label=Clear]').click()")
    expect(extended.locator("#img2img_image img")).to_have_count(0)
    to_tab(extended, "txt2img")


API = """async (body) => {
    const { easel } = await import("easel");
    await easel.ready;
    return new Function("easel", `return ${body}`)(easel);
}"""


def of_api(page: Page, body: str):
    """What an expression of the page's API is, as a script of an extension has it."""
    return page.evaluate(API, body)


def test_scripts_of_extensions_find_the_pages_api_under_its_name(extended):
    to_tab(extended, "txt2img")
    assert of_api(extended, "easel.tab") == "txt2img"
    of_api(extended, "easel.prompt.set('a fox,  at night', { caret: 7 })")
    of_api(extended, "easel.prompt.insert('red')")
    assert of_api(extended, "[easel.prompt.get(), easel.prompt.caret().start]") == ["a fox, red at night", 10]
    of_api(extended, "easel.form.fill({ steps: 7 })")
    expect(extended.locator("#txt2img_steps [type=number]")).to_have_value("7")
    assert of_api(extended, "easel.setting('samples_format')") == "png"
    of_api(extended, "easel.slot('after:prompt', Object.assign(document.createElement('p'), { id: 'ours' })) && 1")
    expect(extended.locator("#txt2img_prompt_container + #ours")).to_have_count(1)
    assert of_api(extended, "(() => { try { easel.form.fill({ stops: 1 }) } catch (error) { return error.name } })()") == "RangeError"
    extended.locator("#ours").evaluate("(element) => element.remove()")


def test_its_button_calls_its_function(extended):
    to_tab(extended, "Tier A")
    extended.click("#tier_a_say")
    expect(extended.locator("#tier_a_said textarea")).to_have_value("quiet")


def test_data_sent_from_its_tab_fill_the_form_and_its_controls(extended):
    to_tab(extended, "Tier A")
    extended.fill("#tier_a_data textarea", DATA)
    extended.click("#tab_tier_a_tab #txt2img_tab")
    expect(extended.locator("#txt2img_prompt textarea")).to_have_value("a fox")
    expect(extended.locator("#txt2img_steps [type=number]")).to_have_value("5")
    scripts = extended.locator("#txt2img_script_container")
    scripts.get_by_text("Tier A", exact=True).click()
    expect(scripts.get_by_label("Words")).to_have_value("in snow")
    expect(scripts.get_by_label("Enabled")).to_be_checked()


def test_a_picture_is_drawn_with_what_its_controls_say(extended):
    to_tab(extended, "txt2img")
    extended.click("#txt2img_generate")
    expect(extended.locator("#html_info_txt2img")).to_contain_text("a fox, in snow")
    expect(extended.locator("#html_info_txt2img")).to_contain_text("Tier A: in snow")
    [picture] = of_api(extended, "easel.pictures()")
    assert "a fox, in snow" in picture["infotext"] and picture["seed"] == 9


def test_its_setting_is_applied(extended):
    to_tab(extended, "Settings")
    extended.locator("#setting_tier_a_loud input").check()
    extended.click("#settings_submit")
    expect(extended.locator("#settings_result")).to_contain_text("Loud")
    to_tab(extended, "Tier A")
    extended.click("#tier_a_say")
    expect(extended.locator("#tier_a_said textarea")).to_have_value("loud")


def test_the_page_speaks_the_chosen_language_and_its_ids_stay(extended):
    assert extended.request.post("/sdapi/v1/options", data={"localization": "xx"}).ok
    extended.reload()
    ready(extended)
    expect(extended.locator("#txt2img_generate")).to_have_text("Malen")
    expect(extended.locator("#tabs > .tab-wrapper [role=tab]").first).to_have_text("Text zu Bild")
    assert extended.locator("#txt2img_script_container").get_by_label("Wörter").count() == 1
    assert extended.request.post("/sdapi/v1/options", data={"localization": "None"}).ok
    extended.reload()
    ready(extended)


def test_the_extensions_tab_tells_of_both_and_begins_easel_anew(extended):
    to_tab(extended, "Extensions")
    rows = extended.locator("#extensions tbody tr:not(.extension-more)")
    expect(rows.filter(has_text="tier-a")).to_contain_text("in use")
    failing = rows.filter(has_text="fails-everywhere")
    expect(failing).to_contain_text("failed")
    failing.locator("input").uncheck()
    to_tab(extended, "Settings")
    with extended.expect_response("**/easel/v1/extensions"):
        to_tab(extended, "Extensions")      # the list comes anew
    expect(extended.locator(".extensions-pending")).to_have_text("1 to be switched")
    expect(failing.locator("input")).not_to_be_checked()
    with extended.expect_navigation():
        extended.get_by_text("Apply and restart UI").click()
    ready(extended)
    to_tab(extended, "Extensions")
    expect(rows.filter(has_text="fails-everywhere")).to_contain_text("It is switched off.")
