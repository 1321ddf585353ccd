"""Nothing typed or clicked while the page starts is lost. The scripts are held back, not raced."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.e2e.conftest import ready
from tests.e2e.test_page import DATA, PROMPT, finished, number

SCRIPTS = "**/easel/page/main*.js"


class Slow:
    """A page whose scripts come when they are let."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.held: list[Route] = []
        page.route(SCRIPTS, lambda route: self.held.append(route))

    def open(self) -> None:
        self.page.goto("/", wait_until="commit")
        self.page.wait_for_selector("#txt2img_generate")
        assert not self.page.locator("html.easel-ready").count()

    def start(self) -> Page:
        while not self.held:
            self.page.wait_for_timeout(20)
        for route in self.held:
            route.continue_()
        self.page.unroute(SCRIPTS)
        self.page.wait_for_selector("html.easel-ready")
        return self.page


@pytest.fixture
def slow(context: BrowserContext) -> Iterator[Slow]:
    yield Slow(context.new_page())


def remembered(open_page: Callable[[], Page]) -> None:
    """A form that a new tab takes up."""
    page = open_page()
    page.fill(PROMPT, "a rocket, flat style")
    number(page, "txt2img_steps", "6")
    page.click("#txt2img_random_seed")      # a form that is remembered has been heard
    page.close()


def test_the_remembered_form_is_there_before_it_can_be_used(slow: Slow, open_page: Callable[[], Page]) -> None:
    remembered(open_page)
    slow.open()
    expect(slow.page.locator(PROMPT)).to_have_value("a rocket, flat style")
    assert number(slow.page, "txt2img_steps") == "6"
    assert number(slow.page, "txt2img_width") == "128"
    expect(ready(slow.start()).locator(PROMPT)).to_have_value("a rocket, flat style")


def test_what_is_typed_too_early_stays_as_it_was_typed(slow: Slow, open_page: Callable[[], Page]) -> None:
    remembered(open_page)
    slow.open()
    slow.page.fill(PROMPT, "a green tree")
    number(slow.page, "txt2img_width", "64")
    page = slow.start()
    expect(page.locator(PROMPT)).to_have_value("a green tree")
    assert (number(page, "txt2img_width"), number(page, "txt2img_height")) == ("64", "128")
    page.click("#txt2img_generate")
    assert finished(page).startswith("a green tree\nSteps: 6, ")


@pytest.mark.parametrize("by_key", [False, True], ids=["click", "Ctrl+Enter"])
def test_an_early_generate_waits_for_the_scripts_and_is_done_once(
    slow: Slow, open_page: Callable[[], Page], by_key: bool
) -> None:
    remembered(open_page)
    slow.open()
    prompt = f"a penguin {by_key}"
    slow.page.fill(PROMPT, prompt)
    for _ in range(2):
        slow.page.press(PROMPT, "Control+Enter") if by_key else slow.page.click("#txt2img_generate")
    expect(slow.page.locator("#txt2img_generate")).to_have_attribute("aria-busy", "true")
    page = slow.start()
    expect(page.locator(DATA)).to_contain_text(f"{prompt} Steps: 6, ")      # the newest picture until then is another's
    expect(page.locator("#txt2img_generate")).to_have_attribute("aria-busy", "false")
    jobs = page.request.get("/easel/v1/jobs?limit=5").json()
    assert [job["params"]["prompt"] for job in jobs].count(prompt) == 1


def test_an_early_click_on_a_tool_is_done_as_well(slow: Slow, open_page: Callable[[], Page]) -> None:
    page = open_page()
    number(page, "txt2img_width", "64")
    page.close()
    slow.open()
    slow.page.click("#txt2img_res_switch_btn")
    page = slow.start()
    expect(page.locator("#txt2img_height [type=number]")).to_have_value("64")
    assert number(page, "txt2img_width") == "128"


def test_a_field_with_the_focus_does_not_follow_a_models_defaults(page: Page) -> None:
    page.focus("#txt2img_width [type=number]")
    page.route("**/easel/v1/state?*", with_other_defaults)
    expect(page.locator("#txt2img_height [type=number]")).to_have_value("192")
    assert number(page, "txt2img_width") == "128"


def with_other_defaults(route: Route) -> None:
    state = route.fetch(url=route.request.url.replace("seen=", "unseen=")).json()      # a whole answer
    state["defaults"]["txt2img"] |= {"width": 256, "height": 192}
    route.fulfill(json=state)


def test_a_page_at_rest_draws_no_frames(context: BrowserContext) -> None:
    page = context.new_page()
    page.add_init_script("""
      const asked = window.requestAnimationFrame;
      window.frames_asked = 0;
      window.requestAnimationFrame = (step) => { window.frames_asked += 1; return asked.call(window, step); };
    """)
    page.goto("/")
    ready(page)
    page.wait_for_function("""async () => {
      const before = window.frames_asked;
      await new Promise((done) => setTimeout(done, 300));
      return window.frames_asked === before;
    }""")


def test_a_prompt_grows_with_its_text_and_shrinks_again(page: Page) -> None:
    box = page.locator(PROMPT)
    empty = box.bounding_box()["height"]
    box.fill("\n".join(["a fox"] * 9))
    assert box.bounding_box()["height"] > 2 * empty
    assert box.evaluate("(box) => box.scrollHeight <= box.clientHeight")
    box.fill("a fox")
    assert box.bounding_box()["height"] == empty


def test_a_part_of_the_page_that_does_not_come_is_asked_for_again_after_a_while(page: Page, troubles: list[str]) -> None:
    asked: list[Route] = []
    part = "**/easel/page/training-*.js"
    page.route(part, lambda route: (asked.append(route), route.abort()))
    page.get_by_role("tab", name="Train", exact=True).click()
    expect(page.get_by_text("This part of the page could not be loaded.")).to_be_visible()
    page.wait_for_timeout(1000)
    assert len(asked) == 1
    page.unroute(part)
    expect(page.locator("#training_page .training")).to_be_visible()
    troubles.clear()
