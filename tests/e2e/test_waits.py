"""A server that takes its time: whoever clicked is told that it is worked on, and no longer than that."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route, expect

WAITING = "Waiting for the server…"
# what is clicked → what is asked for
CLICKS = {
    "#txt2img_styles_edit_button": "**/easel/v1/styles",
    "#refresh_sd_model_checkpoint": "**/easel/v1/choices/refresh",
}


def notice(page: Page):
    return page.locator(".notice", has_text=WAITING)


class Held:
    """Requests to an address that are answered once they are let go."""

    def __init__(self, page: Page, address: str) -> None:
        self.waiting: list[Route] = []
        self.free = False
        page.route(address, lambda route: route.continue_() if self.free else self.waiting.append(route))

    def let_go(self) -> None:
        self.free = True
        for route in self.waiting:
            route.continue_()


@pytest.mark.parametrize(("button", "address"), CLICKS.items())
def test_what_a_click_asks_for_is_waited_for_in_words(page: Page, button: str, address: str) -> None:
    held = Held(page, address)
    page.click(button)
    expect(notice(page)).to_be_visible()
    held.let_go()
    expect(notice(page)).to_have_count(0)


def test_what_the_page_asks_by_itself_is_not_told(page: Page) -> None:
    held = Held(page, "**/easel/v1/tokens")
    page.click("#txt2img_prompt textarea")      # whatever a person has just done is told
    page.fill("#txt2img_prompt textarea", "a fox")
    for _ in range(2):      # two seconds lie between them
        with page.expect_response("**/easel/v1/state?*"):
            pass
    expect(notice(page)).to_have_count(0)
    held.let_go()
