from __future__ import annotations

import io
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from PIL import Image

from benchmarks.index import p95
from benchmarks.servers import get, process, until

if TYPE_CHECKING:
    from playwright.sync_api import Route

PICTURES, A_DAY = 100_000, 250
LONG_TASK = 50.0      # ms, as browsers count
# each moves the grid by one frame: along it as a wheel does, across all of it as the scroll bar does, back to its top
SCROLLS = {
    "wheel, 120 px a frame": "(box, i) => { box.scrollTop += 120; }",
    "scroll bar, all of it": "(box, i, frames) => { box.scrollTop = box.scrollHeight * i / frames; }",
    "page by page": "(box, i) => { box.scrollTop = (i % 40) * box.clientHeight; }",
}
FRAMES = 240
PATIENCE = 300_000      # ms, on a busy machine
FOLLOW = """async ([move, frames]) => {
  const box = document.querySelector(".tiles-scroll"), step = eval(move), times = [];
  let before = performance.now();
  for (let i = 0; i < frames; i++) {
    step(box, i, frames);
    await new Promise(requestAnimationFrame);
    times.push(performance.now() - before);
    before = performance.now();
  }
  return times;
}"""
CATEGORIES = ["toplevel", "devtools.timeline"]


def run(pictures: str = str(PICTURES)) -> None:
    """The library's grid of 100,000 pictures, scrolled in Chromium: its tasks in CPU time, its frames by the clock.

    The library's answers come from the benchmark.
    """
    with process() as (_, address):
        until(lambda: bool(get(f"{address}/easel/v1/state")))
        scroll_all(address, int(pictures))


def scroll_all(address: str, count: int) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found_chromium(), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_timeout(PATIENCE)
        page.route("**/easel/v1/library**", Answers(count).answer)
        page.goto(address)
        page.get_by_role("tab", name="Library", exact=True).click()
        page.wait_for_selector(".tile.came")
        for name, move in SCROLLS.items():
            browser.start_tracing(page=page, categories=CATEGORIES)
            frames = page.evaluate(FOLLOW, [move, FRAMES])
            tasks = main_tasks(json.loads(browser.stop_tracing()))
            busy = [cpu for cpu, _ in tasks]
            over = sum(each > LONG_TASK for each in busy)
            print(
                f"  {name:<24} longest task {max(busy):6.1f} ms of the CPU, {over} over {LONG_TASK:.0f} (goal 0);"
                f" {sum(busy) / FRAMES:5.2f} ms a frame (goal ≤ 16.7); frames: median {median(frames):5.1f} ms,"
                f" p95 {p95(frames):6.1f}; longest task by the clock {max(clock for _, clock in tasks):.0f} ms"
            )
        browser.close()


def found_chromium() -> str | None:
    """Return the system's Chromium; None for Playwright's own."""
    places = (Path("/usr/bin/chromium-headless-shell"), Path("/usr/bin/chromium"))
    return next((str(place) for place in places if place.exists()), None)


def main_tasks(trace: Mapping[str, Any]) -> list[tuple[float, float]]:
    """Return milliseconds of the CPU and by the clock of each task of the page's main thread, the busiest of that name.

    Where other programs want the CPU, the second is theirs too.
    """
    events = trace["traceEvents"]
    mains = {
        (each["pid"], each["tid"]) for each in events
        if each["name"] == "thread_name" and each["args"]["name"] == "CrRendererMain"
    }
    tasks: dict[tuple[int, int], list[tuple[float, float]]] = defaultdict(list)
    for each in events:
        if each["name"] == "RunTask" or each["name"].endswith("::RunTask"):
            thread = each["pid"], each["tid"]
            if thread in mains and "tdur" in each:
                tasks[thread].append((each["tdur"] / 1000, each["dur"] / 1000))
    return max(tasks.values(), key=lambda found: sum(cpu for cpu, _ in found))


class Answers:
    """A library of any number of pictures, by days."""

    def __init__(self, count: int) -> None:
        self.count, content = count, io.BytesIO()
        Image.effect_mandelbrot((256, 256), (-2, -1.5, 1, 1.5), 60).convert("RGB").save(content, "jpeg")
        self.thumbnail = content.getvalue()

    def answer(self, route: Route) -> None:
        place = urlsplit(route.request.url)
        path = place.path.partition("/easel/v1/library")[2].strip("/")
        if path.endswith("/thumbnail"):
            route.fulfill(content_type="image/jpeg", body=self.thumbnail)
        elif path == "events":
            route.fulfill(content_type="text/event-stream", body='data: {"revision": 1}\n\n')
        else:
            route.fulfill(json=self.reply(path, dict(parse_qsl(place.query))))

    def reply(self, path: str, wanted: Mapping[str, str]) -> Any:
        if path == "":
            first, limit = int(wanted.get("offset", 0)), int(wanted.get("limit", 200))
            return {"total": self.count, "revision": 1, "notes": [], "pictures": list(self.rows(first, limit))}
        if path == "sections":
            days = range(-(-self.count // A_DAY))
            return [{"name": str(date(2026, 11, 29) - timedelta(days=day)), "title": "",
                     "count": min(A_DAY, self.count - day * A_DAY)} for day in days]
        return {} if path == "facets" else []

    def rows(self, first: int, limit: int) -> Iterator[dict[str, Any]]:
        for number in range(first, min(self.count, first + limit)):
            yield {
                "id": number, "name": f"{number:05}.png", "width": 512, "height": 512, "kind": "txt2img",
                "at": "2026-11-29T10:00:00+00:00", "favourite": number % 9 == 0, "rating": number % 6, "broken": False,
                "version": "1", "flags": [],
            }
