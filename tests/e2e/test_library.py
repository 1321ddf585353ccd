"""The Library tab as a person uses it: once with pictures that were just made, once with a hundred thousand."""

from __future__ import annotations

import io
import json
import re
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, Route, expect

PROMPT = "#txt2img_prompt textarea"
SEEDS = (90_001, 90_002, 90_003)
MANY, A_DAY = 100_000, 250
# resolves once an element has kept its place for 20 frames
AT_REST = """async (element) => {
  for (let frames = 0, last = ""; frames < 20; ) {
    await new Promise(requestAnimationFrame);
    const now = JSON.stringify(element.getBoundingClientRect());
    frames = now === last ? frames + 1 : 0;
    last = now;
  }
}"""


def tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()


def tile(page: Page, index: int) -> Locator:
    return page.locator(f'.tile[data-index="{index}"]')


def find(page: Page, text: str) -> None:
    page.get_by_role("combobox", name="Search the library").fill(text)


def status(page: Page) -> Locator:
    return page.locator(".library-status")


def panel(page: Page) -> Locator:
    return page.get_by_role("complementary", name="About the picture").first


def draw(server: str, seed: int, prompt: str = "a fox", **more: object) -> None:
    body = {"prompt": f"{prompt} number{seed}", "steps": 2, "seed": seed, "width": 128, "height": 128, "save_images": True}
    body |= more
    asked = urllib.request.Request(
        f"{server}sdapi/v1/txt2img", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    urllib.request.urlopen(asked, timeout=90).read()


@pytest.fixture(scope="module")
def drawn(server: str) -> None:
    for seed in SEEDS:
        draw(server, seed)


def test_a_picture_is_found_marked_looked_at_used_renamed_thrown_away_and_brought_back(drawn, page):
    tab(page, "Library")
    find(page, f"seed:{SEEDS[0]}")
    expect(status(page)).to_have_text("1 picture")
    tile(page, 0).click()
    expect(panel(page)).to_contain_text(f"a fox number{SEEDS[0]}")
    mark_and_find_again(page)
    look_through(page)
    rename_and_throw_away(page)
    tile(page, 0).click()
    panel(page).get_by_role("button", name="Send to txt2img").click()
    expect(page.locator(PROMPT)).to_have_value(f"a fox number{SEEDS[0]}")
    expect(page.locator("#txt2img_seed input")).to_have_value(str(SEEDS[0]))


def mark_and_find_again(page: Page) -> None:
    tile(page, 0).press("4")
    tile(page, 0).press("h")
    expect(tile(page, 0)).to_have_attribute("aria-label", re.compile("favourite, 4 of 5 stars"))
    tags = panel(page).get_by_role("combobox", name="Add to Tags")
    tags.fill("best of all")
    tags.press("Enter")
    albums = panel(page).get_by_role("combobox", name="Add to Albums")
    albums.fill("For the wall")
    albums.press("Enter")
    expect(page.get_by_role("navigation", name="Where to look").get_by_role("button", name="For the wall 1"))\
        .to_be_visible()
    panel(page).get_by_role("textbox", name="Note").fill("print it large")
    find(page, 'is:favourite rating:4 tag:"best of all" album:wall note:large')
    expect(status(page)).to_have_text("1 picture")


def look_through(page: Page) -> None:
    """In the viewer: turn, data, pixels, comparing, and what a key writes."""
    find(page, "fox number9000")
    expect(status(page)).to_have_text("3 pictures")
    tile(page, 0).dblclick()
    viewer = page.locator("dialog.lightbox[open]")
    expect(viewer.locator(".caption")).to_contain_text(f"{SEEDS[2]}.png")
    page.keyboard.press("ArrowRight")
    expect(viewer.locator(".caption")).to_contain_text(f"{SEEDS[1]}.png")
    page.keyboard.press("i")
    expect(viewer.get_by_role("complementary")).to_contain_text(f"a fox number{SEEDS[1]}")
    page.keyboard.press("z")
    expect(viewer.locator(".caption")).to_contain_text("100 %")
    page.keyboard.press("2")
    expect(viewer.locator(".caption")).to_contain_text("★★")
    page.keyboard.press("c")
    expect(viewer.locator(".caption")).to_contain_text("on the left: 0")
    expect(viewer.get_by_role("slider", name="How much of each is seen")).to_be_visible()
    page.keyboard.press("Escape")
    expect(viewer).to_have_count(0)
    expect(tile(page, 2)).to_have_attribute("aria-selected", "true")      # the grid is where the viewer was
    expect(tile(page, 1)).to_have_attribute("aria-label", re.compile("2 of 5 stars"))


def rename_and_throw_away(page: Page) -> None:
    find(page, f"seed:{SEEDS[0]}")
    expect(status(page)).to_have_text("1 picture")
    tile(page, 0).click()
    panel(page).get_by_role("button", name="Rename by a pattern").click()
    dialog = page.get_by_role("dialog", name="Rename by a pattern")
    dialog.get_by_role("textbox", name="Pattern").fill("fox-[seed]")
    expect(dialog).to_contain_text(f"→ fox-{SEEDS[0]}.png")
    dialog.get_by_role("button", name="Rename").click()
    expect(tile(page, 0)).to_have_attribute("aria-label", re.compile(f"^fox-{SEEDS[0]}.png"))
    tile(page, 0).click()
    page.keyboard.press("Delete")
    expect(page.locator(".library-message")).to_contain_text("Nothing matches.")
    find(page, "")
    page.get_by_role("button", name="Trash", exact=True).click()
    expect(status(page)).to_have_text("1 picture")
    tile(page, 0).click()
    panel(page).get_by_role("button", name="Back to where it was").click()
    expect(page.locator(".library-message")).to_contain_text("The trash is empty.")
    page.get_by_role("button", name="All pictures", exact=True).click()
    find(page, f"seed:{SEEDS[0]} rating:4")      # its marks have stayed with it
    expect(status(page)).to_have_text("1 picture")


BATCH = 90_101


def test_a_picture_is_made_again_its_family_seen_and_two_are_compared_and_stripped_together(server, page):
    draw(server, BATCH, "an owl", n_iter=2)
    tab(page, "Library")
    find(page, f"seed:{BATCH} -is:grid")
    expect(status(page)).to_have_text("1 picture")
    tile(page, 0).click()
    panel(page).get_by_role("button", name="Make it again, and compare").click()
    expect(panel(page).locator(".library-again")).to_contain_text("Reproduces: yes")
    panel(page).get_by_text("Family", exact=True).click()
    expect(panel(page).locator(".library-member")).to_have_count(2)      # the grid that it is in, and itself
    find(page, f"owl number{BATCH} -is:grid")
    expect(status(page)).to_have_text("2 pictures")
    tile(page, 0).click()
    page.keyboard.press("Control+a")
    panel(page).get_by_role("button", name="Compare the two").click()
    expect(page.locator("dialog.lightbox[open]").get_by_role("slider", name="How much of each is seen")).to_be_visible()
    page.keyboard.press("Escape")
    panel(page).get_by_role("button", name="Edit the data").click()
    take_back_what_one_saving_changed(page)
    strip_both(page)
    tab(page, "Library")
    find(page, f"owl number{BATCH} -is:grid")
    expect(page.locator(".library-message")).to_contain_text("Nothing matches.")


def take_back_what_one_saving_changed(page: Page) -> None:
    """Both are edited, then one of them; undoing that leaves the other's edit as it is."""
    replace_in_both(page, "owl", "eagle", 2)
    replace_in_both(page, str(BATCH + 1), "7", 1)
    page.locator("#pnginfo_many").get_by_role("button", name="Undo").click()
    expect(page.locator("#pnginfo_many")).to_contain_text("The data are as they were before.")
    expect(page.locator("#pnginfo_many .data-trouble:visible")).to_have_count(0)
    replace_in_both(page, "eagle", "owl", 2)


def replace_in_both(page: Page, find: str, put: str, changed: int) -> None:
    many = page.locator("#pnginfo_many")
    many.get_by_label("Find", exact=True).fill(find)
    many.get_by_label("Replace with").fill(put)
    many.get_by_role("button", name="Show what will change").click()
    expect(many).to_contain_text(f"{changed} of 2 pictures change.")
    many.get_by_role("button", name="Save", exact=True).click()
    expect(many).to_contain_text(f"{changed} pictures saved. No pixel was touched.")


def strip_both(page: Page) -> None:
    many = page.locator("#pnginfo_many")
    many.get_by_label("Find", exact=True).fill("")
    many.get_by_text("Take data away", exact=True).click()
    many.get_by_label("Everything").check()
    many.get_by_role("button", name="Show what will change").click()
    expect(many).to_contain_text("2 of 2 pictures change.")
    many.get_by_role("button", name="Save", exact=True).click()
    expect(many).to_contain_text("2 pictures saved. No pixel was touched.")


# A library of a hundred thousand, under the server's addresses ----------------------------------------


def thumbnail() -> bytes:
    held = io.BytesIO()
    Image.new("RGB", (32, 32), "teal").save(held, "JPEG")
    return held.getvalue()


@dataclass
class Shelf:
    """The server's side: a hundred thousand pictures, and what was asked."""

    picture: bytes = field(default_factory=thumbnail)
    asked: list[tuple[str, str, Any]] = field(default_factory=list)

    def answer(self, route: Route) -> None:
        request, place = route.request, urlsplit(route.request.url)
        path = place.path.partition("/easel/v1/library")[2].strip("/")
        wanted = request.post_data_json if request.post_data else dict(parse_qsl(place.query))
        self.asked.append((request.method, path, wanted))
        if path.endswith(("/thumbnail", "/file")):
            return route.fulfill(content_type="image/jpeg", body=self.picture)
        if path == "events":
            return route.fulfill(content_type="text/event-stream", body='data: {"revision": 1}\n\n')
        route.fulfill(json=self.reply(path, wanted))

    def reply(self, path: str, wanted: Any) -> Any:
        if path == "":
            return self.page(wanted)
        if path == "albums":
            return [{"id": 7, "name": "For the wall", "note": "", "count": 12, "cover": None}]
        if path == "folders":
            return [{"id": 2, "name": "drawn elsewhere", "path": "/elsewhere", "read_only": True, "own": False,
                     "count": 20, "missing": False}]
        if path == "facets":
            fit = 3 if wanted.get("q") else 9
            return {"album": [{"value": "For the wall", "count": fit}], "root": [{"value": "2", "count": fit + 1}]}
        if path == "sections" and wanted.get("sort") == "model":
            return [{"name": name, "count": MANY // 2, "title": ""} for name in ("sticker", "")]
        if path == "sections":
            last = date(2026, 11, 29)
            return [{"name": str(last - timedelta(days=n)), "count": A_DAY, "title": ""} for n in range(MANY // A_DAY)]
        if path.startswith("pictures/"):
            return {**row(int(path.split("/")[1])), "infotext": "", "folder": "", "bytes": 9, "program": "Easel"}
        return {"trash": {"changed": MANY, "problems": [], "revision": 2}}.get(path, [])

    def page(self, wanted: dict[str, str]) -> Any:
        total = 1 if wanted.get("in", "").startswith("job:") else MANY
        first = int(wanted.get("offset", 0))
        rows = [row(n) for n in range(first, min(total, first + int(wanted.get("limit", 200))))]
        return {"total": total, "revision": 1, "pictures": rows, "notes": []}

    def listed(self) -> list[int]:
        """The places from which pictures were asked for."""
        return [int(wanted.get("offset", 0)) for _, path, wanted in self.asked if path == "" and "offset" in wanted]


def row(n: int) -> dict[str, Any]:
    plain = {"width": 32, "height": 32, "at": "2026-11-29T10:00:00+00:00", "favourite": False, "rating": 0,
             "kind": "txt2img", "broken": n == 3, "version": "1", "flags": []}
    return {"id": n, "name": f"picture {n}.png", **plain}


@pytest.fixture
def shelf(page: Page) -> Iterator[Shelf]:
    found = Shelf()
    page.route("**/easel/v1/library**", found.answer)
    yield found


def test_a_hundred_thousand_pictures_are_scrolled_with_few_elements_and_few_requests(page, shelf):
    tab(page, "Library")
    expect(status(page)).to_have_text("100,000 pictures")
    expect(tile(page, 0)).to_have_class(re.compile("came"))
    expect(tile(page, 3)).to_have_class(re.compile("broken"))
    tile(page, 1).click()
    page.keyboard.press("End")
    expect(tile(page, MANY - 1)).to_have_attribute("aria-label", re.compile("picture 99999.png"))
    assert page.locator(".tile:visible").count() < 150
    assert page.locator(".tile").count() < 300
    page.keyboard.press("Home")
    fly(page)
    expect(tile(page, 0)).to_have_attribute("aria-label", re.compile("picture 0.png"))
    assert len(set(shelf.listed())) < 40      # of 500 pages: those that flew by were not asked for
    page.keyboard.press("Control+a")
    expect(status(page)).to_have_text("100,000 pictures · 100,000 chosen")
    page.keyboard.press("Delete")
    expect(page.locator(".notice").filter(has_text="In the trash")).to_be_visible()
    assert ("POST", "trash", {"q": "", "in": ""}) in shelf.asked      # not as a list of ids


def test_keys_mean_the_library_wherever_nothing_is_typed(page, shelf):
    tab(page, "Library")
    expect(status(page)).to_have_text("100,000 pictures")
    page.keyboard.press("Control+a")
    expect(status(page)).to_have_text("100,000 pictures · 100,000 chosen")
    page.keyboard.press("Escape")
    expect(status(page)).to_have_text("100,000 pictures")
    page.keyboard.press("/")
    expect(page.get_by_role("combobox", name="Search the library")).to_be_focused()


def test_what_is_chosen_is_dragged_onto_an_album_and_models_have_headings(page, shelf):
    tab(page, "Library")
    tile(page, 1).click()
    tile(page, 2).click(modifiers=["Control"])
    album = page.get_by_role("button", name="For the wall", exact=False).first
    tile(page, 2).drag_to(album)
    tile(page, 0).drag_to(album)      # another one that is not chosen goes alone
    page.get_by_role("combobox", name="Sort by").select_option("model")
    expect(page.locator(".tiles-heading").first).to_contain_text("sticker")
    given = [wanted for method, path, wanted in shelf.asked if (method, path) == ("PATCH", "pictures")]
    assert given == [{"pictures": [1, 2], "add_albums": [7]}, {"pictures": [0], "add_albums": [7]}]


def test_albums_and_folders_tell_how_many_of_their_pictures_fit_the_search(page, shelf):
    tab(page, "Library")
    places = page.get_by_role("navigation", name="Where to look")
    expect(places.get_by_role("button", name="For the wall 9")).to_be_visible()
    expect(places.get_by_role("button", name="drawn elsewhere (read only) 10")).to_be_visible()
    find(page, "fox")
    expect(places.get_by_role("button", name="For the wall 3")).to_be_visible()
    expect(places.get_by_role("button", name="drawn elsewhere (read only) 4")).to_be_visible()


def fly(page: Page) -> None:
    """From the first to the last and back, as with the scroll bar, a frame at a time."""
    page.evaluate("""async () => {
      const box = document.querySelector(".tiles-scroll"), all = box.scrollHeight;
      for (let i = 0; i <= 120; i++) {
        box.scrollTop = all * (1 - Math.abs(1 - i / 60));
        await new Promise(requestAnimationFrame);
      }
    }""")


def test_what_can_be_done_with_what_is_chosen_lies_over_the_grid_so_that_nothing_moves(page, shelf):
    tab(page, "Library")
    try:
        page.set_viewport_size({"width": 390, "height": 844})
        tile(page, 1).click(trial=True)      # it is scrolled into view
        tile(page, 1).evaluate(AT_REST)
        before = tile(page, 1).bounding_box()
        tile(page, 1).click()
        expect(page.locator(".library-dock").get_by_role("button", name="To the trash")).to_be_visible()
        assert tile(page, 1).bounding_box() == before
        tile(page, 1).dblclick()
        expect(page.locator("dialog.lightbox[open]")).to_be_visible()
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Choose none").click()
        expect(page.locator(".library-dock")).to_be_hidden()
    finally:
        page.set_viewport_size({"width": 1280, "height": 900})


def test_a_lost_tab_finds_its_pictures_in_the_library(page, shelf, troubles):
    page.evaluate("""sessionStorage.setItem("easel.job", JSON.stringify("task(of a record that is gone)"))""")
    page.route("**/easel/v1/jobs/task*", lambda route: route.fulfill(status=404, json={"error": "x", "errors": "gone"}))
    page.reload()
    page.locator(".lost-job").get_by_role("button", name="Show it in the Library").click()
    expect(status(page)).to_have_text("1 picture")
    troubles.clear()      # the browser tells of the record that is gone
    assert any(wanted.get("in") == "job:task(of a record that is gone)" for _, path, wanted in shelf.asked if not path)
