"""The tabs of cards as a person uses them.

The cards come from a shelf of this file's own, under the server's addresses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.sync_api import Locator, Page, Route, expect

PROMPT, NEGATIVE = "#txt2img_prompt textarea", "#txt2img_neg_prompt textarea"
Card = dict[str, Any]
DOT = '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="10"><rect width="8" height="10" fill="#789"/></svg>'


def card(name: str, **more: Any) -> Card:
    kind = more.get("kind", "lora")
    insert = {
        "lora": f"<lora:{name}:1>",
        "hypernetwork": f"<hypernet:{name}:1>",
        "embedding": name,
        "checkpoint": f"{name}.safetensors",
    }[kind]
    plain = {
        "kind": "lora",
        "title": name,
        "folder": "",
        "family": "SD1",
        "fits": True,
        "preview": None,
        "activation": "",
        "negative": "",
        "weight": None,
        "description": "",
        "modified": 1_700_000_000,
        "size": 37_900_000,
    }
    return {**plain, "id": f"{kind}-{name}", "name": name, "insert": insert, **more}


@dataclass
class Shelf:
    """The server's side: what there is, and what was asked."""

    cards: list[Card] = field(default_factory=list)
    details: Card = field(default_factory=lambda: {"metadata": {}, "tags": [], "notes": "", "sha256": "ab" * 32})
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    refusal: tuple[int, Card] | None = None      # what changes are answered with

    def answer(self, route: Route) -> None:
        request, place = route.request, urlsplit(route.request.url)
        path = place.path.partition("/easel/v1/cards")[2].strip("/")
        self.asked.append(
            (request.method, path, request.post_data_json if request.post_data else dict(parse_qsl(place.query)))
        )
        if request.method != "GET" and self.refusal:
            return route.fulfill(status=self.refusal[0], json=self.refusal[1])
        if path.endswith("/preview") and request.method == "GET":
            return route.fulfill(content_type="image/svg+xml", body=DOT)
        route.fulfill(json=self.reply(request.method, path))

    def reply(self, method: str, path: str) -> Any:
        wanted = self.asked[-1][2]
        if not path:
            return self.page(wanted)
        if path == "refresh":
            return {}
        found = next(each for each in self.cards if path.startswith(each["id"]))
        if path.endswith("/preview"):
            found["preview"] = f"/easel/v1/cards/{found['id']}/preview"
        elif method == "PATCH":
            found.update(wanted)
        return {**self.details, **found}

    def page(self, wanted: dict[str, str]) -> Card:
        kind = [each for each in self.cards if each["kind"] == wanted["kind"]]
        found = [each for each in kind if self.matches(each, wanted)]
        found.sort(key=lambda each: each[SORTS[wanted.get("sort", "name")]], reverse=wanted.get("order") == "desc")
        start = int(wanted.get("offset", 0))
        return {
            "total": len(found),
            "cards": found[start : start + int(wanted.get("limit", 200))],
            "folders": sorted({each["folder"] for each in kind} - {""}),
            "families": sorted({each["family"] for each in kind} - {""}),
        }

    @staticmethod
    def matches(each: Card, wanted: dict[str, str]) -> bool:
        below = f"{each['folder']}/".startswith(f"{wanted['folder']}/") if "folder" in wanted else True
        return (
            below
            and wanted.get("search", "").lower() in each["name"].lower()
            and wanted.get("family", each["family"]) == each["family"]
        )

    def lists(self) -> list[dict[str, str]]:
        return [
            wanted
            for method, path, wanted in self.asked
            if (method, path) == ("GET", "") and wanted["kind"] != "checkpoint"
        ]


SORTS = {"name": "name", "date": "modified", "size": "size", "path": "folder"}


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def page(page: Page, shelf: Shelf) -> Iterator[Page]:
    page.route("**/easel/v1/cards**", shelf.answer)
    page.route("**/easel/v1/cards/**", shelf.answer)
    yield page
    page.unroute_all(behavior="wait")


def opened(page: Page, tab: str = "Lora") -> Locator:
    """Open a tab; returns its pane."""
    page.get_by_role("tab", name=tab, exact=True).click()
    return page.locator(f"#txt2img_{tab.lower().replace(' ', '_')}_pane")


def use(pane: Locator, name: str) -> Locator:
    return pane.locator(f'.network[data-name="{name}"] .network-use')


def edited(page: Page, pane: Locator, name: str) -> Locator:
    """Open a card's dialog; returns it."""
    pane.locator(f'.network[data-name="{name}"]').hover()
    pane.get_by_role("button", name=f"Edit {name}", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Description")).to_be_visible()
    return dialog


def test_the_settings_are_the_first_of_five_tabs_and_survive_the_others(page: Page) -> None:
    tabs = page.locator("#txt2img_extra_tabs").get_by_role("tab")
    expect(tabs).to_have_text(["Generation", "Textual Inversion", "Hypernetworks", "Checkpoints", "Lora"])
    page.locator("#txt2img_steps [type=number]").fill("17")
    opened(page)
    expect(page.locator("#txt2img_steps")).to_be_hidden()
    tabs.first.click()
    expect(page.locator("#txt2img_steps [type=number]")).to_have_value("17")


def test_unopened_tabs_ask_nothing(page: Page, shelf: Shelf) -> None:
    page.fill(PROMPT, "a cat")
    assert shelf.asked == []
    expect(opened(page).locator(".networks-message code")).to_be_visible()
    assert {wanted["kind"] for wanted in shelf.lists()} == {"lora"}


def test_a_click_puts_a_network_into_the_prompts_and_the_next_takes_it_out(page: Page, shelf: Shelf) -> None:
    shelf.cards = [card("ink", weight=0.7, activation="ink drawing", negative="photo"), card("wool")]
    page.fill(PROMPT, "a cat")
    page.fill(NEGATIVE, "blurry")
    pane = opened(page)
    ink = use(pane, "ink")
    ink.click()
    expect(page.locator(PROMPT)).to_have_value("a cat <lora:ink:0.7> ink drawing")
    expect(page.locator(NEGATIVE)).to_have_value("blurry photo")
    expect(ink).to_have_attribute("aria-pressed", "true")
    expect(use(pane, "wool")).to_have_attribute("aria-pressed", "false")
    ink.click()
    expect(page.locator(PROMPT)).to_have_value("a cat")
    expect(page.locator(NEGATIVE)).to_have_value("blurry")
    expect(ink).to_have_attribute("aria-pressed", "false")


def test_quick_clicks_are_all_heard(page: Page, shelf: Shelf) -> None:
    shelf.cards = [card(name) for name in ("a", "b", "c")]
    pane = opened(page)
    expect(use(pane, "c")).to_be_visible()
    page.evaluate("document.querySelectorAll('.network-use').forEach((button) => button.click())")
    expect(page.locator(PROMPT)).to_have_value("<lora:a:1> <lora:b:1> <lora:c:1>")


def test_what_was_typed_is_marked_and_taken_out_at_any_weight(page: Page, shelf: Shelf) -> None:
    shelf.cards = [card("ink"), card("in")]
    page.fill(PROMPT, "a cat, <lora:ink:0.35>, on a roof")
    pane = opened(page)
    expect(use(pane, "ink")).to_have_attribute("aria-pressed", "true")
    expect(use(pane, "in")).to_have_attribute("aria-pressed", "false")
    use(pane, "ink").click()
    expect(page.locator(PROMPT)).to_have_value("a cat, on a roof")


@pytest.mark.parametrize(
    ("prompt", "negative"),
    [
        ("ink drawing of a cat", "a photo of a dog"),
        ("a cat, ", "blurry, "),
        ("a cat,", ""),
        ("", "photo"),
        ("<lora:wool:1> ink drawing", " "),
    ],
)
def test_taking_a_network_out_leaves_the_prompts_as_they_were(
    page: Page, shelf: Shelf, prompt: str, negative: str
) -> None:
    shelf.cards = [card("ink", weight=0.7, activation="ink drawing", negative="photo")]
    page.fill(PROMPT, prompt)
    page.fill(NEGATIVE, negative)
    ink = use(opened(page), "ink")
    ink.click()
    expect(ink).to_have_attribute("aria-pressed", "true")
    expect(page.locator(PROMPT)).to_have_value(f"{prompt} <lora:ink:0.7> ink drawing".removeprefix(" " * (not prompt)))
    ink.click()
    expect(ink).to_have_attribute("aria-pressed", "false")
    expect(page.locator(PROMPT)).to_have_value(prompt)
    expect(page.locator(NEGATIVE)).to_have_value(negative)


def test_every_tag_of_a_network_goes_and_words_written_elsewhere_stay(page: Page, shelf: Shelf) -> None:
    shelf.cards = [card("ink", activation="ink drawing")]
    page.fill(PROMPT, "ink drawing, <lora:ink:0.4>, a cat <lora:ink:0.5:te=0.1>, ink drawing, on a roof")
    ink = use(opened(page), "ink")
    ink.click()
    expect(ink).to_have_attribute("aria-pressed", "false")
    expect(page.locator(PROMPT)).to_have_value("ink drawing, a cat, on a roof")


def test_a_broken_file_is_not_used_but_explained(page: Page, shelf: Shelf) -> None:
    problem = "bad.safetensors is not a model file, or was cut off."
    shelf.cards = [
        card("bad", family="", problem=problem),
        card("worse", kind="checkpoint", family="", problem=problem),
    ]
    page.fill(PROMPT, "a cat")
    for tab, name in (("Lora", "bad"), ("Checkpoints", "worse")):
        use(opened(page, tab), name).click()
        expect(page.get_by_text(problem)).to_be_visible()
        expect(use(opened(page, tab), name)).to_have_attribute("aria-pressed", "false")
    expect(page.locator(PROMPT)).to_have_value("a cat")
    expect(page.locator("#setting_sd_model_checkpoint input")).to_have_value(re.compile("^easel-stickers"))


def test_an_embedding_goes_where_one_typed_last(page: Page, shelf: Shelf) -> None:
    shelf.cards = [card("hands", kind="embedding")]
    page.fill(PROMPT, "two hands-on lessons")
    page.fill(NEGATIVE, "blurry, (hands:1.2), flat")
    hands = use(opened(page, "Textual Inversion"), "hands")
    expect(hands).to_have_attribute("aria-pressed", "true")
    hands.click()
    expect(page.locator(NEGATIVE)).to_have_value("blurry, flat")
    expect(hands).to_have_attribute("aria-pressed", "false")
    hands.click()
    expect(page.locator(NEGATIVE)).to_have_value("blurry, flat hands")
    expect(page.locator(PROMPT)).to_have_value("two hands-on lessons")


def test_a_checkpoint_card_chooses_the_checkpoint(page: Page, shelf: Shelf) -> None:
    shelf.cards = [card("easel-stickers-128", kind="checkpoint"), card("other", kind="checkpoint", family="SDXL")]
    chosen: list[Any] = []
    page.route(
        "**/easel/v1/choice", lambda route: (chosen.append(route.request.post_data_json), route.fulfill(status=204))
    )
    pane = opened(page, "Checkpoints")
    expect(use(pane, "easel-stickers-128")).to_have_attribute("aria-pressed", "true")
    with page.expect_request("**/easel/v1/choice"):
        use(pane, "other").click()
    expect(use(pane, "other")).to_have_attribute("aria-pressed", "true")
    expect(use(pane, "easel-stickers-128")).to_have_attribute("aria-pressed", "false")
    with page.expect_request("**/easel/v1/choice"):
        use(pane, "easel-stickers-128").click()
    expect(page.locator("#setting_sd_model_checkpoint input")).to_have_value(re.compile("^easel-stickers"))
    assert [each["sd_model_checkpoint"] for each in chosen] == ["other.safetensors", "easel-stickers-128.safetensors"]


def test_cards_of_another_family_are_dimmed_but_usable(page: Page, shelf: Shelf) -> None:
    shelf.cards = [card("large", family="SDXL", fits=False), card("easel-stickers-128", kind="checkpoint")]
    pane = opened(page)
    expect(pane.locator(".network-unfit")).to_have_count(1)
    use(pane, "large").click()
    expect(page.locator(PROMPT)).to_have_value("<lora:large:1>")
    assert shelf.lists()[-1]["model_family"] == "SD1"


def test_search_family_folder_and_order_narrow_the_cards(page: Page, shelf: Shelf) -> None:
    shelf.cards = [
        card("ink", folder="styles/dry", size=3),
        card("inkwell", folder="styles", family="SDXL", size=1),
        card("wool", folder="things", size=2),
    ]
    pane = opened(page)
    names = pane.locator(".network-name")
    expect(names).to_have_text(["ink", "inkwell", "wool"])
    pane.get_by_role("searchbox").press_sequentially("ink")
    expect(names).to_have_text(["ink", "inkwell"])
    # asked once, not by letter
    assert [wanted["search"] for wanted in shelf.lists() if "search" in wanted] == ["ink"]
    pane.get_by_label("Family").select_option("SDXL")
    expect(names).to_have_text(["inkwell"])
    pane.get_by_label("Family").select_option("")
    pane.get_by_role("searchbox").fill("")
    pane.get_by_label("Sort by").select_option("size")
    expect(names).to_have_text(["inkwell", "wool", "ink"])
    pane.locator("#txt2img_lora_extra_sort_dir").click()
    expect(names).to_have_text(["ink", "wool", "inkwell"])
    pane.get_by_role("button", name="styles", exact=True).click()
    expect(names).to_have_text(["ink", "inkwell"])
    pane.get_by_role("button", name="dry", exact=True).click()
    expect(names).to_have_text(["ink"])


def test_folders_can_be_read_where_the_page_is_narrow(page: Page, shelf: Shelf) -> None:
    shelf.cards = [card(f"net {i}", folder=f"folder {i:02}") for i in range(20)]
    page.set_viewport_size({"width": 1000, "height": 900})
    pane = opened(page)
    expect(use(pane, "net 0")).to_be_visible()
    if not pane.locator(".networks-tree").is_visible():
        pane.get_by_role("button", name="Folders", exact=True).click()
    heights = pane.locator(".networks-folder").evaluate_all("rows => rows.map((row) => row.clientHeight)")
    page.set_viewport_size({"width": 1280, "height": 900})
    assert min(heights) >= 24


def test_a_tab_opened_again_shows_what_has_come_meanwhile(page: Page, shelf: Shelf) -> None:
    shelf.cards = [card("ink")]
    pane = opened(page)
    expect(use(pane, "ink")).to_be_visible()
    page.get_by_role("tab", name="Generation", exact=True).click()
    shelf.cards.append(card("wool"))
    expect(use(opened(page), "wool")).to_be_visible()


def test_ten_thousand_cards_are_few_elements(page: Page, shelf: Shelf) -> None:
    shelf.cards = [card(f"net {i:05}") for i in range(10_000)]
    pane = opened(page)
    expect(pane.locator(".networks-count")).to_have_text(re.compile("10,000 files"))
    pane.scroll_into_view_if_needed()
    scroll = pane.locator(".networks-scroll")
    for part in (0.3, 0.9, 1):
        scroll.evaluate("(box, part) => { box.scrollTop = part * box.scrollHeight; }", part)
        expect(pane.locator(".network-waiting")).to_have_count(0)
        assert pane.locator(".network").count() < 100
    expect(use(pane, "net 09999")).to_be_in_viewport()
    assert len(shelf.lists()) < 10


def test_the_keyboard_walks_the_cards(page: Page, shelf: Shelf) -> None:
    shelf.cards = [card(f"net {i:03}") for i in range(300)]
    pane = opened(page)
    expect(use(pane, "net 000")).to_be_visible()
    pane.get_by_role("searchbox").press("ArrowDown")
    expect(use(pane, "net 000")).to_be_focused()
    columns = page.evaluate(
        "() => { const tops = [...document.querySelectorAll('.network')].map((each) => each.style.top);"
        " return tops.filter((top) => top === tops[0]).length; }"
    )
    for key, index in (
        ("ArrowRight", 1),
        ("ArrowDown", 1 + columns),
        ("ArrowLeft", columns),
        ("ArrowUp", 0),
        ("End", 299),
        ("Home", 0),
    ):
        page.keyboard.press(key)
        expect(use(pane, f"net {index:03}")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(PROMPT)).to_have_value("<lora:net 000:1>")
    expect(use(pane, "net 000")).to_be_focused()


def test_an_edit_sends_what_was_changed(page: Page, shelf: Shelf) -> None:
    shelf.cards = [card("ink", activation="ink")]
    shelf.details["tags"] = [["ink", 40], ["paper", 31]]
    shelf.details["metadata"] = {"ss_base_model": "<b>bold</b>"}
    pane = opened(page)
    dialog = edited(page, pane, "ink")
    dialog.get_by_label("Description").fill("Pen and ink.")
    dialog.get_by_role("button", name="paper 31").click()
    expect(dialog.get_by_label("Activation text")).to_have_value("ink, paper")
    expect(dialog.get_by_role("button", name="ink 40")).to_have_attribute("aria-pressed", "true")
    dialog.get_by_label("Preferred weight").fill("0.8")
    dialog.get_by_text("Metadata of the file").click()
    expect(dialog.locator(".card-metadata")).to_contain_text("<b>bold</b>")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()
    assert [wanted for method, _, wanted in shelf.asked if method == "PATCH"] == [
        {"description": "Pen and ink.", "activation": "ink, paper", "weight": 0.8}]
    use(pane, "ink").click()
    expect(page.locator(PROMPT)).to_have_value("<lora:ink:0.8> ink, paper")


def test_a_refused_edit_says_why_and_keeps_what_was_written(page: Page, shelf: Shelf, troubles: list[str]) -> None:
    shelf.cards = [card("ink")]
    shelf.refusal = (
        400,
        {"error": "invalid", "errors": "ink.json is not a JSON object.", "hint": "Mend it, or take it away."},
    )
    dialog = edited(page, opened(page), "ink")
    dialog.get_by_label("Notes").fill("mine")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_have_text("ink.json is not a JSON object. Mend it, or take it away.")
    page.keyboard.press("Escape")
    expect(dialog.get_by_label("Notes")).to_have_value("mine")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    troubles.clear()


def test_the_shown_picture_becomes_the_preview(page: Page, shelf: Shelf) -> None:
    shelf.cards = [card("ink")]
    pane = opened(page)
    expect(edited(page, pane, "ink").get_by_role("button", name="Use the shown picture")).to_be_disabled()
    page.keyboard.press("Escape")
    page.fill(PROMPT, "a star")
    page.press(PROMPT, "Control+Enter")
    page.wait_for_selector("#txt2img_gallery img.large:not(.preview)")
    dialog = edited(page, pane, "ink")
    dialog.get_by_role("button", name="Use the shown picture").click()
    expect(dialog.locator(".card-preview img")).to_be_visible()
    expect(pane.locator(".network img")).to_have_count(1)
    method, path, body = next(each for each in shelf.asked if each[0] == "PUT")
    assert (path, body["index"]) == ("lora-ink/preview", 0)
    assert body["job"] in page.get_attribute("#txt2img_gallery img.large", "src")


def test_an_empty_list_names_the_folder_and_looks_again(page: Page, shelf: Shelf) -> None:
    pane = opened(page)
    expect(pane.locator(".networks-message code")).to_have_text(re.compile(r"models/Lora$"))
    shelf.cards = [card("new")]
    pane.get_by_role("button", name="Refresh", exact=True).click()
    expect(use(pane, "new")).to_be_visible()
    assert ("POST", "refresh") in [each[:2] for each in shelf.asked]


def test_a_search_in_vain_can_be_undone(page: Page, shelf: Shelf) -> None:
    shelf.cards = [card("ink")]
    pane = opened(page)
    pane.get_by_role("searchbox").fill("wool")
    pane.get_by_role("button", name="Show all").click()
    expect(use(pane, "ink")).to_be_visible()
    expect(pane.get_by_role("searchbox")).to_have_value("")


def test_names_from_files_are_text(page: Page, shelf: Shelf) -> None:
    evil = '<img src=x onerror="window.evil=1">'
    shelf.cards = [card("ink", title=evil, description=evil, family=evil, folder=evil, activation=evil)]
    shelf.details |= {"tags": [[evil, 1]], "metadata": {evil: evil}, "notes": evil}
    dialog = edited(page, opened(page), "ink")
    expect(dialog.get_by_role("heading")).to_have_text(evil)
    expect(dialog.get_by_label("Notes")).to_have_value(evil)
    assert page.evaluate("window.evil") is None
    page.keyboard.press("Escape")


def test_a_lost_server_is_said_and_asked_again(page: Page, shelf: Shelf, troubles: list[str]) -> None:
    page.route("**/easel/v1/cards?kind=lora**", lambda route: route.abort())
    pane = opened(page)
    expect(pane.get_by_role("alert")).to_have_text(re.compile("did not answer"))
    page.unroute("**/easel/v1/cards?kind=lora**")
    shelf.cards = [card("ink")]
    pane.get_by_role("button", name="Try again").click()
    expect(use(pane, "ink")).to_be_visible()
    troubles.clear()
