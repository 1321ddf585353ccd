"""A job followed by its stream, by questions where there is none, and across a server's restart."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, Request, expect

from tests.e2e.conftest import PATIENCE, ROOT, free_port, ready, serving
from tests.e2e.test_page import PROMPT, finished, generate, number, running

RECORD, EVENTS = re.compile(r"/easel/v1/jobs/[^/]+\?newest"), re.compile(r"/easel/v1/jobs/[^/]+/events\?newest")
SEEN = "(hidden) => { Object.defineProperty(document, 'hidden', { value: hidden, configurable: true }); document.dispatchEvent(new Event('visibilitychange')); }"


class Asked:
    """What a page asks of its job from here on."""

    def __init__(self, page: Page) -> None:
        self.records: list[Request] = []
        self.streams: list[Request] = []
        self.ended: list[Request] = []
        page.on("request", lambda request: self.kind(request).append(request))
        page.on("requestfinished", lambda request: self.ended.append(request))
        page.on("requestfailed", lambda request: self.ended.append(request))

    def kind(self, request: Request) -> list[Request]:
        if EVENTS.search(request.url):
            return self.streams
        return self.records if RECORD.search(request.url) else []


def begin(page: Page, prompt: str, steps: int) -> None:
    number(page, "txt2img_steps", str(steps))
    page.fill(PROMPT, prompt)
    page.click("#txt2img_generate")


def until(page: Page, true: Callable[[], bool]) -> None:
    """Let the page go on until it is `true`; what is heard of it meanwhile is heard."""
    for _ in range(900):
        if true():
            return
        page.wait_for_timeout(100)
    raise AssertionError("It has not come true.")


def test_the_server_tells_a_page_how_its_job_goes(page: Page) -> None:
    generate(page, "a spring")      # the model is loaded
    asked = Asked(page)
    begin(page, "a stream, flat style", 60)
    expect(page.locator(".progress-text")).to_have_text(re.compile(r"step \d+ of 60 · \d+ %"))
    page.wait_for_selector("img.preview")
    assert finished(page).startswith("a stream, flat style\n")
    # one question at the beginning, and one more after each long silence
    assert len(asked.records) == len(asked.streams)


def test_where_no_stream_gets_through_the_page_asks(page: Page) -> None:
    page.route(EVENTS, lambda route: route.fulfill(status=204))
    asked = Asked(page)
    begin(page, "a stone, flat style", 60)
    expect(page.locator(".progress-text")).to_have_text(re.compile(r"step \d+ of 60 · \d+ %"))
    assert finished(page).startswith("a stone, flat style\n")
    assert len(asked.records) > 2 and len(asked.streams) == 1


def test_a_page_that_nobody_looks_at_holds_no_stream_and_is_up_to_date_when_somebody_does(page: Page) -> None:
    asked = Asked(page)
    begin(page, "a hidden bear", 60)
    until(page, lambda: len(asked.streams) == 1)
    page.evaluate(SEEN, True)
    until(page, lambda: asked.streams[0] in asked.ended)
    page.evaluate(SEEN, False)
    assert finished(page).startswith("a hidden bear\n")


def test_a_page_follows_its_job_across_a_restart_of_the_server(browser: Browser, tmp_path: Path) -> None:
    """It says that nobody answers, and goes on by itself, though the job has to be begun again."""
    models, port = ("--models-dir", ROOT / "models"), free_port()
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE * 1000)
    page = context.new_page()
    with serving(tmp_path, *models, port=port) as address:
        page.goto(address)
        ready(page)
        number(page, "txt2img_batch_count", "6")      # more than are made side by side
        begin(page, "a phoenix, flat style", 25)
        page.wait_for_selector(".thumb")
    expect(page.locator(".notice")).to_contain_text("Connection lost")
    running(page)
    with serving(tmp_path, *models, port=port):
        assert finished(page).startswith("a phoenix, flat style\n")
        expect(page.locator(".thumb")).to_have_count(7)      # with their grid
        expect(page.locator(".notice")).to_have_count(0)
        context.close()
