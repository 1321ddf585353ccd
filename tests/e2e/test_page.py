"""The page as a person uses it: prompt, progress, picture, and back."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from itertools import product

from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.e2e.conftest import ready, whole_job

PROMPT = "#txt2img_prompt textarea"
SEED = "#txt2img_seed input"
DATA = "#html_info_txt2img .infotext"
PICTURE = "#txt2img_gallery img.large:not(.preview)"
SMALL = {"txt2img_steps": "6"}      # quick to draw


def number(page: Page, control: str, value: str | None = None) -> str:
    box = page.locator(f"#{control} [type=number]")
    if value is not None:
        box.fill(value)
        box.press("Tab")
    return box.input_value()


def generate(page: Page, prompt: str, **numbers: str) -> str:
    """Draw a picture; returns its generation data."""
    for control, value in (SMALL | numbers).items():
        number(page, control, value)
    page.fill(PROMPT, prompt)
    with whole_job(page):
        page.click("#txt2img_generate")
    return finished(page)


def finished(page: Page) -> str:
    page.wait_for_function("!document.getElementById('txt2img_page').classList.contains('running')")
    page.wait_for_selector(PICTURE)
    return page.inner_text(DATA)


def running(page: Page) -> None:
    page.wait_for_selector("#txt2img_page.running")


def drop(page: Page, content: bytes, name: str = "picture.png") -> None:
    """Let a file fall on the middle of the page."""
    page.evaluate(
        """([data, name]) => {
            const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File([bytes], name, { type: "image/png" }));
            for (const kind of ["dragenter", "dragover", "drop"])
                document.body.dispatchEvent(new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true }));
        }""",
        [base64.b64encode(content).decode(), name],
    )


def picture_file(page: Page) -> bytes:
    return page.request.get(page.get_attribute(PICTURE, "src")).body()


def test_a_prompt_becomes_a_picture_with_its_data(page: Page) -> None:
    """Progress, preview and window title on the way; the data below in the end."""
    number(page, "txt2img_steps", "60")
    page.fill(PROMPT, "a red apple, 3d style")
    page.click("#txt2img_generate")
    expect(page.locator("#txt2img_interrupt")).to_be_visible()
    expect(page.locator("#txt2img_generate")).to_be_hidden()
    page.wait_for_selector("img.preview")
    expect(page.locator(".progress-text")).to_have_text(re.compile(r"step \d+ of 60 · \d+ %"))
    expect(page).to_have_title(re.compile(r"^\d+ % · .+ · Easel$"))
    data = finished(page)
    assert data.startswith("a red apple, 3d style\nSteps: 60, Sampler: ")
    expect(page.locator(PICTURE)).to_have_js_property("naturalWidth", 128)     # once the file has arrived
    expect(page.locator("#txt2img_generate")).to_be_visible()
    expect(page).to_have_title("Easel")


def test_a_gallery_picture_is_made_larger_from_its_own_data(page: Page) -> None:
    """By hires fix, whatever the form says meanwhile; the form stays."""
    data = generate(page, "a red apple, 3d style")
    page.fill(PROMPT, "something else")
    page.hover(PICTURE)
    page.get_by_role("button", name="Upscale with hires fix").click()
    page.wait_for_function("document.querySelector('#txt2img_gallery img.large')?.naturalWidth === 256")
    larger = page.inner_text(DATA)
    assert re.search(r"Seed: \d+", larger)[0] == re.search(r"Seed: \d+", data)[0]
    assert larger.startswith("a red apple, 3d style\n") and "Hires upscale: 2" in larger
    expect(page.locator(PROMPT)).to_have_value("something else")


def test_an_enlarged_picture_keeps_and_extends_its_data(page: Page) -> None:
    data = generate(page, "a red apple, 3d style")
    page.hover(PICTURE)
    page.get_by_role("button", name="Send to extras").click()
    page.wait_for_selector("#extras_image img")
    page.click("#extras_generate")
    page.wait_for_function("document.querySelector('#extras_gallery img.large')?.naturalWidth === 512")
    assert page.inner_text("#html_info_extras .infotext").startswith(data)
    expect(page.locator("#html_info_extras .infotext")).to_contain_text(
        "Postprocess upscale by: 4, Postprocess upscaler: Lanczos"
    )


def test_a_picture_is_saved_by_hand_and_the_page_tells_where(page: Page) -> None:
    generate(page, "a red apple, 3d style")
    page.hover(PICTURE)
    with page.expect_response("**/easel/v1/jobs/*/save") as told:
        page.get_by_role("button", name="Save", exact=True).click()
    [file] = told.value.json()["files"]
    assert file.startswith("outputs/log/images/")
    expect(page.locator(".easel-notices")).to_contain_text(f"Saved as {file}")


REFUSING = """
    window.plays = 0;
    HTMLMediaElement.prototype.play = async () => { window.plays += 1; throw new DOMException("click first", "NotAllowedError"); };
"""


def test_a_jobs_end_is_heard_once_and_a_reload_does_not_repeat_it(context: BrowserContext) -> None:
    """A browser that will not play it yet is no trouble."""
    page = context.new_page()
    page.add_init_script(REFUSING)
    page.route("**/easel/v1/state?*", lambda route: route.fulfill(json=route.fetch().json() | {"sound": 0.5}))
    page.route("**/easel/v1/notification.mp3", lambda route: route.fulfill(body=b"", content_type="audio/mpeg"))
    page.goto("/")
    ready(page)
    generate(page, "a red apple, 3d style")
    page.wait_for_function("window.plays === 1")
    page.reload()
    finished(ready(page))
    assert page.evaluate("window.plays") == 0


def test_a_dropped_png_fills_the_form_with_what_made_it(page: Page) -> None:
    data = generate(page, "a fox in the snow, flat style", txt2img_cfg_scale="5.5")
    seed = re.search(r"Seed: (\d+)", data)[1]
    png = picture_file(page)
    page.fill(PROMPT, "something else")
    number(page, "txt2img_steps", "33")
    drop(page, png)
    expect(page.locator(PROMPT)).to_have_value("a fox in the snow, flat style")
    expect(page.locator(SEED)).to_have_value(seed)
    assert (number(page, "txt2img_steps"), number(page, "txt2img_cfg_scale")) == ("6", "5.5")


def test_the_same_data_gives_the_same_picture(page: Page) -> None:
    generate(page, "a green star on a white background")
    first = picture_file(page)
    page.click("#txt2img_reuse_seed")
    expect(page.locator(SEED)).not_to_have_value("-1")
    old = page.get_attribute(PICTURE, "src")
    page.click("#txt2img_generate")
    page.wait_for_function(f"document.querySelector({PICTURE!r})?.src !== {old!r}")
    finished(page)
    assert picture_file(page) == first


def test_control_enter_generates(page: Page) -> None:
    number(page, "txt2img_steps", "6")
    page.fill(PROMPT, "an owl")
    page.press(PROMPT, "Control+Enter")
    assert finished(page).startswith("an owl\n")


def test_interrupt_keeps_the_finished_pictures(page: Page) -> None:
    number(page, "txt2img_steps", "12")
    number(page, "txt2img_batch_count", "60")
    page.fill(PROMPT, "a dog on the beach")
    page.click("#txt2img_generate")
    page.wait_for_selector(".thumb")
    page.keyboard.press("Escape")
    page.wait_for_function("!document.getElementById('txt2img_page').classList.contains('running')")
    expect(page.locator(".progress-text")).to_have_text(re.compile("^Interrupted"))
    assert 1 <= page.locator(".thumb, .picture").count() < 60
    assert page.inner_text(DATA).startswith("a dog on the beach\n")


def test_a_skipped_picture_looks_like_no_result(page: Page) -> None:
    page.route("**/easel/v1/jobs/*/events?*", lambda route: route.fulfill(status=204))      # so that it is asked
    page.route("**/easel/v1/jobs/*?newest=*", with_first_skipped)
    generate(page, "a dog on the beach", txt2img_batch_count="2")
    expect(page.locator(".progress-text")).to_have_text(re.compile("^1 skipped · seed "))
    expect(page.locator(".thumb")).to_have_count(3)
    expect(page.locator(".thumb.half-made")).to_have_attribute("title", "Picture 1, not finished")
    expect(page.locator(".thumb[aria-selected=true]")).to_have_attribute("title", "Picture 2")
    page.click(".thumb.half-made")
    expect(page.locator(".progress-text")).to_have_text(re.compile("^1 skipped · not finished · seed "))


def with_first_skipped(route: Route) -> None:
    job = route.fetch().json()
    for picture in job["pictures"][:1]:
        picture["whole"] = False
    route.fulfill(json=job)


def test_a_reload_in_mid_job_finds_the_job_again(page: Page) -> None:
    number(page, "txt2img_steps", "60")
    number(page, "txt2img_batch_count", "20")      # longer than any reload takes
    page.fill(PROMPT, "a robot on a yellow background")
    page.click("#txt2img_generate")
    running(page)
    page.reload()
    page.wait_for_selector("html.easel-ready")
    running(page)
    page.click("#txt2img_interrupt")
    assert finished(page).startswith("a robot on a yellow background\n")
    expect(page.locator(PROMPT)).to_have_value("a robot on a yellow background")


def test_two_tabs_generate_at_once_and_get_their_own_pictures(open_page: Callable[[], Page]) -> None:
    tabs = {"a hamburger": open_page(), "a penguin": open_page()}
    for prompt, tab in tabs.items():
        number(tab, "txt2img_steps", "20")
        tab.fill(PROMPT, prompt)
    for tab in tabs.values():
        tab.click("#txt2img_generate")
    for prompt, tab in tabs.items():
        assert finished(tab).startswith(f"{prompt}\n")


def test_a_new_tab_takes_up_the_form_and_finds_the_newest_job(page: Page, open_page: Callable[[], Page]) -> None:
    data = generate(page, "a snowman")
    page.close()
    other = open_page()
    expect(other.locator(PROMPT)).to_have_value("a snowman")
    other.click("#txt2img_restore_progress")
    assert finished(other) == data


def test_a_value_out_of_place_is_refused_in_words_and_the_form_stays(page: Page) -> None:
    page.fill(PROMPT, "a cat")
    page.fill(SEED, "twelve")
    page.click("#txt2img_generate")
    expect(page.locator(".card h3")).to_have_text("Seed cannot be 'twelve'.")
    expect(page.locator(PROMPT)).to_have_value("a cat")
    page.click("#txt2img_random_seed")
    page.click("#txt2img_generate")
    finished(page)
    expect(page.locator(".card")).to_have_count(0)


def test_a_broken_checkpoint_is_named_and_leaves_the_loaded_one_alone(page: Page) -> None:
    expect(page.locator("#easel_model_notes")).to_contain_text("broken.safetensors")
    pick(page, "broken.safetensors")
    page.fill(PROMPT, "a cat")
    page.click("#txt2img_generate")
    expect(page.locator(".card h3")).to_contain_text("broken.safetensors")
    pick(page, "easel-stickers")
    generate(page, "a cat")


def pick(page: Page, name: str) -> None:
    page.click("#setting_sd_model_checkpoint input")
    page.locator("ul[role=listbox] li", has_text=name).click()
    expect(page.locator("#setting_sd_model_checkpoint input")).to_have_value(re.compile(re.escape(name)))


def test_tokens_are_counted_and_a_bracket_left_open_is_marked(page: Page) -> None:
    counter = page.locator("#txt2img_token_counter")
    page.fill(PROMPT, "a red apple")
    expect(counter).to_have_text("3/75")
    page.fill(PROMPT, "a (red apple")
    expect(counter.locator(".wrong")).to_have_attribute("title", re.compile("never closed"))


def test_an_example_fills_the_form_and_generates(page: Page) -> None:
    example = page.locator(".example").first
    prompt = example.inner_text()
    example.click()
    expect(page.locator(PROMPT)).to_have_value(prompt)
    assert finished(page).startswith(prompt)


WEIGHTS = (      # | is the caret
    ("<lora:hat:1>|", +1, "<lora:hat:1>"),
    ("<lora:h|at:1>", +1, "<lora:hat:1.05>"),
    ("(a dog:1.1) ca|t", -1, "(a dog:1.1) (cat:0.9)"),
    ("(a d|og:1.1)", -1, "a dog"),
    ("((a d|og))", +1, "((a dog:1.2))"),
    ("a dog, |", +1, "a dog, "),
)


def test_the_arrows_weigh_and_move_words(page: Page) -> None:
    page.fill(PROMPT, "a red fox, in the snow")
    page.evaluate("document.querySelector('#txt2img_prompt textarea').setSelectionRange(2, 5)")
    page.press(PROMPT, "Control+ArrowUp")
    page.press(PROMPT, "Control+ArrowUp")
    expect(page.locator(PROMPT)).to_have_value("a (red:1.2) fox, in the snow")
    page.press(PROMPT, "Control+ArrowDown")
    page.press(PROMPT, "Control+ArrowDown")
    expect(page.locator(PROMPT)).to_have_value("a red fox, in the snow")
    page.press(PROMPT, "Alt+ArrowRight")
    expect(page.locator(PROMPT)).to_have_value("in the snow, a red fox")
    edit = """async (cases) => {
        const { reweigh } = await import("/easel/page/prompt/attention.js");
        return cases.map(([text, caret, sign]) => reweigh(text, caret, caret, sign).text);
    }"""
    edited = page.evaluate(edit, [[before.replace("|", ""), before.index("|"), sign] for before, sign, _ in WEIGHTS])
    assert edited == [after for _, _, after in WEIGHTS]


def test_swap_clear_and_paste_do_what_they_say(page: Page) -> None:
    number(page, "txt2img_width", "192")
    page.click("#txt2img_res_switch_btn")
    expect(page.locator("#txt2img_height [type=number]")).to_have_value("192")
    assert number(page, "txt2img_width") == "128"
    page.fill(PROMPT, "a bee\nNegative prompt: grey\nSteps: 9, Sampler: Euler a, CFG scale: 3, Seed: 77, Size: 64x128")
    page.click("#paste")
    expect(page.locator(PROMPT)).to_have_value("a bee")
    expect(page.locator("#txt2img_sampling input")).to_have_value("Euler a")
    assert [number(page, f"txt2img_{name}") for name in ("steps", "cfg_scale", "width", "height")] == [
        "9",
        "3",
        "64",
        "128",
    ]
    page.click("#txt2img_clear_prompt")
    expect(page.locator(PROMPT)).to_have_value("")
    expect(page.locator("#txt2img_neg_prompt textarea")).to_have_value("")


CLEARED_AND_TYPED = """async () => {
    const box = document.querySelector("#txt2img_prompt textarea"), pause = (ms) => new Promise((done) => setTimeout(done, ms));
    document.querySelector("#txt2img_clear_prompt").click();
    while (box.value) await pause(5);
    Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set.call(box, "typed at once");
    box.dispatchEvent(new Event("input", { bubbles: true }));
    await pause(20);
    document.querySelector("#txt2img_res_switch_btn").click();
}"""


def test_what_is_typed_right_after_a_button_is_not_overtaken(page: Page) -> None:
    number(page, "txt2img_height", "192")
    page.fill(PROMPT, "old")
    page.evaluate(CLEARED_AND_TYPED)
    expect(page.locator("#txt2img_width [type=number]")).to_have_value("192")
    page.wait_for_timeout(400)      # longer than what was asked for is held
    expect(page.locator(PROMPT)).to_have_value("typed at once")


def test_png_info_shows_the_data_and_sends_it_on(page: Page) -> None:
    data = generate(page, "a turtle")
    png = picture_file(page)
    page.get_by_role("tab", name="PNG Info").click()
    page.wait_for_selector("#pnginfo_image .drop-zone")
    drop(page, png)
    expect(page.locator("#pnginfo_generation_info .infotext")).to_have_text(data)
    page.click("#tab_pnginfo #txt2img_tab")
    expect(page.locator(PROMPT)).to_have_value("a turtle")
    page.get_by_role("tab", name="PNG Info").click()
    page.click("#tab_pnginfo #inpaint_tab")
    expect(page.locator("#img2img_inpaint_tab .editor-filled")).to_be_visible()
    expect(page.locator("#img2img_prompt textarea")).to_have_value("a turtle")


def test_a_closed_fold_says_what_in_it_is_at_work(page: Page) -> None:
    hires = page.locator("#txt2img_hr .label-wrap")
    expect(hires).not_to_have_attribute("data-counts", re.compile("."))
    page.fill(
        PROMPT,
        "a bee\nSteps: 9, Seed: 77, Size: 128x64, Denoising strength: 0.5, Hires upscale: 1.5, Variation seed: 5, "
        "Variation seed strength: 0.3",
    )
    page.click("#paste")
    expect(hires).to_have_attribute("data-counts", "192 × 96")
    expect(page.locator("#txt2img_seed_extras .label-wrap")).to_have_attribute("data-counts", "0.3")


def test_a_refusal_stands_in_the_pictures_place(page: Page) -> None:
    generate(page, "a bee")
    page.fill(SEED, "twelve")
    page.click("#txt2img_generate")
    expect(page.locator("#txt2img_gallery .card")).to_contain_text("A whole number belongs here.")
    expect(page.locator("#txt2img_gallery .thumb[aria-selected=true]")).to_have_count(0)
    expect(page.locator(DATA)).to_have_count(0)
    page.click("#txt2img_gallery .thumb")
    expect(page.locator(DATA)).to_contain_text("a bee")


def test_what_applies_settings_stays_in_view(page: Page) -> None:
    page.get_by_role("tab", name="Settings").click()
    page.get_by_role("navigation", name="Sections").get_by_role("button", name="Saving images/grids").click()
    expect(page.get_by_role("heading", name="Saving images/grids")).to_be_in_viewport()
    expect(page.locator("#settings_submit")).to_be_in_viewport()


def test_a_setting_is_applied_kept_and_put_back(page: Page) -> None:
    box = "#setting_comma_padding_backtrack [type=number]"
    for value, reset in (("33", False), ("20", True)):
        page.get_by_role("tab", name="Settings").click()
        page.wait_for_selector(box)
        if reset:
            expect(page.locator(box)).to_have_value("33")
            page.click("#reset_comma_padding_backtrack")
        else:
            number(page, "setting_comma_padding_backtrack", value)
        expect(page.locator(box)).to_have_value(value)
        page.click("#settings_submit")
        expect(page.locator("#settings_result")).to_have_text("Changed: Prompt word wrap")
        page.reload()
        page.wait_for_selector("html.easel-ready")


def test_a_changed_setting_waits_until_it_is_applied(page: Page) -> None:
    box, said = "#setting_comma_padding_backtrack [type=number]", page.locator("#settings_result")
    page.get_by_role("tab", name="Settings").click()
    number(page, "setting_comma_padding_backtrack", "33")
    expect(said).to_have_text("1 changed, not applied yet")
    page.get_by_role("tab", name="txt2img").click()
    expect(page.locator(".notice")).to_contain_text("1 changed, not applied yet")
    page.get_by_role("tab", name="Settings").click()
    expect(page.locator(box)).to_have_value("33")
    # the browser asks whether to leave
    assert page.evaluate("!dispatchEvent(new Event('beforeunload', { cancelable: true }))")
    page.click("#reset_comma_padding_backtrack")
    expect(said).to_have_text("")


def test_a_list_is_searched_by_typing_and_closed_by_tab(page: Page) -> None:
    sampler, options = page.locator("#txt2img_sampling input"), page.locator("ul[role=listbox]")
    sampler.click()
    page.keyboard.type("heun")
    expect(options.locator("li")).to_have_text([re.compile(r"DPM\+\+ 2M SDE Heun$"), re.compile("Heun$")])
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(sampler).to_have_value("Heun")
    sampler.click()
    page.keyboard.type("dd")
    page.keyboard.press("Escape")
    expect(options).to_have_count(0)
    sampler.click()
    expect(options).to_have_count(1)
    page.wait_for_function("getSelection().toString() === 'Heun'")      # what is typed next replaces it
    page.keyboard.press("Tab")
    expect(page.locator("#txt2img_scheduler input")).to_be_focused()
    expect(options).to_have_count(1)      # that of the schedules alone
    expect(sampler).to_have_attribute("aria-expanded", "false")
    expect(sampler).to_have_value("Heun")


def test_an_error_has_the_columns_width_and_its_own_height(page: Page) -> None:
    number(page, "txt2img_width", "64")
    number(page, "txt2img_height", "512")
    page.fill(SEED, "twelve")
    page.click("#txt2img_generate")
    card = page.locator("#txt2img_gallery .card")
    expect(card).to_be_visible()
    boxes = [locator.bounding_box() for locator in (card, page.locator("#txt2img_gallery"))]
    assert boxes[0]["width"] > 0.95 * boxes[1]["width"]
    expect(page.locator("#txt2img_gallery .progress")).to_be_hidden()      # no gap below the card
    card.locator("summary").click()
    expect(card.locator("code")).to_be_in_viewport()


def test_the_page_is_sent_compressed_and_a_reload_costs_little(page: Page) -> None:
    document = page.request.get("/", headers={"Accept-Encoding": "gzip"})
    assert document.headers["content-encoding"] == "gzip" and len(document.body()) > 3 * int(
        document.headers["content-length"]
    )
    page.reload()
    page.wait_for_selector("html.easel-ready")
    fetched = page.evaluate(
        "performance.getEntriesByType('resource').filter((entry) => entry.transferSize && "
        "!entry.name.includes('/v1/')).length"
    )
    assert fetched < 10      # all else is kept by the browser
    scripts = page.evaluate("[...document.scripts].filter((script) => script.src.includes('/easel/page/')).length")
    assert scripts == 2


def test_the_first_row_keeps_its_places_at_any_width(page: Page) -> None:
    def boxes() -> dict[str, dict[str, float]]:
        names = ("setting_sd_model_checkpoint", "refresh_sd_model_checkpoint", "setting_CLIP_stop_at_last_layers")
        return {name: page.locator(f"#{name}").bounding_box() for name in names}

    before = boxes()
    page.route("**/easel/v1/state?*", lambda route: route.fulfill(json=route.fetch().json() | {"queue": 123}))
    expect(page.locator("#easel_queue")).to_have_text("123 jobs in the queue")
    assert boxes() == before
    model, refresh, _ = before.values()
    assert model["width"] > 400 and 0 <= refresh["x"] - model["x"] - model["width"] < 20
    for width in (640, 390):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    expect(page.locator("#setting_CLIP_stop_at_last_layers")).to_be_hidden()
    page.click("#easel_quick_more")
    expect(page.locator("#setting_CLIP_stop_at_last_layers")).to_be_visible()
    page.set_viewport_size({"width": 1280, "height": 900})


def test_the_theme_is_toggled_and_kept(page: Page) -> None:
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    page.click("#easel_theme")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.wait_for_selector("html.easel-ready")


def test_text_has_contrast_in_both_themes(page: Page) -> None:
    """WCAG 2 contrast, at least 4.5 for each kind of text on each ground it stands on."""
    pairs = [*product(("ink", "ink-soft", "accent", "wrong"), ("ground", "panel", "field")),
             ("ink-soft", "sunken"), ("on-accent", "accent-fill")]
    for theme in ("light", "dark"):
        page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        low = {pair: ratio for pair in pairs if (ratio := contrast(*(colour(page, name) for name in pair))) < 4.5}
        assert not low, theme


def colour(page: Page, name: str) -> list[float]:
    text = page.evaluate(f"getComputedStyle(document.documentElement).getPropertyValue('--{name}').trim()")
    return [int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)]


def contrast(one: list[float], other: list[float]) -> float:
    dark, light = sorted(luminance(rgb) for rgb in (one, other))
    return (light + 0.05) / (dark + 0.05)


def luminance(rgb: list[float]) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_on_a_narrow_page_the_columns_stack(page: Page) -> None:
    page.set_viewport_size({"width": 800, "height": 900})
    order = ["txt2img_prompt", "txt2img_generate", "txt2img_gallery", "txt2img_settings"]
    tops = [page.locator(f"#{name}").bounding_box()["y"] for name in order]
    assert tops == sorted(tops)
    assert page.evaluate("document.documentElement.scrollWidth") <= 800
    page.get_by_role("tab", name="img2img").first.click()
    # it is empty, and the picture to start from is below
    assert page.locator("#img2img_gallery .stage").bounding_box()["height"] < 200


def test_a_lost_connection_is_told_and_found_again(page: Page, context: BrowserContext, troubles: list[str]) -> None:
    context.set_offline(True)
    expect(page.locator(".notice")).to_contain_text("Connection lost")
    context.set_offline(False)
    expect(page.locator(".notice")).to_have_count(0)
    troubles.clear()      # the browser's own complaints about it


def test_scripts_of_others_find_what_a1111_offers(page: Page) -> None:
    functions = "gradioApp onUiLoaded onUiUpdate onAfterUiUpdate onUiTabChange updateInput".split()
    assert page.evaluate("(names) => names.filter((name) => typeof window[name] !== 'function')", functions) == []
    assert page.evaluate("opts.emphasis") == "Original"
    page.evaluate("window.tabs = []; onUiTabChange(() => tabs.push(get_uiCurrentTab().textContent.trim()))")
    page.get_by_role("tab", name="Settings").click()
    page.wait_for_function("tabs.includes('Settings')")


def test_every_control_has_a_name(page: Page) -> None:
    """What a screen reader says: text, label or aria-label, for all that can be clicked or filled in."""
    nameless = page.evaluate("""
        [...document.querySelectorAll("button, input, textarea, select, a[href]")]
            .filter((it) => it.offsetParent && !it.textContent.trim() && !it.ariaLabel && !it.labels?.length && !it.title)
            .map((it) => it.outerHTML.slice(0, 120))
    """)
    assert nameless == []


IDS_OF_A1111 = (
    "footer sd_checkpoint_hash quicksettings txt2img_prompt_container txt2img_dimensions_row txt2img_gallery_container"
    " image_buttons_txt2img txt2img_send_to_img2img txt2img_send_to_inpaint txt2img_send_to_extras txt2img_upscale"
    " txt2img_generation_info_button generation_info_txt2img html_info_txt2img html_log_txt2img"
)


def test_other_scripts_find_the_ids_of_a1111s_page(page):
    for name in IDS_OF_A1111.split():
        assert page.locator(f"[id='{name}']").count() == 1, name
