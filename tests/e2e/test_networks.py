"""Networks and checkpoints as a person uses them, on a models folder of their own: picked, described, merged."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Browser, Page, Route, expect
from safetensors.torch import load_file, save_file

from tests.e2e.conftest import MODEL, PATIENCE, ready, serving

KEY = "model.diffusion_model.middle_block.1.transformer_blocks.0.attn2.to_k.weight"
MODULE = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k"      # the same, as kohya's trainer calls it
INFOTEXT = "#html_info_txt2img .infotext"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped checkpoint, another one a little beside it, and a LoRA for both."""
    if not MODEL.exists():
        pytest.skip(f"the default model is not here: {MODEL.name}")
    folder = tmp_path_factory.mktemp("shop") / "models"
    for kind in ("Stable-diffusion", "Lora"):
        (folder / kind).mkdir(parents=True)
    shutil.copy(MODEL, folder / "Stable-diffusion")
    shutil.copy(MODEL.with_suffix(".json"), folder / "Stable-diffusion")
    weights = load_file(MODEL)
    save_file(weights | {KEY: weights[KEY] * 1.5}, folder / "Stable-diffusion/other.safetensors")
    save_file(lora_for(weights[KEY]), folder / "Lora/ink wash.safetensors")
    return folder


def lora_for(weight: torch.Tensor) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    return {
        f"{MODULE}.lora_down.weight": torch.randn(4, weight.shape[1], generator=draw) / 8,
        f"{MODULE}.lora_up.weight": torch.randn(weight.shape[0], 4, generator=draw) / 8,
        f"{MODULE}.alpha": torch.tensor(4.0),
    }


@pytest.fixture(scope="module")
def shop(models: Path) -> Iterator[str]:
    with serving(models.parent, "--models-dir", models) as address:
        yield address


@pytest.fixture
def page(browser: Browser, shop: str) -> Iterator[Page]:
    context = browser.new_context(base_url=shop, viewport={"width": 1280, "height": 900}, color_scheme="light")
    context.set_default_timeout(PATIENCE * 1000)
    page = context.new_page()
    page.goto("/")
    yield ready(page)
    context.close()


def tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).first.click()


def chosen(page: Page, control: str, option: str) -> None:
    page.click(f"#{control} input")
    page.get_by_role("option", name=option).first.click()


def test_a_cards_tag_is_in_the_data_of_the_picture(page: Page) -> None:
    page.fill("#txt2img_prompt textarea", "a red apple")
    tab(page, "Lora")
    page.locator('.network[data-name="ink wash"] .network-use').click()
    expect(page.locator("#txt2img_prompt textarea")).to_have_value("a red apple <lora:ink wash:1>")
    tab(page, "Generation")
    page.locator("#txt2img_steps [type=number]").fill("4")
    page.click("#txt2img_generate")
    expect(page.locator(INFOTEXT)).to_contain_text("a red apple <lora:ink wash:1>")
    expect(page.locator(INFOTEXT)).to_contain_text("Lora hashes: \"ink wash: ")


def test_what_is_written_about_a_card_lies_beside_its_file(page: Page, models: Path) -> None:
    tab(page, "Lora")
    page.locator('.network[data-name="ink wash"]').hover()
    page.get_by_role("button", name="Edit ink wash", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Activation text").fill("ink on paper")
    dialog.get_by_label("Preferred weight").fill("0.5")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    written = json.loads((models / "Lora/ink wash.json").read_text())
    assert (written["activation text"], written["preferred weight"]) == ("ink on paper", 0.5)
    page.locator('.network[data-name="ink wash"] .network-use').click()
    expect(page.locator("#txt2img_prompt textarea")).to_have_value("<lora:ink wash:0.5> ink on paper")


def test_more_than_three_checkpoints_are_merged_and_what_is_wrong_is_said(page: Page, models: Path) -> None:
    tab(page, "Checkpoint Merger")
    result = page.locator("#modelmerger_results")
    chosen(page, "modelmerger_primary_model_name", "easel-stickers-128")
    chosen(page, "modelmerger_tertiary_model_name", "other")
    page.evaluate("easel.store('merge').fill({ b: null })")      # which was suggested
    page.wait_for_function("easel.store('merge').values?.b === null")
    page.click("#modelmerger_merge")      # C does not move up into the place of B
    expect(result.get_by_role("alert")).to_contain_text("Weighted sum needs 2 checkpoints, not 1.")
    chosen(page, "modelmerger_secondary_model_name", "other")
    page.get_by_role("radio", name="Sum of more").click()
    expect(page.locator("#modelmerger_interp_amount")).to_be_hidden()
    chosen(page, "modelmerger_other_model_names", "other")
    page.keyboard.press("Escape")
    page.fill("#modelmerger_shares :is(input, textarea)", "0.1, 0.2")
    page.fill("#modelmerger_custom_name :is(input, textarea)", "four")
    page.click("#modelmerger_merge")
    expect(result.get_by_role("alert")).to_contain_text("needs a share")
    page.fill("#modelmerger_shares :is(input, textarea)", "0.1, 0.2, 0.3")
    page.click("#modelmerger_merge")
    expect(result).to_contain_text("four.safetensors")
    merged, first, other = (
        load_file(models / f"Stable-diffusion/{name}.safetensors")[KEY].float()
        for name in ("four", MODEL.stem, "other")
    )
    torch.testing.assert_close(merged, 0.4 * first + 0.6 * other, atol=1e-3, rtol=1e-2)


def test_what_is_being_made_is_watched_and_stopped_from_the_page_after_a_reload_too(page: Page) -> None:
    """The server's answers are made up: a real merge of small files ends before anybody could press a button."""
    job = {
        "id": "slow",
        "kind": "convert",
        "state": "queued",
        "ahead": 2,
        "fraction": 0,
        "eta": None,
        "params": {"name": "small"},
        "outputs": [],
        "warnings": ["mind the gap"],
        "error": None,
    }
    stopped: list[str] = []

    def stop(route: Route) -> None:
        stopped.append(route.request.method)
        job["state"] = "interrupted"
        route.fulfill(status=204)

    page.route("**/easel/v1/jobs", lambda route: route.fulfill(json={"job": "slow", "notes": []}))
    page.route("**/easel/v1/jobs?limit=10*", lambda route: route.fulfill(json=[job]))
    page.route("**/easel/v1/jobs/slow?*", lambda route: route.fulfill(json=job))
    page.route("**/easel/v1/jobs/slow/interrupt", stop)
    tab(page, "Checkpoint Merger")
    page.get_by_text("Convert or prune").click()
    page.click("#modelmerger_convert")
    result = page.locator("#modelmerger_results")
    expect(result).to_contain_text("2 before it")
    job |= {"state": "running", "fraction": 0.25}
    expect(result).to_contain_text("25 %")
    page.reload()
    tab(page, "Checkpoint Merger")
    expect(result).to_contain_text("small")
    result.get_by_role("button", name="Stop").click()
    expect(result).to_contain_text("Nothing was written")
    assert stopped == ["POST"]


def test_a_checkpoint_merged_of_two_is_at_once_everywhere_and_can_be_drawn_with(page: Page, models: Path) -> None:
    tab(page, "Checkpoints")
    expect(page.locator('#txt2img_checkpoints_pane .network[data-name="other"]')).to_be_visible()
    tab(page, "Checkpoint Merger")
    chosen(page, "modelmerger_primary_model_name", "easel-stickers-128")
    chosen(page, "modelmerger_secondary_model_name", "other")
    page.fill("#modelmerger_custom_name input, #modelmerger_custom_name textarea", "both")
    page.click("#modelmerger_merge")
    expect(page.locator("#modelmerger_results")).to_contain_text("Written: both.safetensors")
    assert (models / "Stable-diffusion/both.safetensors").exists()
    tab(page, "txt2img")
    expect(page.locator('#txt2img_checkpoints_pane .network[data-name="both"]')).to_be_visible()
    tab(page, "Generation")
    page.get_by_text("Refiner", exact=True).locator("visible=true").click()
    chosen(page, "txt2img_checkpoint", "both")
    chosen(page, "txt2img_checkpoint", "None")
    chosen(page, "setting_sd_model_checkpoint", "both")
    page.fill("#txt2img_prompt textarea", "a red apple")
    page.locator("#txt2img_steps [type=number]").fill("4")
    page.click("#txt2img_generate")
    expect(page.locator(INFOTEXT)).to_contain_text("Model: both")
