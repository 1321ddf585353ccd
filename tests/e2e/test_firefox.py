"""The main path in Firefox: a prompt is typed, a picture made, another tab opened."""

from __future__ import annotations

import pytest

from tests.e2e.bidi import FirefoxPage, firefox, found_firefox

DRAWN = "document.querySelector('#txt2img_gallery img:not(.preview)')"


@pytest.fixture
def page(server, tmp_path):
    program = found_firefox()
    if program is None:
        pytest.skip("no Firefox here: install it (Debian: sudo apt install firefox-esr) to try the page in it")
    with firefox(program, tmp_path) as opened:
        opened.open(server)
        opened.wait("document.documentElement.classList.contains('easel-ready')")
        yield opened


def test_a_typed_prompt_becomes_a_picture_and_another_tab_can_be_typed_in(page: FirefoxPage) -> None:
    page.click("#txt2img_prompt textarea")
    page.type("a red apple, 3d style")
    page.wait("easel.store('txt2img').values?.prompt === 'a red apple, 3d style'")
    page.click("#txt2img_generate")
    page.wait(DRAWN)
    page.click("#tab_img2img-button")
    page.click("#img2img_prompt textarea")
    page.type("a bear")
    page.wait("easel.store('img2img').values?.prompt === 'a bear'")
    assert not page.complaints
