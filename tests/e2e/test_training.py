"""A newcomer trains a LoRA: pictures dropped, a caption edited, the run followed, left, paused, gone on with, tried."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import ROOT
from tests.training.conftest import draw_zorbs

ENDLESS = "100000"      # steps: no machine is done before it is paused


@pytest.fixture
def zorbs(tmp_path: Path) -> Iterator[list[Path]]:
    """Pictures with captions; what is learnt from them does not stay among the server's models."""
    yield sorted(draw_zorbs(tmp_path / "zorbs", 64).iterdir())
    forget_zorbs("Lora")


def forget_zorbs(folder: str) -> None:
    for path in (ROOT / "models" / folder).glob("zorb-*"):
        path.unlink()


def open_training(page: Page) -> Page:
    page.wait_for_selector("html.easel-ready")
    page.get_by_role("tab", name="Train", exact=True).first.click()      # A1111's own is inside it
    page.wait_for_selector("#training_page .training-place > *")
    return page


def captions(page: Page) -> list[str]:
    return page.locator(".training-card textarea").evaluate_all("boxes => boxes.map(({ value }) => value)")


def begin(page: Page, name: str, steps: str) -> None:
    for field, value in (("output_name", name), ("max_train_steps", steps), ("network_dim", "2"), ("resolution", "64"),
                         ("sample_prompts", "a zorb --w 64 --h 64 --s 2"), ("sample_every_n_steps", "4")):
        page.fill(f"#training_{field}", value)
        page.press(f"#training_{field}", "Tab")
    page.locator("#training_begin:not([disabled])").click()
    expect(page.locator(".training-run h2").first).to_have_text(name)


def test_a_lora_is_trained_followed_paused_resumed_and_tried(open_page, zorbs):
    page = open_training(open_page())
    page.set_input_files("#training_files", zorbs)
    cards = page.locator(".training-card")
    expect(cards).to_have_count(8)
    assert captions(page)[0] == "a zorb on a white background"      # text files that came along
    cards.first.locator("textarea").fill("a zorb on snow")
    page.fill(".training-inputs input", "best")
    page.get_by_role("button", name="Apply", exact=True).click()
    expect(page.locator(".training-tags button", has_text="best8")).to_be_visible()
    assert captions(page)[0] == "a zorb on snow, best"
    page.get_by_role("button", name="Undo", exact=True).click()
    expect(page.locator(".training-tags button", has_text="best")).to_have_count(0)
    expect(page.locator(".training-sum")).to_contain_text("8 pictures, batch 2 → 4 steps an epoch")
    page.get_by_role("button", name="Show a batch").click()
    expect(page.locator(".training-batch img")).to_have_count(2)
    page.get_by_role("button", name="Measure").click()
    expect(page.locator(".training-measured")).to_contain_text("Memory: ")

    begin(page, "zorb-e2e", ENDLESS)
    expect(page.locator(".curve.of-smooth[points*=',']")).to_have_count(1)
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.locator(".training-run[data-state=paused]")).to_be_visible()
    page.reload()
    open_training(page)
    expect(page.locator(".training-run[data-state=paused]")).to_be_visible()
    page.get_by_role("button", name="Resume", exact=True).click()
    expect(page.locator(".training-run[data-state=running]")).to_be_visible()
    for _ in range(2):      # it asks once more
        page.get_by_role("button", name=re.compile("^Stop")).click()
    expect(page.locator(".training-run[data-state=interrupted]")).to_be_visible()

    page.click("#training_new")
    begin(page, "zorb-done", "4")
    expect(page.locator(".training-run[data-state=done]")).to_be_visible()
    expect(page.locator(".training-sheet-table td img")).to_have_count(2)      # before, and at the end
    page.locator(".training-sheet-table td button").last.click()
    expect(page.locator("#txt2img_prompt textarea")).to_have_value("a zorb <lora:zorb-done:1>")
    page.fill("#txt2img_prompt textarea", "")
    open_training(page)
    page.get_by_role("button", name="Make its card").click()
    expect(page.get_by_text("Its card has a picture and the words a zorb")).to_be_visible()
    page.click("#training_try")
    expect(page.locator("#txt2img_prompt textarea")).to_have_value("a zorb <lora:zorb-done:1>")


def test_a_plan_of_another_tool_is_shown_and_taken(open_page):
    page = open_training(open_page())
    page.get_by_text("From another tool").click()
    page.fill("#training_config", "accelerate launch train_network.py --network_dim 12 --netwrk_alpha 4")
    page.get_by_role("button", name="Translate").click()
    expect(page.locator(".training-translation .wrong")).to_contain_text("Did you mean 'network_alpha'")
    page.get_by_role("button", name="Use these values").click()
    expect(page.locator("#training_network_dim")).to_have_value("12")


def test_the_files_of_a_run_are_compared_in_a_plot(open_page, zorbs):
    page = open_training(open_page())
    page.set_input_files("#training_files", zorbs)
    expect(page.locator(".training-card")).to_have_count(8)
    begin(page, "zorb-plot", "8")
    expect(page.locator(".training-run[data-state=done]")).to_be_visible()
    assert page.locator(".training-files li strong").all_text_contents()[1:] == [
        "zorb-plot-step00000004.safetensors", "zorb-plot.safetensors"]
    page.get_by_role("button", name="Compare its files").click()
    expect(page.locator("#txt2img_prompt textarea")).to_have_value("a zorb <lora:zorb-plot-step00000004:1>")
    values = page.locator("#script_txt2img_xyz_plot_x_values textarea")
    expect(values).to_have_value("<lora:zorb-plot-step00000004:1>, <lora:zorb-plot:1>")
    open_training(page)
    page.click("#training_try")      # draws one picture, not the plot
    expect(page.locator("#txt2img_prompt textarea")).to_have_value("a zorb <lora:zorb-plot:1>")
    expect(values).to_be_hidden()


@pytest.fixture
def embeddings() -> Iterator[None]:
    yield
    forget_zorbs("embeddings")


def test_an_embedding_is_created_and_trained_as_in_a1111(open_page, zorbs, embeddings, troubles):
    page = open_training(open_page())
    tabs = page.locator("#train_tabs")
    tabs.get_by_role("tab", name="Create embedding").click()
    page.fill("#train_new_embedding_name textarea, #train_new_embedding_name input", "zorb-word")
    page.click("#train_create_embedding")
    expect(page.locator("#create_embedding_output")).to_contain_text("ready to be trained")
    page.click("#train_create_embedding")
    expect(page.locator("#create_embedding_output")).to_contain_text("already")      # it is a file by now
    tabs.get_by_role("tab", name="Train", exact=True).click()
    expect(page.locator("#train_embedding input")).to_have_value("zorb-word")
    page.click("#train_train_embedding")
    expect(page.locator("#ti_output")).to_contain_text("no pictures")      # nor a directory of them
    troubles.clear()
    page.fill("#train_dataset_directory textarea, #train_dataset_directory input", str(zorbs[0].parent))
    for field, value in (("steps", "2"), ("training_width", "64"), ("training_height", "64")):
        page.locator(f"#train_{field} input").first.fill(value)
        page.locator(f"#train_{field} input").first.press("Tab")
    page.click("#train_train_embedding")
    expect(page.locator(".training-run[data-state=done]")).to_be_visible()
    assert page.locator(".training-files li strong").all_text_contents()[-1] == "zorb-word.pt"
