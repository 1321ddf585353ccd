"""A plot as a person makes one: filled in at a click, seen while it is drawn, compared, voted on, extended."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.e2e.test_scripts import choose, number

AXIS = "#script_txt2img_xyz_plot_{}_{}"


def test_a_plot_is_filled_in_drawn_compared_and_extended(page: Page) -> None:
    number(page, "txt2img_steps", "2")
    page.fill("#txt2img_seed textarea, #txt2img_seed input", "7")
    page.get_by_role("button", name="Schedules", exact=True).first.click()
    values = page.locator(AXIS.format("x", "values") + " textarea")
    expect(values).not_to_have_value("")
    values.fill("Karras, Exponential")
    expect(page.locator("#txt2img_script_container .plot-estimate")).to_contain_text("2 pictures")
    page.click("#txt2img_generate")
    cells = page.locator("#txt2img_gallery .plot-cell button")
    expect(cells).to_have_count(2)
    expect(page.locator("#txt2img_gallery .plot thead th")).to_have_text(
        ["Schedule type: Karras", "Schedule type: Exponential"]
    )
    page.wait_for_function("!document.getElementById('txt2img_page').classList.contains('running')")
    cells.first.click()
    page.keyboard.press("c")
    page.get_by_role("button", name="Left is better").click()
    expect(page.locator("#txt2img_gallery .plot-cell[data-votes='1 of 1 votes']")).to_have_count(1)
    page.keyboard.press("Escape")
    values.fill("")      # so that it is seen when they are there again
    page.get_by_role("button", name="Extend", exact=True).click()
    expect(page.locator(AXIS.format("x", "values") + " textarea")).to_have_value("Karras, Exponential")
    values.fill("Karras, Exponential, Normal")
    expect(page.locator("#txt2img_script_container .plot-estimate")).to_contain_text("2 of them drawn before")
    page.click("#txt2img_generate")
    expect(cells).to_have_count(3)


def test_an_axis_without_a_list_says_so(page: Page) -> None:
    choose(page, "txt2img", "X/Y/Z plot")
    page.locator(AXIS.format("x", "values")).get_by_role("button", name="All values").click()
    expect(page.locator(AXIS.format("x", "values") + " .plot-note")).to_contain_text("write them yourself")
