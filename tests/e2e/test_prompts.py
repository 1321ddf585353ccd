"""Styles, wildcards, help with prompts and more of the same, as a person uses them."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

PROMPT, NEGATIVE = "#txt2img_prompt textarea", "#txt2img_neg_prompt textarea"


def test_a_style_is_written_chosen_put_into_the_prompt_and_deleted(page: Page) -> None:
    page.fill(PROMPT, "a fox")
    page.click("#txt2img_styles_edit_button")
    page.get_by_role("button", name="New style").click()
    page.fill(".style-form [data-field=name]", "Ink")
    page.fill(".style-form [data-field=prompt]", "{prompt}, ink drawing")
    page.keyboard.press("Escape")      # loses nothing
    expect(page.locator(".style-form .card-trouble")).to_contain_text("There are changes")
    page.locator(".style-form").get_by_role("button", name="Save", exact=True).click()
    page.locator(".style-choice").click()
    expect(page.locator(".style-choice")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Write into the prompts").click()
    expect(page.locator(PROMPT)).to_have_value("a fox, ink drawing")
    page.locator(".style-form").get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Really delete?").click()
    expect(page.locator(".style-choice")).to_have_count(0)


def test_styles_are_put_in_order_by_keys_and_by_dragging(page: Page) -> None:
    page.click("#txt2img_styles_edit_button")
    for name in ("Ink", "Wash", "Oil"):
        page.get_by_role("button", name="New style").click()
        page.fill(".style-form [data-field=name]", name)
        page.fill(".style-form [data-field=prompt]", "x")
        page.locator(".style-form").get_by_role("button", name="Save", exact=True).click()
        expect(page.locator(".style-choice", has_text=name)).to_have_count(1)
    names = page.locator(".style-choice b")
    page.locator(".style-choice", has_text="Oil").focus()
    page.keyboard.press("Alt+ArrowUp")
    expect(names).to_have_text(["Ink", "Oil", "Wash"])
    page.keyboard.press("Alt+ArrowUp")      # the focus has gone with it
    expect(names).to_have_text(["Oil", "Ink", "Wash"])
    page.locator(".style-choice", has_text="Oil").drag_to(page.locator(".style-choice", has_text="Wash"))
    expect(names).to_have_text(["Ink", "Wash", "Oil"])
    for name in ("Ink", "Wash", "Oil"):
        page.get_by_role("button", name=f"Edit {name}").click()
        page.locator(".style-form").get_by_role("button", name="Delete").click()
        page.get_by_role("button", name="Really delete?").click()
        expect(page.locator(".style-choice", has_text=name)).to_have_count(0)


def test_wildcards_are_written_seen_and_completed(page: Page, troubles: list[str]) -> None:
    page.fill(PROMPT, "a __hues__ {fox|fox}")
    page.click("#txt2img_wildcards")
    expect(page.locator(".wildcard-samples .card-trouble")).to_contain_text("hues")
    troubles.clear()      # there was no such wildcard
    page.get_by_role("tab", name="Files").click()
    page.get_by_role("button", name="New file").click()
    page.fill(".wildcard-file input", "hues.txt")
    page.fill(".wildcard-file textarea", "teal\n")
    page.locator(".wildcard-file").get_by_role("button", name="Save").click()
    expect(page.locator(".wildcard-names")).to_have_text("__hues__")
    page.get_by_role("tab", name="What the prompt becomes").click()
    expect(page.locator(".sample-text").first).to_have_text("a teal fox")
    expect(page.locator(".sample-rows li")).to_have_count(10)
    page.get_by_role("button", name="Done").click()
    page.fill(PROMPT, "")
    page.locator(PROMPT).press_sequentially("a __hu")
    expect(page.get_by_role("option", name="hues")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.locator(PROMPT)).to_have_value("a __hues__")
    page.keyboard.press("Control+z")
    expect(page.locator(PROMPT)).to_have_value("a __hu")


def test_an_unmatched_bracket_is_named_and_each_step_is_told(page: Page) -> None:
    page.fill(PROMPT, "a [cat:dog:0.5] (x")
    counter = page.locator("#txt2img_token_counter button.wrong")
    expect(counter).to_have_attribute("title", re.compile(r"^\( at character 17 is never closed"))
    page.fill(PROMPT, "a [cat:dog:0.5]")
    expect(page.locator("#txt2img_token_counter button:not(.wrong)")).to_have_text("2/75")
    page.click("#txt2img_token_counter button")
    expect(page.locator(".reading-text")).to_have_text(["a cat", "a dog"])
    page.locator(".reading-stage").nth(1).click()
    expect(page.locator(".reading-token")).to_have_text(["a", "dog"])


def test_forever_goes_on_until_it_is_stopped_and_a_picture_is_varied(page: Page) -> None:
    page.fill(PROMPT, "a fox")
    steps = page.locator("#txt2img_steps [type=number]")
    steps.fill("1")
    steps.press("Tab")
    page.click("#txt2img_generate_menu")
    page.get_by_role("button", name="Generate forever", exact=True).press("Enter")
    first = page.wait_for_function("sessionStorage.getItem('easel.job')").json_value()
    page.wait_for_function("(first) => sessionStorage.getItem('easel.job') !== first", arg=first)
    page.locator(".forever").get_by_role("button", name="Stop").click()
    page.wait_for_function("!document.getElementById('txt2img_page').classList.contains('running')")
    page.locator("#image_buttons_txt2img .variants").click()
    page.locator(".variants-dialog [type=number]").fill("2")
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#txt2img_gallery .thumb").nth(1)).to_be_visible()      # perhaps with a grid
    expect(page.locator("#html_info_txt2img .infotext")).to_contain_text("Variation seed strength: 0.3")
    expect(page.locator("#txt2img_seed :is(input, textarea)")).to_have_value("-1")
