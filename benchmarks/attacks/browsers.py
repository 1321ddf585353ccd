"""Pages in a browser: what they show comes soon after the server knows it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.attacks.row import Row, Skipped, Start, must
from benchmarks.attacks.target import Target

CHROMIUM = Path("/usr/bin/chromium-headless-shell")
PAGE_RUNS = 200
LATEST = 2.0               # seconds from a job's end to its final state on the page
SMALL_FORM = {"txt2img_width": 64, "txt2img_height": 64, "txt2img_steps": 2}
NOTE_ENDS = """() => {
    const page = document.getElementById("txt2img_page");
    window.ends = [];
    let was = false;
    new MutationObserver(() => {
        const is = page.classList.contains("running");
        if (was && !is) window.ends.push(Date.now() / 1000);
        was = is;
    }).observe(page, { attributes: true, attributeFilter: ["class"] });
}"""


@contextmanager
def opened_page(address: str) -> Iterator[Any]:
    """A page of the server in Chromium, ready to be used."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise Skipped("playwright is not installed") from error
    if not CHROMIUM.exists():
        raise Skipped(f"there is no {CHROMIUM}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(120_000)
        page.goto(address)
        page.wait_for_selector("html.easel-ready")
        yield page
        browser.close()


def shown_in_time(target: Target) -> str:
    """Generate is pressed two hundred times, each time once the page shows that the job before has ended."""
    with opened_page(target.address) as page:
        for field, value in SMALL_FORM.items():
            page.fill(f"#{field} [type=number]", str(value))
            page.press(f"#{field} [type=number]", "Tab")
        page.evaluate(NOTE_ENDS)
        for run in range(1, PAGE_RUNS + 1):
            page.click("#txt2img_generate")
            page.wait_for_function("n => window.ends.length >= n", arg=run)
        shown = page.evaluate("() => window.ends")
    with closing(sqlite3.connect(target.folder("easel.sqlite"))) as db:
        rows = db.execute("SELECT ended, state FROM jobs ORDER BY number DESC LIMIT ?", (PAGE_RUNS,)).fetchall()
    must(all(state == "done" for _, state in rows), "a job was not done")
    late = [seen - ended for seen, (ended, _) in zip(shown, reversed(rows), strict=True)]
    must(max(late) < LATEST, f"{max(late):.1f} s after the job's end; {sum(each >= LATEST for each in late)} were late")
    return f"{PAGE_RUNS} runs, shown at most {max(late):.2f} s after the job's end"


OWN_MACHINE = Start(page=True, accounts=False)
ROWS = (Row("CON-05", "two hundred pictures asked for by the page", shown_in_time, OWN_MACHINE, long=True),)
