"""One person, one model: what somebody else chooses changes nobody's form."""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.e2e.conftest import MODEL, PATIENCE, serving
from tests.golden_data import GOLDEN

PICKER = "#setting_sd_model_checkpoint input"
WIDTH = "#txt2img_width [type=number]"
LIKES = {"defaults": {"width": 64, "height": 64, "cfg_scale": 9}, "examples": ["a tiny thing"]}


def models(folder: Path) -> list[object]:
    """Flags for a server with the shipped model, and beside it one that likes 64×64."""
    folder.mkdir()
    shutil.copy(GOLDEN / "models/Stable-diffusion/tiny-sd1.safetensors", folder / "tiny.safetensors")
    (folder / "tiny.json").write_text(json.dumps(LIKES))
    return ["--ckpt", MODEL, "--ckpt-dir", folder]


@pytest.fixture(scope="module")
def address(chromium: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    data = tmp_path_factory.mktemp("two")
    with serving(data, *models(data / "more")) as found:
        yield found


@pytest.fixture
def person(browser: Browser) -> Iterator[Callable[..., Callable[[], Page]]]:
    """A browser of somebody's own; returns what opens a page in it."""
    contexts = []

    def arrived(address: str, **how: object) -> Callable[[], Page]:
        context = browser.new_context(base_url=address, viewport={"width": 1280, "height": 900}, **how)
        context.set_default_timeout(PATIENCE * 1000)
        contexts.append(context)

        def opened() -> Page:
            page = context.new_page()
            page.goto("/")
            page.wait_for_selector("html.easel-ready")
            return page

        return opened

    yield arrived
    for context in contexts:
        context.close()


def choose(page: Page, name: str) -> None:
    page.click(PICKER)
    page.locator("ul[role=listbox] li", has_text=name).click()
    expect(page.locator(PICKER)).to_have_value(re.compile(name))


def uses(page: Page, name: str, width: str) -> None:
    expect(page.locator(PICKER)).to_have_value(re.compile(name))
    expect(page.locator(WIDTH)).to_have_value(width)


def polled(page: Page) -> None:
    """Wait until the page has asked the server twice more how things are."""
    for _ in range(2):
        with page.expect_response(lambda response: "/easel/v1/state" in response.url):
            pass


def test_somebody_elses_model_changes_nothing_on_my_page(
    person: Callable[..., Callable[[], Page]], address: str
) -> None:
    alice, open_bobs = person(address)(), person(address)
    bob = open_bobs()
    uses(bob, "easel-stickers", "128")
    with alice.expect_response("**/easel/v1/choice"):
        choose(alice, "tiny")
    uses(alice, "tiny", "64")
    expect(alice.locator(".example")).to_have_text(["a tiny thing"])
    polled(bob)
    uses(bob, "easel-stickers", "128")
    expect(bob.locator(".example")).to_have_count(4)
    bob.reload()
    bob.wait_for_selector("html.easel-ready")
    uses(bob, "easel-stickers", "128")
    uses(open_bobs(), "easel-stickers", "128")


def test_a_changed_server_setting_changes_no_open_page_and_no_choice(
    person: Callable[..., Callable[[], Page]], address: str
) -> None:
    page = person(address)()
    choose(page, "easel")
    options = address + "sdapi/v1/options"
    page.request.post(options, data={"sd_model_checkpoint": "tiny", "CLIP_stop_at_last_layers": 2})
    try:
        polled(page)
        uses(page, "easel-stickers", "128")
        expect(page.locator("#setting_CLIP_stop_at_last_layers [type=number]")).to_have_value("1")
    finally:
        page.request.post(options, data={"sd_model_checkpoint": "easel-stickers-128", "CLIP_stop_at_last_layers": 1})


def test_a_reload_keeps_the_tabs_model_and_a_new_tab_begins_with_the_newest(
    person: Callable[..., Callable[[], Page]], address: str
) -> None:
    opened = person(address)
    first, second = opened(), opened()
    choose(first, "tiny")
    uses(first, "tiny", "64")
    first.reload()
    first.wait_for_selector("html.easel-ready")
    uses(first, "tiny", "64")
    uses(second, "easel-stickers", "128")
    uses(opened(), "tiny", "64")
    second.reload()      # nothing was chosen in this tab
    second.wait_for_selector("html.easel-ready")
    uses(second, "tiny", "64")


def test_the_picture_is_made_with_the_pages_model_and_the_data_say_no_more(
    person: Callable[..., Callable[[], Page]], address: str
) -> None:
    page = person(address)()
    choose(page, "tiny")
    uses(page, "tiny", "64")
    page.locator("#txt2img_steps [type=number]").fill("2")
    page.click("#txt2img_generate")
    data = page.locator("#html_info_txt2img .infotext")
    expect(data).to_contain_text("Size: 64x64, Model hash:")
    expect(data).to_contain_text("Model: tiny, Version:")


def test_pasted_data_choose_no_model_but_offer_theirs_and_what_else_they_say_does_not_follow_it(
    person: Callable[..., Callable[[], Page]], address: str
) -> None:
    """Size and CFG scale are what the model before likes: nobody typed them, and yet they are meant."""
    page = person(address)()
    uses(page, "easel-stickers", "128")
    page.fill(
        "#txt2img_prompt textarea",
        "a cat\nSteps: 2, Sampler: DPM++ 2M Karras, CFG scale: 4.5, Seed: 7, Size: 128x128, Model: tiny, VAE: gone.pt",
    )
    page.evaluate("""
        window.noticed = [];
        new MutationObserver((changes) => changes.flatMap(({ addedNodes }) => [...addedNodes]).filter(({ className }) => className === "notice")
            .forEach(({ textContent }) => noticed.push(textContent))).observe(document.body, { childList: true, subtree: true });
    """)
    page.click("#paste")
    notes = page.locator("#txt2img_settings .paste-notes")
    expect(notes.locator("p")).to_have_text(
        [
            "This will not be the same picture.",
            "Made with gone.pt (not here): using Automatic.",
            "Made with tiny (here, but not chosen): using easel-stickers-128.",
        ]
    )
    assert page.evaluate("noticed") == []      # what stands there is not told twice
    uses(page, "easel-stickers", "128")
    notes.locator("button.use").click()
    expect(page.locator(PICKER)).to_have_value(re.compile("tiny"))
    expect(notes.locator("button.use")).to_have_count(0)
    expect(page.locator(".example")).to_have_text(["a tiny thing"])      # the page knows the new model's wishes
    polled(page)
    uses(page, "tiny", "128")
    shown = [page.locator(f"#txt2img_{name} {kind}").input_value() for name, kind in (
        ("sampling", "input"), ("scheduler", "input"), ("cfg_scale", "[type=number]"))]
    assert shown == ["DPM++ 2M", "Karras", "4.5"]
    page.click("#txt2img_generate")
    expect(page.locator("#html_info_txt2img .infotext")).to_contain_text("CFG scale: 4.5, Seed: 7, Size: 128x128")


def by_basic(login: str) -> dict[str, object]:
    """How a browser's context is opened that sends them with every request, as one that was asked for them does."""
    return {"extra_http_headers": {"Authorization": "Basic " + base64.b64encode(login.encode()).decode()}}


def test_accounts_have_their_own_models_on_any_device(
    chromium: Path, person: Callable[..., Callable[[], Page]], tmp_path: Path
) -> None:
    with serving(tmp_path, *models(tmp_path / "more"), "--gradio-auth", "alice:a,bob:b", login="alice:a") as address:
        alice, bob = by_basic("alice:a"), by_basic("bob:b")
        page, bobs = person(address, **alice)(), person(address, **bob)()
        with page.expect_response("**/easel/v1/choice"):
            choose(page, "tiny")
        polled(bobs)
        uses(bobs, "easel-stickers", "128")
        bobs.reload()
        bobs.wait_for_selector("html.easel-ready")
        uses(bobs, "easel-stickers", "128")
        uses(person(address, **alice)(), "tiny", "64")      # another browser of hers
        has_settings_of_their_own(page, bobs)


def has_settings_of_their_own(admins: Page, members: Page) -> None:
    for page in (admins, members):
        page.click("#tabs button[role=tab]:has-text('Settings')")
        page.wait_for_selector("#settings_search input")
    whose, result, box = "#settings_whose", "#settings_result", "#setting_comma_padding_backtrack [type=number]"
    expect(admins.locator(whose)).to_have_value("all")
    expect(members.locator(whose)).to_have_count(0)
    for servers in ("#setting_outdir_samples", "#settings_saving-paths", "#setting_sd_checkpoints_limit"):
        expect(admins.locator(servers)).to_be_visible()
        expect(members.locator(servers)).to_be_hidden()
    members.locator(box).fill("7")
    members.locator(box).blur()
    members.click("#settings_submit")
    expect(members.locator(result)).to_have_text("Changed: Prompt word wrap")
    admins.locator(box).fill("9")
    admins.locator(box).blur()
    admins.click("#settings_submit")
    expect(admins.locator(result)).to_have_text("Changed: Prompt word wrap")
    for page, value in ((admins, 9), (members, 7)):
        assert page.request.get("/sdapi/v1/options").json()["comma_padding_backtrack"] == value


def test_what_a_browser_remembers_is_remembered_for_one_account(
    person: Callable[..., Callable[[], Page]], address: str
) -> None:
    """The document says whose page it is; another account's page in the same browser begins empty."""
    opened = person(address)
    page, prompt = opened(), "#txt2img_prompt textarea"

    def log_in(account: str) -> None:
        def answer(route: Route) -> None:
            reply = route.fetch()
            assert '"account":""' in reply.text()
            route.fulfill(response=reply, body=reply.text().replace('"account":""', f'"account":"{account}"'))

        page.unroute("**/")
        page.route("**/", answer)
        page.goto("/")
        page.wait_for_selector("html.easel-ready")

    log_in("alice")
    page.fill(prompt, "alice's secret")
    page.locator(prompt).blur()
    page.wait_for_function("Object.values({...localStorage}).join().includes(\"alice's secret\")")
    log_in("bob")
    expect(page.locator(prompt)).to_have_value("")
    log_in("alice")
    expect(page.locator(prompt)).to_have_value("alice's secret")
