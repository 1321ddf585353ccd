"""What axe-core finds in each state of the page, in both themes, and what it cannot find: focus, help, motion."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

UNIT = "#txt2img_controlnet_ControlNet-0_controlnet"
INPUT = Path(__file__).resolve().parents[1] / "golden" / "inputs" / "init_big.png"
FOUND = {"resultTypes": ["violations"]}
RULES = {
    "light": FOUND | {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]},
    "dark": FOUND | {"runOnly": {"type": "rule", "values": ["color-contrast"]}},      # all else has no theme
}
# chosen boxes and circles that look as if they were not; the browser's own are seen
WITHOUT_TICK = """() => [...document.querySelectorAll(":is([type=checkbox], [type=radio]):checked")]
    .filter((box) => box.checkVisibility({ visibilityProperty: true, opacityProperty: true }))
    .filter((box) => getComputedStyle(box).appearance === "none" && box.getBoundingClientRect().width > 2)
    .filter((box) => getComputedStyle(box).backgroundColor === "rgba(0, 0, 0, 0)")
    .map((box) => box.id || box.name || box.closest("label")?.textContent.trim() || box.outerHTML)"""
State = Callable[[Page], object]


def complaints(page: Page, state: str) -> list[str]:
    """What is wrong in this state: rule, theme and the first place of each."""
    found = []
    page.emulate_media(reduced_motion="reduce")      # colours that are just changing have no contrast of their own
    for theme, rules in RULES.items():
        page.evaluate("(theme) => { if (easel.theme.wanted !== theme) easel.theme.toggle(); }", theme)
        for rule in Axe().run(page, options=rules).response["violations"]:
            places = [node["html"][:160] for node in rule["nodes"][:3]]
            found.append(f"{state}, {theme}: {rule['id']} ({len(rule['nodes'])}): {places}")
        found += [f"{state}, {theme}: no tick is seen at {name}" for name in page.evaluate(WITHOUT_TICK)]
    return found


def walked(page: Page, states: Iterable[State]) -> list[str]:
    found = []
    for go in states:
        go(page)
        found += complaints(page, go.__name__)
    return found


def tab(name: str, seen: str) -> State:
    """Return what opens a tab and waits for something in it."""

    def go(page: Page) -> None:
        page.evaluate(
            """(name) => [...document.querySelectorAll("#tabs > .tab-wrapper [role=tab]")]
                .find((tab) => tab.textContent.trim() === name).click()""", name,
        )
        page.wait_for_selector(seen)

    go.__name__ = name
    return go


def number(page: Page, control: str, value: str) -> None:
    box = page.locator(f"#{control} [type=number]")
    box.fill(value)
    box.press("Tab")


def first_visit(page: Page) -> None:
    page.wait_for_selector(".first-hints")


def open_folds(page: Page) -> None:
    for fold in ("txt2img_hr", "txt2img_enable", "txt2img_seed_extras"):
        page.click(f"#{fold} .label-wrap")
    for fold in ("controlnet", "regions", "detailer"):
        page.click(f"#txt2img_{fold} summary")
    page.wait_for_selector("#txt2img_seed_extras .label-wrap.open")


def list_open(page: Page) -> None:
    page.click("#txt2img_sampling input")
    page.wait_for_selector("ul[role=listbox]")


def refused(page: Page) -> None:
    page.keyboard.press("Escape")
    page.fill("#txt2img_seed input", "twelve")
    page.click("#txt2img_generate")
    page.wait_for_selector("#txt2img_gallery .card")


def running(page: Page) -> None:
    page.fill("#txt2img_seed input", "1")
    number(page, "txt2img_steps", "150")
    page.click("#txt2img_generate")
    page.wait_for_selector("#txt2img_page.running")


def several_pictures(page: Page) -> None:
    if page.locator("#txt2img_interrupt").is_visible():
        page.click("#txt2img_interrupt")
    page.wait_for_function("!document.getElementById('txt2img_page').classList.contains('running')")
    number(page, "txt2img_steps", "1")
    number(page, "txt2img_batch_count", "2")
    page.click("#txt2img_generate")
    page.locator("#txt2img_gallery .thumb").nth(1).wait_for()
    page.wait_for_selector("#txt2img_gallery img.large:not(.preview)")


def whole_window(page: Page) -> None:
    page.click("#txt2img_gallery .open")
    page.click("dialog.lightbox .info")
    page.wait_for_selector("dialog.lightbox .viewer-panel .infotext")


def queue_panel(page: Page) -> None:
    page.keyboard.press("Escape")
    page.click("#easel_queue button")
    page.wait_for_selector("#easel_drawer:not([hidden])")


def styles_dialog(page: Page) -> None:
    page.keyboard.press("Escape")
    page.click("#txt2img_styles_edit_button")
    page.wait_for_selector("dialog[open]")


def narrow(page: Page) -> None:
    page.keyboard.press("Escape")
    page.set_viewport_size({"width": 390, "height": 844})


def cards(page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 900})
    page.locator("#txt2img_extra_tabs").get_by_role("tab", name="Checkpoints").click()
    page.wait_for_selector("#txt2img_extra_tabs .networks .card-name, #txt2img_extra_tabs .networks button")


def picture_loaded(page: Page) -> None:
    page.locator("#img2img_img2img_tab input[type=file]").first.set_input_files(INPUT)
    page.wait_for_selector("#img2img_img2img_tab .editor-filled")


def mode(name: str, seen: str) -> State:
    def go(page: Page) -> None:
        page.locator("#mode_img2img").get_by_role("tab", name=name, exact=True).click()
        page.wait_for_selector(seen)

    go.__name__ = name
    return go


def png_read(page: Page) -> None:
    page.locator("#tab_pnginfo input[type=file]").first.set_input_files(INPUT)
    page.wait_for_selector("#tab_pnginfo.has-picture")


def control_open(page: Page) -> None:
    page.click("#txt2img_controlnet summary")
    page.locator(f"{UNIT} input[type=file][multiple]").set_input_files([INPUT, INPUT])
    page.wait_for_selector(f"{UNIT} .control-batch-row img")


def dialog(name: str) -> State:
    """Return what opens a dialog of ControlNet's first unit."""

    def go(page: Page) -> None:
        page.keyboard.press("Escape")
        page.locator(UNIT).get_by_role("button", name=name, exact=True).click()
        page.wait_for_selector("dialog[open] .editor-stage")

    go.__name__ = name
    return go


DRAWING = (
    first_visit, open_folds, list_open, refused, running, several_pictures, whole_window, queue_panel, styles_dialog,
    narrow, cards,
)
PICTURES = (
    tab("img2img", "#mode_img2img .editor-stage"), picture_loaded,
    mode("Inpaint", "#img2img_inpaint_tab .editor-stage"), mode("Batch", "#img2img_batch_tab [role=tab]"),
)
OTHERS = (
    tab("Extras", "#extras_settings"), tab("PNG Info", "#pnginfo_page"), png_read, tab("Library", "#library_page *"),
    tab("Checkpoint Merger", "#modelmerger_page"), tab("Train", "#training_page *"), tab("Queue", "#queue_page .queue"),
    tab("Settings", "#settings_search input"), tab("Extensions", "#extensions_page *"),
)

CONTROL = (
    control_open, dialog("Draw a scribble"), dialog("Edit a pose"), dialog("Paint the effective region"),
)


@pytest.mark.parametrize(
    "states", [DRAWING, PICTURES, OTHERS, CONTROL], ids=["drawing", "pictures", "others", "control"]
)
def test_axe_finds_nothing_in_any_state_in_either_theme(page: Page, states: tuple[State, ...]) -> None:
    assert walked(page, states) == []


def test_at_least_twenty_states_are_looked_at() -> None:
    assert len({*DRAWING, *PICTURES, *OTHERS, *CONTROL}) >= 20


def test_each_control_is_described_by_its_help(page: Page) -> None:
    slider = page.locator("#txt2img_cfg_scale input[type=range]")
    expect(slider).to_have_accessible_description(page.locator("#txt2img_cfg_scale .info-text").text_content().strip())
    model = page.locator("#setting_sd_model_checkpoint input")
    expect(model).to_have_attribute("aria-describedby", "help-of-setting_sd_model_checkpoint")


def test_a_touch_on_a_name_shows_its_help_and_another_one_elsewhere_hides_it(page: Page) -> None:
    control = page.locator("#txt2img_cfg_scale")
    name, told = control.locator("[data-testid=block-info]"), control.locator(".info-text")
    expect(told).to_be_hidden()
    name.dispatch_event("pointerup", {"pointerType": "touch", "bubbles": True})
    expect(told).to_be_visible()
    page.locator("#txt2img_prompt textarea").dispatch_event("pointerup", {"pointerType": "touch", "bubbles": True})
    expect(told).to_be_hidden()


def test_every_tool_and_list_is_reached_by_the_tab_key_and_shows_it(page: Page) -> None:
    """From the prompt to the seed, forwards: nothing lands nowhere, and what has the focus is outlined."""
    page.locator("#txt2img_prompt textarea").focus()
    reached = []
    while len(reached) < 60 and "txt2img_random_seed" not in (each[0] for each in reached):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(
            """() => { const it = document.activeElement; const ring = getComputedStyle(it);
                const near = it.closest(".wrap, .block") ?? it;
                return [it.closest("[id]")?.id ?? "", it === document.body, ring.outlineStyle !== "none" ||
                    ring.boxShadow !== "none" || getComputedStyle(near).boxShadow !== "none"]; }"""))
    ids = [each[0] for each in reached]
    assert {"txt2img_generate", "paste", "txt2img_random_seed"} <= set(ids)
    assert not [each for each in reached if each[1]]
    assert not [each[0] for each in reached if not each[2]]


def test_whoever_wants_no_motion_sees_none(page: Page) -> None:
    page.emulate_media(reduced_motion="reduce")
    moving = page.evaluate("""
        [...document.querySelectorAll("body *")].filter((it) => {
            const { animationDuration: an, transitionDuration: tr } = getComputedStyle(it);
            return [...an.split(","), ...tr.split(",")].some((each) => parseFloat(each) > 0.01);
        }).map((it) => it.className)
    """)
    assert moving == []
