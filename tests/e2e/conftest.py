"""A real server with the default model, and a real browser that reports whatever goes wrong in it.

Both end with the last test here: beside all the others they would take a gigabyte, and time.
"""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from socket import socket

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Response, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "models" / "Stable-diffusion" / "easel-stickers-128.safetensors"
PATIENCE = 90      # seconds for a start or a picture, on a busy machine
CHROMIUM = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", "--no-first-run")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "e2e: needs a browser and a running server")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.slow)
            # a browser on a machine that others keep busy: a fault fails twice, and `-rR` tells of what failed once
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="package")
def server(chromium: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of Easel, started as a person would, with the shipped model and a broken one beside it."""
    if not MODEL.exists():
        pytest.skip(f"the default model is not here: {MODEL.relative_to(ROOT)}")
    more = tmp_path_factory.mktemp("more")
    (more / "broken.safetensors").write_bytes(b"\xff" * 64)
    with serving(tmp_path_factory.mktemp("data"), "--models-dir", ROOT / "models", "--ckpt-dir", more) as address:
        yield address


@contextmanager
def serving(data: Path, *flags: object, login: str = "", port: int = 0) -> Iterator[str]:
    """The address of a server that keeps its things in `data`, until the block ends. login:
    name:password of an account it has
    """
    port, log = port or free_port(), data / "server.log"
    command = [
        sys.executable,
        "webui.py",
        "--port",
        str(port),
        "--skip-install",
        "--data-dir",
        str(data),
        *map(str, flags),
        "--use-cpu",
        "all",
    ]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, env={**os.environ, "CI": "true"}
        )
    try:
        authorization = {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"} if login else {}
        wait_for_page(urllib.request.Request(f"http://127.0.0.1:{port}/", headers=authorization), process, log)
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        finally:
            process.kill()


def free_port() -> int:
    with closing(socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_page(page: urllib.request.Request, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        try:
            if b"easel_facts" in urllib.request.urlopen(page, timeout=5).read():
                return
        except OSError:
            pass
        time.sleep(0.2)
    pytest.fail(f"The page did not come up. The server said:\n{log.read_text(errors='replace')[-4000:]}")


@pytest.fixture(scope="package")
def browser(chromium: Path) -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def visitor(browser: Browser, server: str) -> tuple[BrowserContext, list[str]]:
    """One browser for all tests, so that gradio's scripts are fetched once; and all that it complained about.

    Requests beyond the server and errors on the console are complaints.
    """
    troubles: list[str] = []
    context = browser.new_context(base_url=server, viewport={"width": 1280, "height": 900}, color_scheme="light")
    context.set_default_timeout(PATIENCE * 1000)
    context.on(
        "request", lambda request: troubles.append(f"asked {request.url}") if outside(request.url, server) else None
    )
    context.on(
        "response", lambda response: troubles.append(f"{response.status} {response.url}") if failed(response) else None
    )
    context.on("console", lambda said: troubles.append(said.text) if complains(said) else None)
    context.on("weberror", lambda problem: troubles.append(str(problem.error)))
    return context, troubles


@pytest.fixture
def troubles(visitor: tuple[BrowserContext, list[str]]) -> list[str]:
    """What the browser complained about; a test that expects complaints clears it."""
    return visitor[1]


@pytest.fixture
def context(visitor: tuple[BrowserContext, list[str]]) -> Iterator[BrowserContext]:
    """A person's browser, nothing remembered in it. Complaints fail the test."""
    context, troubles = visitor
    yield context
    for page in context.pages:
        page.goto("/easel/v1/state")      # the form is remembered as its page is left: so leave first, then clear
        page.evaluate("localStorage.clear()")
        page.close()
    seen = troubles[:]
    troubles.clear()
    assert not seen


def outside(url: str, server: str) -> bool:
    return not url.startswith((server, "data:", "blob:"))


def failed(response: Response) -> bool:
    """A job may be refused; nothing else may be missing."""
    return response.status >= 400 and not may_fail(response.url)


def complains(said: ConsoleMessage) -> bool:
    return said.type == "error" and not may_fail(said.location["url"])


def may_fail(url: str) -> bool:
    return url.endswith("/easel/v1/jobs")


@pytest.fixture
def open_page(context: BrowserContext) -> Callable[[], Page]:
    """Open one more tab on the page."""

    def opened() -> Page:
        page = context.new_page()
        page.goto("/")
        return ready(page)

    return opened


def ready(page: Page) -> Page:
    """Wait until the form may be used: scripts have started and the model's defaults are in it."""
    page.wait_for_selector("html.easel-ready")
    page.wait_for_function(
        "document.querySelector('#setting_sd_model_checkpoint input')?.value.includes('easel-stickers')"
    )
    page.wait_for_function("document.querySelector('#txt2img_width [type=number]').value === '128'")
    return page


# a job's beginning may be over before anybody looks, but its mark on the tab is set and taken away in any case
END_OF_JOB = """(tab) => {
    const page = document.getElementById(`${tab}_page`), job = { ended: false };
    const heard = (changes) => {
        const began = changes.some(({ oldValue }) => oldValue.split(" ").includes("running"));
        job.ended ||= began && !page.classList.contains("running");
    };
    new MutationObserver(heard).observe(page, { attributeFilter: ["class"], attributeOldValue: true });
    return job;
}"""


@contextmanager
def whole_job(page: Page, tab: str = "txt2img") -> Iterator[None]:
    """A job of a tab that begins in the block and has ended after it, however short it is."""
    job = page.evaluate_handle(END_OF_JOB, tab)
    yield
    page.wait_for_function("(job) => job.ended", arg=job)


@pytest.fixture
def page(open_page: Callable[[], Page]) -> Page:
    return open_page()
