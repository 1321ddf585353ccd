"""Pasted generation data: the boxes hold what will be used, and one panel says what happened, with a way back."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.e2e.test_page import PROMPT, SEED, drop, generate, number, picture_file

NOTES = "#txt2img_settings .paste-notes"
FOREIGN = """a fox <lora:gone:1>
Steps: 9, Sampler: DPM++ 2M Karras, CFG scale: 3, Seed: 77, Size: 64x128, Model hash: 6ce0161689, Model: v1-5-pruned-emaonly,
VAE: vae-ft-mse-840000-ema-pruned.safetensors, Lora hashes: "gone: 0123456789ab", Wibble: 3""".replace(",\nVAE", ", VAE")


def test_what_is_not_here_is_named_with_its_hash_and_the_boxes_hold_what_will_be_used(page: Page) -> None:
    page.fill(PROMPT, FOREIGN)
    page.click("#paste")
    notes = page.locator(NOTES)
    expect(notes).to_contain_text("This will not be the same picture.")
    expect(notes).to_contain_text("Made with v1-5-pruned-emaonly [6ce0161689] and vae-ft-mse")
    expect(notes).to_contain_text("the LoRA gone [0123456789]")
    expect(notes).to_contain_text("Nothing here for: Wibble: 3")
    expect(page.locator("#txt2img_sampling input")).to_have_value("DPM++ 2M")
    expect(page.locator("#txt2img_scheduler input")).to_have_value("Karras")
    notes.locator("summary").first.click()
    expect(notes.locator(".paste-values")).to_contain_text("Sampling steps9")


def test_undo_brings_back_the_form_as_it_was(page: Page) -> None:
    page.fill("#txt2img_neg_prompt textarea", "grey")
    number(page, "txt2img_steps", "33")
    page.fill(PROMPT, "a bee\nNegative prompt: blue\nSteps: 9, Sampler: Euler a, CFG scale: 3, Seed: 77, Size: 64x128")
    page.click("#paste")
    expect(page.locator(SEED)).to_have_value("77")
    page.locator(NOTES).get_by_role("button", name="Undo").click()
    expect(page.locator(SEED)).to_have_value("-1")
    expect(page.locator("#txt2img_neg_prompt textarea")).to_have_value("grey")
    assert (number(page, "txt2img_steps"), number(page, "txt2img_width")) == ("33", "128")
    expect(page.locator(NOTES)).to_be_empty()


def test_a_picture_with_a_manifest_says_that_it_will_be_the_same_and_one_without_says_that_nobody_can_tell(
    page: Page
) -> None:
    generate(page, "a green star")
    plain = picture_file(page)
    page.request.post("/sdapi/v1/options", data={"save_manifest": True})
    try:
        generate(page, "a red star")
    finally:
        page.request.post("/sdapi/v1/options", data={"save_manifest": False})
    told = picture_file(page)
    drop(page, plain)
    expect(page.locator(NOTES)).to_contain_text(re.compile("All that the data name is here.*has no manifest"))
    drop(page, told)
    expect(page.locator(NOTES)).to_contain_text("This will be the same picture.")
