"""The page in each language that ships: no label is left in English, and none is cut, on a phone and on a desk."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

import pytest
from playwright.sync_api import Browser, Page, expect
from playwright.sync_api import TimeoutError as TookTooLong

from tests.e2e.conftest import complains

TABS = ("txt2img", "img2img", "extras", "pnginfo", "library", "modelmerger", "ti", "queue", "settings", "extensions")
WIDTHS = (390, 1280)
# names that are the same in every language, what a person has made, and what gradio says itself
NAMES = re.compile(
    r"(?:a|an) \w+.*|outputs|Lora|LoRA|ControlNet|VAEs?|SDXL|Hypertile|Stable Diffusion|DreamBooth|Easel|English|Deutsch"
    r"|Sigma t(?:min|max)|(?:fp|bf)\d+|(?:none|all|wildcard)|Zip|PNG|EXIF|.*\.safetensors.*|txt2img|img2img|A1111|.*\d.*"
)
TEXTS = """() => {
  const seen = (e) => e.checkVisibility({ visibilityProperty: true }) && e.getClientRects().length > 0;
  const found = new Set(), texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const { data, parentElement: place } = texts.currentNode;
    if (seen(place) && !place.closest("script, style, code, textarea, [lang]:not(html), .examples")) found.add(data.trim());
  }
  for (const name of ["title", "placeholder"])
    for (const each of document.querySelectorAll(`[${name}]`)) if (seen(each)) found.add(each.getAttribute(name));
  return [...found];
}"""
# gradio draws tabs a second time, out of sight, to measure them
CUT = """() => [...document.querySelectorAll("button, summary, h2, h3, legend, [role=tab], [data-testid=block-info]")]
  .filter((e) => e.checkVisibility({ visibilityProperty: true }) && getComputedStyle(e).fontSize !== "0px")
  .filter((e) => !e.closest(".visually-hidden"))
  .filter((e) => getComputedStyle(e).overflowX !== "visible" && e.clientWidth > 0 && e.scrollWidth > e.clientWidth + 1)
  .map((e) => e.textContent.trim())"""


@pytest.fixture(params=[("zh-CN", width) for width in WIDTHS] + [("de", width) for width in WIDTHS], ids=str)
def foreign(request, browser: Browser, server: str) -> Iterator[tuple[str, Page]]:
    """The language, and the page of a browser that asks for it, which complains about nothing."""
    language, width = request.param
    troubles: list[str] = []
    context = browser.new_context(base_url=server, locale=language, viewport={"width": width, "height": 900})
    context.on("console", lambda said: troubles.append(said.text) if complains(said) else None)
    context.on("weberror", lambda problem: troubles.append(str(problem.error)))
    page = context.new_page()
    page.goto("/")
    page.wait_for_selector("html.easel-ready")
    yield language, page
    context.close()
    assert not troubles


def opened(page: Page) -> Iterator[str]:
    for tab in TABS:
        page.evaluate("(name) => { location.hash = name; }", {"ti": "train"}.get(tab, tab))      # also one among "More tabs"
        expect(page.locator(f"#tab_{tab}")).to_be_visible()
        yield tab


def cut_labels(page: Page) -> list[str]:
    """Labels that are cut once the tab is laid out."""
    with suppress(TookTooLong):
        page.wait_for_function(f"!({CUT})().length", polling=250, timeout=30_000)      # ms
    return page.evaluate(CUT)


def test_no_label_is_left_in_english_and_none_is_cut(foreign):
    language, page = foreign
    expect(page.locator("html")).to_have_attribute("lang", language)
    english, cut = set(), set()
    for tab in opened(page):
        texts = [text for text in page.evaluate(TEXTS) if re.search("[A-Za-z]{3}", text) and not NAMES.fullmatch(text)]
        if language == "zh-CN":
            english |= {f"{tab}: {text}" for text in texts if not re.search("[\u4e00-\u9fff]", text)}
        cut |= {f"{tab}: {text}" for text in cut_labels(page)}
    assert (sorted(english), sorted(cut)) == ([], [])


def test_a_language_is_chosen_beside_light_and_dark_and_kept(context):
    page = context.new_page()
    page.goto("/")
    page.wait_for_selector("html.easel-ready")
    with page.expect_navigation():
        page.get_by_label("Language", exact=True).select_option("zh-CN")
    page.wait_for_selector("html.easel-ready")
    expect(page.locator("#txt2img_generate")).to_have_text("生成")
    assert page.request.post("/sdapi/v1/options", data={"localization": "None"}).ok
    page.context.clear_cookies()
    page.reload()
    page.wait_for_selector("html.easel-ready")
    expect(page.locator("#txt2img_generate")).to_have_text("Generate")
