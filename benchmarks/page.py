from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.grid import found_chromium
from benchmarks.servers import get, process, until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, CDPSession, Page

VISITS = 5
KEYS = "a red fox in a green forest, flat style, warm light"
SETTLE = 2000            # ms of quiet, for what the page does once it is ready
OPENED = ("img2img", "Extras", "Library", "Checkpoint Merger", "Settings")
PATIENCE = 120_000       # ms, on a busy machine
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking")
# Marks the moment at which the form can be used, and adds up the layout's shifts.
WATCH = """
  window.seen = { ready: 0, shift: 0 };
  new PerformanceObserver((list) => {
    for (const each of list.getEntries()) if (!each.hadRecentInput) window.seen.shift += each.value;
  }).observe({ type: "layout-shift", buffered: true });
  new MutationObserver(() => {
    if (document.documentElement?.classList.contains("easel-ready")) window.seen.ready ||= performance.now();
  }).observe(document, { attributes: true, subtree: true, attributeFilter: ["class"] });
"""


@dataclass
class Visit:
    """What one opening of the page cost."""

    requests: int
    transferred: float      # kB over the wire
    ready: float            # s by the clock, from asking for the document to a form that can be used
    cpu: float              # s of the main thread until then and in the quiet seconds after it
    script: float           # of these, s in scripts
    shift: float            # cumulative layout shift
    elements: int


@dataclass
class Network:
    """Requests, and bytes over the wire."""

    sizes: dict[str, float] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)

    def follow(self, cdp: CDPSession) -> None:
        cdp.on("Network.requestWillBeSent", lambda sent: self.note(sent["requestId"], sent["request"]["url"]))
        cdp.on("Network.loadingFinished", self.finished)
        cdp.send("Network.enable")

    def note(self, number: str, address: str) -> None:
        if address.startswith("http"):
            self.addresses[number] = address

    def finished(self, told: Mapping[str, Any]) -> None:
        self.sizes[told["requestId"]] = told["encodedDataLength"]

    @property
    def kilobytes(self) -> float:
        return sum(self.sizes.get(number, 0) for number in self.addresses) / 1000


def run(visits: str = str(VISITS)) -> None:
    """Opening the page and typing on it, in Chromium: requests, bytes, CPU seconds of its main thread, layout shift."""
    from playwright.sync_api import sync_playwright

    with process() as (_, address), sync_playwright() as playwright:
        until(lambda: b"easel_facts" in get(address))
        browser = playwright.chromium.launch(executable_path=found_chromium(), args=list(FLAGS))
        measure(browser, address, int(visits))
        browser.close()


def measure(browser: Browser, address: str, visits: int) -> None:
    seen = [visit for number in range(visits) for visit in opened_twice(browser, address, told=not number)]
    tell("first visit", seen[::2])
    tell("second visit", seen[1::2])
    with visited(browser, address) as (page, cdp):
        print(f"  a keystroke {keystroke(page, cdp) * 1000:5.1f} ms of the CPU (goal ≤ 8)")
        for name in OPENED:
            spent = cpu_of(cdp, lambda name=name: open_tab(page, name))
            print(f"  first opening of {name:<18} {spent:5.2f} CPU s")


def opened_twice(browser: Browser, address: str, told: bool) -> Iterator[Visit]:
    """The first visit of a browser, and its second; the addresses of the first are printed if `told`."""
    context = new_context(browser)
    for number in range(2):
        page, network = context.new_page(), Network()
        cdp = context.new_cdp_session(page)
        network.follow(cdp)
        yield opening(page, cdp, network, address)
        if told and not number:
            for each in sorted(network.addresses, key=lambda each: -network.sizes.get(each, 0)):
                kilobytes = network.sizes.get(each, 0) / 1000
                print(f"    {kilobytes:7.1f} kB  {network.addresses[each].removeprefix(address)}")
        page.close()
    context.close()


def new_context(browser: Browser) -> BrowserContext:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE)
    context.add_init_script(WATCH)
    return context


@contextmanager
def visited(browser: Browser, address: str) -> Iterator[tuple[Page, CDPSession]]:
    context = new_context(browser)
    page = context.new_page()
    cdp = context.new_cdp_session(page)
    start_counting(cdp)
    page.goto(address)
    page.wait_for_selector("html.easel-ready")
    page.wait_for_timeout(SETTLE)
    yield page, cdp
    context.close()


def opening(page: Page, cdp: CDPSession, network: Network, address: str) -> Visit:
    start_counting(cdp)
    page.goto(address)
    page.wait_for_selector("html.easel-ready")
    spent = metrics(cdp)
    page.wait_for_timeout(SETTLE)
    seen = page.evaluate("window.seen")
    return Visit(
        len(network.addresses), network.kilobytes, seen["ready"] / 1000, spent["TaskDuration"],
        spent["ScriptDuration"], seen["shift"], page.evaluate("document.querySelectorAll('*').length"),
    )


def start_counting(cdp: CDPSession) -> None:
    """Let the page's metrics count CPU time, not the clock's."""
    cdp.send("Performance.setTimeDomain", {"timeDomain": "threadTicks"})
    cdp.send("Performance.enable")


def metrics(cdp: CDPSession) -> Mapping[str, float]:
    return {each["name"]: each["value"] for each in cdp.send("Performance.getMetrics")["metrics"]}


def cpu_of(cdp: CDPSession, act: Callable[[], Any]) -> float:
    """Return the CPU seconds of the main thread that something costs."""
    before = metrics(cdp)["TaskDuration"]
    act()
    return metrics(cdp)["TaskDuration"] - before


def keystroke(page: Page, cdp: CDPSession) -> float:
    """Return the CPU seconds of one key in the prompt, beyond what the page does in as much time without."""
    page.locator("#txt2img_prompt textarea").focus()

    def typed() -> None:
        for key in KEYS:
            page.keyboard.type(key)
            page.wait_for_timeout(30)
        page.wait_for_timeout(500)

    began = time.monotonic()
    typing = cpu_of(cdp, typed)
    seconds = time.monotonic() - began
    idle = cpu_of(cdp, lambda: page.wait_for_timeout(seconds * 1000))
    return (typing - idle) / len(KEYS)


def open_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()
    page.wait_for_timeout(SETTLE)


def tell(what: str, visits: list[Visit]) -> None:
    def middle(name: str) -> float:
        return median(getattr(each, name) for each in visits)

    print(
        f"  {what:<13} {middle('requests'):.0f} requests (goal ≤ 30)   {middle('transferred'):.0f} kB (goal ≤ 250)"
        f"   ready after {middle('ready'):.2f} s (goal ≤ 1.0)   main thread {middle('cpu'):.2f} CPU s (goal ≤ 0.6),"
        f" scripts {middle('script'):.2f}   layout shift {middle('shift'):.3f} (goal ≤ 0.02)"
        f"   {middle('elements'):.0f} elements"
    )
