"""What all tests share: quiet libraries, and the browser."""

from __future__ import annotations

import gc
import os
import shutil
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from modules.base.bootstrap import settle

CHROMIUMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def pytest_configure(config: pytest.Config) -> None:
    settle(os.environ)
    # a machine at work is no fault
    settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("busy")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with the most slow tests go first, the browser's before all: processes that share the files end together."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    browser = {item.path for item in items if item.get_closest_marker("e2e")}
    items.sort(key=lambda item: (item.path not in browser, -slow[item.path], str(item.path)))


def pytest_collection_finish() -> None:
    """Ten thousand tests stay to the end: no collection need look at them again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def device(tmp_path_factory):
    """The golden checkpoints, on the CPU."""
    from tests.playing import golden_device  # needs torch

    return golden_device(tmp_path_factory.mktemp("golden-models"))


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The system's Chromium, best the one without windows, which takes a third less time.

    Without one a person's run skips the browser tests; CI, which installs it, fails.
    """
    found = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if found is None and os.environ.get("CI") == "true":
        pytest.fail("CI must test the page in a real browser, and there is no Chromium here (see .ci/run).")
    if found is None:
        pytest.skip(
            "no Chromium here: install it (Debian: sudo apt install chromium-headless-shell) to test the page in a "
            "browser"
        )
    return Path(found)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell what tests failed by that were tried once more."""
    for report in terminalreporter.stats.get("rerun", []):
        terminalreporter.section(f"failed at first: {report.nodeid}")
        terminalreporter.write_line(report.longreprtext)
