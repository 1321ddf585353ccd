"""Two people in two browsers: logging in, one's own account, the administrator's page, being put out."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from modules.app.passwords import hash_password
from modules.base.accounts import Role
from modules.store.accounts import AccountStore
from tests.e2e.conftest import PATIENCE, ROOT, serving

PASSWORD = "correct horse"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    data = tmp_path_factory.mktemp("accounts")
    AccountStore(data / "easel.sqlite").add("ann", Role.ADMINISTRATOR, hash_password(PASSWORD))
    with serving(data, "--models-dir", ROOT / "models", login=f"ann:{PASSWORD}") as found:
        yield found


@pytest.fixture
def people(browser, address):
    """Two pages of two browsers, and what went wrong in them."""
    troubles = []
    contexts = [browser.new_context(base_url=address, viewport={"width": width, "height": 800}) for width in (1280, 390)]
    for context in contexts:
        context.set_default_timeout(PATIENCE * 1000)
        context.on("weberror", lambda error: troubles.append(str(error.error)))
    yield [context.new_page() for context in contexts]
    for context in contexts:
        context.close()
    assert troubles == []


def log_in(page, name, password):
    page.fill("#name", name)
    page.fill("#password", password)
    page.press("#password", "Enter")


def fits(page):
    """Nothing stands out at the side, once the page is laid out."""
    return bool(page.wait_for_function("document.documentElement.scrollWidth <= innerWidth"))


def ends_flush(page):
    """The row of quick settings ends with the account's button, once it is laid out."""
    return bool(page.wait_for_function("""() => {
        const [row, button] = ["#quicksettings", "#easel_account summary"].map((each) => document.querySelector(each));
        return row && Math.abs(row.getBoundingClientRect().right - button.getBoundingClientRect().right) < 1;
    }"""))


def tabs(page):
    """Names of the page's tabs, also of those that gradio folds into a menu."""
    return page.locator("#tabs > .tab-wrapper button:not([tabindex='-1'])").all_text_contents()


def test_a_form_that_is_sent_before_its_script_is_there_waits_for_it(people, address):
    page, held = people[0], []
    page.route("**/login/login.js", lambda route: held.append(route))
    page.goto("login", wait_until="commit")
    log_in(page, "ann", "a wrong one")
    expect(page.locator("#login[data-sent-early]")).to_be_visible()
    assert page.url == f"{address}login" and page.input_value("#password") == "a wrong one"
    held[0].continue_()
    expect(page.locator("#wrong")).to_contain_text("Name or password is wrong.")
    assert page.url == f"{address}login"


def test_an_account_is_made_used_and_closed(people, address):
    ann, bob = people
    ann.goto("accounts")
    expect(ann).to_have_url(f"{address}login?next=accounts")
    log_in(ann, "ann", "wrong password")
    expect(ann.locator("#wrong")).to_contain_text("Name or password is wrong.")
    log_in(ann, "ann", PASSWORD)
    expect(ann).to_have_url(f"{address}accounts")

    ann.fill("#name", "bob")
    ann.click("#add button")
    expect(ann.locator("#accounts li")).to_have_count(2)
    password = ann.inner_text("#secret")

    bob.goto("account")
    log_in(bob, "bob", password)
    expect(bob.locator("#sessions li")).to_have_count(1)
    bob.fill("#label", "phone")
    bob.click("#make button")
    expect(bob.locator("#tokens li")).to_contain_text("phone")
    token = bob.inner_text("#secret")
    assert fits(bob) and token.startswith("easel_")
    bob.fill("#current", password)
    bob.fill("#password", "battery staple")
    bob.click("#change button")
    expect(bob.locator("#changed")).to_be_visible()
    expect(bob.locator("#tokens li")).to_contain_text("No tokens yet.")
    expect(bob.locator("#made")).to_be_hidden()      # a token that has ended is no longer shown

    bob.goto("./")
    bob.wait_for_selector("html.easel-ready")
    expect(bob.locator("#easel_account summary")).to_have_text("bob")
    bob.click("#easel_quick_more")      # on a phone the rest of the row is folded
    assert fits(bob) and ends_flush(bob)
    assert "Checkpoint Merger" not in tabs(bob)
    ann.locator("#accounts li", has_text="bob").get_by_role("button", name="Disable").click()
    expect(bob.locator(".notice", has_text="no longer logged in")).to_be_visible()
    bob.locator(".notice a").click()
    log_in(bob, "bob", "battery staple")
    expect(bob.locator("#wrong")).to_be_visible()
    expect(ann.locator("#audit tbody tr").first).to_contain_text("disabled: bob")

    ann.goto("./")
    ann.wait_for_selector("html.easel-ready")
    assert ends_flush(ann)
    assert "Checkpoint Merger" in tabs(ann)
    ann.click("#easel_account summary")
    expect(ann.locator("#easel_account nav a")).to_have_text(["Password and tokens", "All accounts"])
    ann.click("#easel_account nav button")
    expect(ann).to_have_url(f"{address}login")
