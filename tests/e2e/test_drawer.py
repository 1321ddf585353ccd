"""The drawer beside the results: jobs are added, made one after another, found again and brought back."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import PATIENCE


def number(page: Page, element_id: str, value: object) -> None:
    field = page.locator(f"#{element_id} [type=number]").first
    field.fill(str(value))
    field.press("Tab")


def write(page: Page, prompt: str) -> None:
    page.locator("#txt2img_prompt textarea").fill(prompt)


def drawer(page: Page) -> Locator:
    """Return the drawer, opened."""
    found = page.locator("#easel_drawer")
    if not found.is_visible():
        page.locator("#easel_queue button").click()
    expect(found).to_be_visible()
    return found


def job(page: Page, prompt: str, state: str = "done") -> Locator:
    return drawer(page).locator(f".queue-job[data-state={state}]", has_text=prompt)


def thumbs(page: Page) -> Locator:
    return page.locator("#txt2img_results .thumb")


def at_rest(page: Page) -> None:
    """Wait until all that the page asked for has been made."""
    expect(page.locator("#easel_queue .badge")).to_have_count(0, timeout=4 * PATIENCE * 1000)      # long jobs
    expect(page.locator("#txt2img_generate")).to_be_visible()


def a_long_job(page: Page, prompt: str, pictures: int = 2) -> None:
    drawer(page)      # while nothing opens it by itself
    write(page, prompt)
    number(page, "txt2img_batch_count", pictures)
    number(page, "txt2img_steps", 100)
    page.locator("#txt2img_generate").click()
    expect(page.locator("#txt2img_add")).to_be_visible()


def test_what_is_added_while_a_job_runs_is_made_after_it_and_shown(page: Page) -> None:
    a_long_job(page, "a first fox")
    number(page, "txt2img_steps", 2)
    write(page, "a second fox")
    page.locator("#txt2img_prompt textarea").press("Shift+Enter")
    expect(page.locator("#txt2img_prompt textarea")).to_have_value("a second fox")
    write(page, "a third fox")
    page.locator("#txt2img_add").click()
    waiting = drawer(page).locator(".queue-job[data-state=queued] .queue-title")
    expect(waiting.last).to_have_text("a third fox")
    write(page, "what I think of next")
    at_rest(page)
    expect(page.locator("#html_info_txt2img .infotext")).to_contain_text("a third fox")
    expect(page.locator("#txt2img_prompt textarea")).to_have_value("what I think of next")
    for prompt in ("a first fox", "a second fox", "a third fox"):
        expect(job(page, prompt).locator(".queue-picture img")).to_have_count(2)


def test_control_enter_interrupts_and_begins_again_while_others_wait(page: Page) -> None:
    a_long_job(page, "a slow owl", 8)
    number(page, "txt2img_batch_count", 1)
    write(page, "an owl that waits")
    page.locator("#txt2img_add").click()
    expect(job(page, "an owl that waits", "queued")).to_be_visible()
    drawer(page).locator(".queue-job", has_text="an owl that waits").get_by_title("Pause").click()
    number(page, "txt2img_steps", 2)
    write(page, "an owl at once")
    page.locator("#txt2img_prompt textarea").press("Control+Enter")
    expect(job(page, "an owl at once").locator("img")).to_have_count(1)
    expect(job(page, "a slow owl", "interrupted")).to_be_visible()
    job(page, "an owl that waits", "queued").get_by_title("Cancel").click()
    at_rest(page)


def test_a_click_brings_pictures_and_form_back_and_another_the_form_that_was_there(page: Page) -> None:
    write(page, "a cat on a mat")
    number(page, "txt2img_steps", 3)
    number(page, "txt2img_batch_count", 2)
    page.locator("#txt2img_generate").click()
    expect(thumbs(page)).to_have_count(3)      # and their grid
    at_rest(page)
    write(page, "a dog under a hat")
    number(page, "txt2img_steps", 2)
    number(page, "txt2img_batch_count", 1)
    page.locator("#txt2img_generate").click()
    expect(job(page, "a dog under a hat")).to_be_visible()
    write(page, "a draft that nobody made")
    job(page, "a cat on a mat").locator("button.queue-picture").nth(1).click()
    expect(thumbs(page)).to_have_count(3)
    expect(thumbs(page).nth(1)).to_have_attribute("aria-selected", "true")
    expect(page.locator("#txt2img_prompt textarea")).to_have_value("a cat on a mat")
    expect(page.locator("#txt2img_steps [type=number]").first).to_have_value("3")
    job(page, "a dog under a hat").locator(".queue-title").click()
    expect(page.locator("#txt2img_prompt textarea")).to_have_value("a dog under a hat")
    drawer(page).get_by_role("button", name="Back to my form").click()
    expect(page.locator("#txt2img_prompt textarea")).to_have_value("a draft that nobody made")
    expect(page.locator("#txt2img_steps [type=number]").first).to_have_value("2")


def test_an_enlarged_picture_stands_beside_its_source_also_after_a_reload(page: Page) -> None:
    write(page, "three foxes beside each other")
    number(page, "txt2img_batch_count", 3)
    number(page, "txt2img_steps", 3)
    page.locator("#txt2img_generate").click()
    expect(thumbs(page)).to_have_count(4)
    at_rest(page)
    before = thumbs(page).locator("img").evaluate_all("images => images.map(({ src }) => src)")
    thumbs(page).nth(1).click()
    page.locator("#txt2img_upscale").click()
    expect(thumbs(page)).to_have_count(5)
    for _ in range(2):
        expect(thumbs(page).nth(2)).to_have_attribute("aria-selected", "true")
        after = thumbs(page).locator("img").evaluate_all("images => images.map(({ src }) => src)")
        assert after[:2] + after[3:] == before
        expect(page.locator("#html_info_txt2img .infotext")).to_contain_text("Hires upscale")
        page.reload()
        expect(thumbs(page)).to_have_count(5)


def test_a_job_of_a_closed_tab_is_there_and_shown_where_it_is(page: Page, open_page: Callable[[], Page]) -> None:
    a_long_job(page, "a job of a closed tab", 4)
    page.close()
    other = open_page()
    expect(job(other, "a job of a closed tab", "running").get_by_role("progressbar")).to_be_visible()
    job(other, "a job of a closed tab", "running").locator(".queue-title").click()
    expect(other.locator("#txt2img_interrupt")).to_be_visible()
    job(other, "a job of a closed tab", "running").get_by_title("Cancel").click()
    expect(job(other, "a job of a closed tab", "interrupted")).to_be_visible()
    expect(other.locator("#txt2img_generate")).to_be_visible()


def test_a_picture_whose_file_is_gone_is_told_in_drawer_and_results_and_stops_nothing(
    page: Page, troubles: list[str]
) -> None:
    write(page, "an owl that was deleted")
    number(page, "txt2img_steps", 2)
    page.locator("#txt2img_generate").click()
    expect(job(page, "an owl that was deleted").first).to_be_visible()
    at_rest(page)
    page.route("**/jobs/*/pictures/**", lambda route: route.fulfill(status=404))
    page.reload()
    expect(page.locator("#txt2img_results .stage")).to_have_text("Not here any more")
    expect(job(page, "an owl that was deleted").first.locator(".queue-picture.gone")).to_have_count(1)
    job(page, "an owl that was deleted").first.locator(".queue-title").click()
    expect(page.locator("#txt2img_prompt textarea")).to_have_value("an owl that was deleted")
    page.goto("/easel/v1/state")      # after it nothing more is asked for
    page.unroute_all(behavior="wait")
    troubles.clear()      # the browser tells of what it cannot fetch


def test_on_a_phone_the_drawer_is_folded_covers_the_page_and_makes_room_for_what_was_chosen(page: Page) -> None:
    write(page, "a phone")
    number(page, "txt2img_steps", 2)
    page.locator("#txt2img_generate").click()
    at_rest(page)
    page.set_viewport_size({"width": 390, "height": 800})
    expect(page.locator("#easel_drawer")).to_be_hidden()
    try:
        page.locator("#easel_queue button").click()
        expect(page.locator("#easel_drawer")).to_be_visible()
        page.wait_for_function("document.documentElement.scrollWidth <= innerWidth")
        page.keyboard.press("Escape")
        expect(page.locator("#easel_drawer")).to_be_hidden()
        expect(page.locator("#easel_queue button")).to_be_focused()
        job(page, "a phone").first.locator("button.queue-picture").first.click()
        expect(page.locator("#easel_drawer")).to_be_hidden()
        expect(page.locator("#txt2img_prompt textarea")).to_have_value("a phone")
    finally:
        page.set_viewport_size({"width": 1280, "height": 900})
