"""Two people in two browsers: one looks after their jobs, the other after the queue."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.e2e.conftest import PATIENCE, serving
from tests.servers import with_tiny_model

ACCOUNTS = {"alice": "a-secret", "bob": "b-secret"}
SMALL = {"steps": 2, "width": 64, "height": 64, "seed": 1}


@pytest.fixture(scope="module")
def address(chromium: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    data = with_tiny_model(tmp_path_factory.mktemp("queue"))
    auth = ",".join(f"{name}:{password}" for name, password in ACCOUNTS.items())
    with serving(data, "--api-auth", auth, "--gradio-auth", auth, login="alice:a-secret") as found:
        yield found


@pytest.fixture
def opened(browser: Browser, address: str) -> Iterator[Callable[[str], Page]]:
    """Returns what opens somebody's page."""
    contexts = []

    def page_of(name: str, width: int = 1280) -> Page:
        context = browser.new_context(base_url=address, viewport={"width": width, "height": 800})
        context.set_default_timeout(PATIENCE * 1000)
        contexts.append(context)
        page = context.new_page()
        page.goto("/login")
        page.locator("input:not([type=password])").first.fill(name)
        page.locator("[type=password]").first.fill(ACCOUNTS[name])
        page.keyboard.press("Enter")
        page.wait_for_selector("html.easel-ready")
        return page

    yield page_of
    for context in contexts:
        context.close()


def api(address: str, name: str) -> httpx.Client:
    return httpx.Client(base_url=address, auth=(name, ACCOUNTS[name]), timeout=PATIENCE)


def ask(client: httpx.Client, prompt: str) -> str:
    return client.post("/easel/v1/jobs", json={"kind": "txt2img", "fields": SMALL | {"prompt": prompt}}).json()["job"]


def titles(page: Page) -> Locator:
    return page.locator("#queue_page .queue-list .queue-title")


def press(page: Page, title: str, button: str) -> None:
    page.locator("#queue_page .queue-job", has_text=title).get_by_title(button, exact=True).click()


def open_queue(page: Page) -> None:
    """Open the tab; a narrow page has it among its further tabs."""
    tab = page.get_by_role("tab", name="Queue")
    if not tab.is_visible():
        page.locator("#tabs > .tab-wrapper .overflow-menu > button").click()
        tab = page.locator("#tabs > .tab-wrapper .overflow-dropdown button", has_text="Queue")
    tab.click()


def test_the_administrator_sees_several_workers_and_drains_one(opened: Callable[[str], Page]) -> None:
    """The list is of two, as of two devices; what a button asks is taken down."""
    asked: list[object] = []
    one = {"device": "cpu", "precision": "float32", "memory": 48_300_000_000, "phase": "ready", "deaths": 0,
           "loading": "", "models": ["ink"], "near": True}
    workers = [{**one, "name": "1", "jobs": 2, "pictures": 5, "draining": False},
               {**one, "name": "2", "jobs": 0, "pictures": 0, "draining": False}]

    def drained(route: Route) -> None:
        asked.append(route.request.post_data_json)
        workers[1]["draining"] = route.request.post_data_json["mode"] == "draining"
        route.fulfill(status=204)

    keeper = opened("alice")
    keeper.route("**/easel/v1/worker", lambda route: route.fulfill(json={"workers": workers}))
    keeper.route("**/easel/v1/worker/mode", drained)
    open_queue(keeper)
    keeper.locator(".queue-workers summary").click()
    items = keeper.locator(".queue-workers .queue-job")
    expect(items.first).to_contain_text("1 · cpu · float32 · 48.3 GB")
    expect(items.first).to_contain_text("is ready · 2 jobs · 5 pictures · holds ink")
    items.last.get_by_role("button", name="Drain").click()
    expect(items.last).to_contain_text("is being drained · has nothing to do")
    items.last.get_by_role("button", name="Resume").click()
    expect(items.last).to_contain_text("is ready")
    assert asked == [{"worker": "2", "mode": "draining"}, {"worker": "2", "mode": "open"}]


def test_two_people_look_after_their_jobs_and_the_queue(address: str, opened: Callable[[str], Page]) -> None:
    alice, bob = api(address, "alice"), api(address, "bob")
    keeper, page = opened("alice"), opened("bob")
    open_queue(keeper)
    keeper.get_by_role("button", name="Pause all").click()
    expect(page.locator(".queue-mode")).to_contain_text("paused by the administrator")
    jobs = {name: ask(bob, name) for name in ("first", "second", "third", "fourth")}
    secret = ask(alice, "what nobody else sees")
    expect(page.locator("#easel_queue .badge")).to_have_text("4")

    open_queue(page)
    expect(titles(page)).to_have_text(["first", "second", "third", "fourth"])
    expect(page.locator("#queue_page .queue-summary")).to_have_text("4 of yours · 1 of others")
    expect(page.get_by_role("button", name="Pause all")).to_be_hidden()
    press(page, "third", "Move up")
    expect(titles(page)).to_have_text(["first", "third", "second", "fourth"])
    page.keyboard.press("Alt+ArrowUp")      # the button that was pressed has the focus still
    expect(titles(page)).to_have_text(["third", "first", "second", "fourth"])
    press(page, "first", "Pause")
    press(page, "second", "Cancel")
    expect(titles(page)).to_have_text(["third", "fourth", "first"])
    fourth, third = (page.locator("#queue_page .queue-job", has_text=name) for name in ("fourth", "third"))
    fourth.drag_to(third, target_position={"x": 20, "y": 4})
    expect(titles(page)).to_have_text(["fourth", "third", "first"])
    assert "nobody else" not in page.content() and secret not in page.content()

    keeper.get_by_text("Everybody's jobs").click()
    expect(keeper.locator(".queue-everybody .queue-job")).to_have_count(4)
    assert "third" not in keeper.locator(".queue-everybody").inner_text()
    keeper.get_by_role("button", name="Open", exact=True).click()
    expect(page.locator(".queue-mode")).to_have_count(0)
    expect(titles(page)).to_have_text(["first"])
    expect(page.locator("#queue_page .queue-state")).to_contain_text("Paused")
    page.get_by_role("button", name="Done").click()
    expect(titles(page)).to_have_text(["fourth", "third"])
    order = [job["params"]["prompt"] for job in bob.get("/easel/v1/queue?states=done").json()["jobs"]]
    assert sorted(order) == ["fourth", "third"]

    titles(page).get_by_text("third").click()
    expect(page.locator("#txt2img_prompt textarea")).to_have_value("third")
    expect(page.locator("#txt2img_width [type=number]").first).to_have_value("64")
    expect(page.locator("#txt2img_results img.large")).to_be_visible()
    open_queue(page)
    page.get_by_role("button", name="Interrupted").click()
    expect(titles(page)).to_have_text(["second"])
    press(page, "second", "Run again")
    page.get_by_role("button", name="Waiting and at work").click()
    press(page, "first", "Let it go on")
    expect(page.locator("#queue_page .queue-empty")).to_have_text("Nothing waits.")
    assert bob.get(f"/easel/v1/jobs/{jobs['first']}").json()["state"] == "done"
    page.get_by_role("button", name="All").click()
    expect(titles(page)).to_have_count(5)
    page.get_by_role("button", name="Clear this list").click()
    expect(page.locator("#queue_page .queue-empty")).to_have_text("There are none.")


# the first of two moves is on its way for longer than the second would be
SLOW_MOVE = """() => {
  const ask = window.fetch;
  let wait = 1500;
  window.moved = 0;
  window.fetch = async (address, ...rest) => {
    if (!String(address).endsWith("/move")) return ask(address, ...rest);
    const before = wait;
    wait = 0;
    await new Promise((done) => setTimeout(done, before));
    const reply = await ask(address, ...rest);
    window.moved += 1;
    return reply;
  };
}"""


def test_two_moves_at_once_reach_the_server_in_their_order(address: str, opened: Callable[..., Page]) -> None:
    alice = api(address, "alice")
    alice.post("/easel/v1/queue/mode", json={"mode": "paused"})
    jobs = {name: ask(alice, name) for name in ("one", "two", "three")}
    page = opened("alice")
    open_queue(page)
    expect(titles(page)).to_have_text(list(jobs))
    page.evaluate(SLOW_MOVE)
    press(page, "three", "Move up")
    expect(titles(page)).to_have_text(["one", "three", "two"])
    page.keyboard.press("Alt+ArrowUp")
    page.wait_for_function("window.moved === 2")
    waiting = [job["params"]["prompt"] for job in alice.get("/easel/v1/queue").json()["jobs"]]
    assert waiting == ["three", "one", "two"]
    expect(titles(page)).to_have_text(waiting)
    for job in jobs.values():
        alice.post(f"/easel/v1/queue/{job}/cancel")
    page.close()


def test_many_jobs_are_listed_a_page_at_a_time_on_a_phone(
    address: str, opened: Callable[..., Page]
) -> None:
    alice = api(address, "alice")
    alice.post("/easel/v1/queue/mode", json={"mode": "paused"})
    for number in range(120):
        ask(alice, f"number {number}")
    page = opened("alice", 390)
    open_queue(page)
    expect(titles(page)).to_have_count(50)
    for count in (100, 120):
        page.get_by_role("button", name="Show more").click()
        expect(titles(page)).to_have_count(count)
    page.wait_for_function("document.documentElement.scrollWidth <= innerWidth")
    press(page, "number 119", "Move up")
    expect(titles(page).nth(118)).to_have_text("number 119")
    page.close()
    for job in alice.get("/easel/v1/queue/everybody?limit=200").json()["jobs"]:
        alice.post(f"/easel/v1/queue/{job['id']}/cancel")


def test_a_worker_that_is_left_alone_is_told_in_words_and_the_administrator_starts_it_again(opened):
    words = "The worker died 6 times in a row (SIGSEGV)."

    def crashed(route: Route) -> None:
        state = route.fetch().json()
        state["worker"], state["model"]["error"] = {"phase": "broken", "retry": 240}, words
        route.fulfill(json=state)

    for name, may in (("alice", True), ("bob", False)):
        page = opened(name, 390)
        page.route("**/easel/v1/state?*", crashed)
        told = page.locator(".worker-down")
        expect(told).to_contain_text("Next try in 240 s.")
        expect(told.get_by_role("status")).to_have_text(words)
        page.wait_for_function("document.documentElement.scrollWidth <= innerWidth")
        expect(told.get_by_role("button")).to_be_visible(visible=may)
        if may:
            with page.expect_response("**/easel/v1/worker/try_again") as asked:
                told.get_by_role("button", name="Try again now").click()
            assert asked.value.status == 204
        page.unroute_all(behavior="wait")
        expect(told).to_have_count(0)
