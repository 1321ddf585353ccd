"""gradio's document with our head in it, and without what browsers keep; what has a hash in its name is kept for good."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from starlette.responses import HTMLResponse, JSONResponse

from modules.ui.built import FOR_GOOD, Built
from modules.ui.document import Document
from tests.asynchronous import run

MODULE = '<script type="module" src="a"></script>'
MANIFEST = '<link rel="manifest" href="/manifest.json" />'


def gradios(config: str) -> str:
    return f"<html><head>{MANIFEST}<script>window.gradio_config = {config};</script>{MODULE}</head><body></body></html>"


COMPONENT = {"id": 1, "props": {"label": "it's \\n"}, "api_info": {"type": "string"}}
CONFIG = json.dumps({"app_id": 7, "root": "http://here", "username": None, "title": "x", "components": [COMPONENT]})


class Visitor:
    """Who asks a document's application, and how often gradio was asked then."""

    def __init__(self, page: str = gradios(CONFIG), **how: bool) -> None:
        self.asked = 0

        async def gradio(scope, receive, send):
            self.asked += 1
            known = HTMLResponse(page.replace("http://here", f"http://{dict(scope['headers']).get(b'host', b'here').decode()}"))
            await (known if scope["path"].endswith("/") else JSONResponse({"here": scope["path"]}))(scope, receive, send)

        def head(scope, start):
            return f"<first {start.name}>", f"<meta {scope['owner']}>"

        self.document = Document(gradio, head, lambda script: Built("start", "js", f"{script}boot()"), **how)

    def get(self, path: str, headers: dict[str, str] | None = None, root: str = "") -> tuple[int, dict[str, str], str]:
        sent = []

        async def keep(message):
            sent.append(message)

        given = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
        scope = {
            "type": "http", "method": "GET", "path": root + path, "root_path": root, "headers": given, "owner": "alice",
        }
        run(self.document(scope, None, keep))
        start, body = sent
        headers = {name.decode(): value.decode() for name, value in start["headers"]}
        return start["status"], headers, body["body"].decode()


def held_in(script: str) -> Any:
    """What a script's first string that is parsed says."""
    return json.loads(re.search(r"JSON\.parse\('((?:[^'\\]|\\.)*)'\)", script)[1].replace("\\'", "'").replace("\\\\", "\\"))


def start_of(text: str) -> str:
    return text.partition("<first ")[2].partition(">")[0]


@pytest.mark.parametrize("root", ["", "/sub"])
def test_our_elements_stand_before_gradios_scripts_and_at_the_end_of_the_head_and_what_is_not_there_is_not_named(root):
    status, headers, text = Visitor().get("/", root=root)
    before, first, rest = text.partition(f"<first {start_of(text)}>")
    assert status == 200 and first and rest == f"{MODULE}<meta alice></head><body></body></html>"
    assert before.startswith("<html><head><script>window.gradio_config = ") and MANIFEST not in before
    assert headers["content-length"] == str(len(text)) and headers["cache-control"] == "private, no-cache"


def test_the_document_holds_of_the_description_what_is_of_this_visit_and_a_file_for_good_the_rest():
    visitor = Visitor()
    text = visitor.get("/")[2]
    own = json.loads(text.partition("gradio_config = ")[2].partition(";</script>")[0])
    assert own == {"app_id": 7, "root": "http://here", "username": None}
    status, headers, script = visitor.get(f"/easel/page/{start_of(text)}")
    assert status == 200 and headers["cache-control"] == FOR_GOOD and script.endswith("boot()")
    assert held_in(script) == {"title": "x", "components": [{"id": 1, "props": COMPONENT["props"]}]}


def test_a_page_that_was_open_as_the_server_began_anew_finds_its_files():
    name = start_of(Visitor().get("/")[2])
    again = Visitor()
    assert again.get(f"/easel/page/{name}", root="/sub")[1]["cache-control"] == FOR_GOOD and again.asked == 1
    assert "here" in again.get("/easel/page/start-0123456789ab.js")[2]


def test_visitors_of_several_addresses_share_the_file():
    visitor = Visitor()
    texts = [visitor.get("/", {"Host": host})[2] for host in ("one", "two")]
    assert "http://two" in texts[1] and start_of(texts[0]) == start_of(texts[1])


@pytest.mark.parametrize(("steady", "times"), [(True, 2), (False, 4)])
def test_gradio_is_asked_once_for_each_address_unless_its_document_may_change(steady, times):
    visitor = Visitor(steady=steady)
    people = [{"User-Agent": each, "Cookie": f"session={each}", "Accept-Encoding": each, "Cache-Control": each} for each in "ab"]
    texts = [visitor.get("/", {"Host": host, **headers})[2] for host in ("one", "two") for headers in people]
    assert visitor.asked == times and len({*texts}) == 2


def test_a_crowd_of_people_costs_gradio_one_document():
    visitor = Visitor()
    for _ in range(2):
        for person in range(50):
            visitor.get("/", {"Host": "here", "Cookie": f"session={person}"})
    assert visitor.asked == 1


def large(event: str) -> tuple[str, set[int]]:
    """A page with two tabs that may come later, of which one is large, and an event in this; and the ids inside it."""
    inside = [{"id": number} for number in range(100, 130)]
    layout = {"id": 0, "children": [{"id": 1, "children": [{"id": 2, "children": inside}, {"id": 3, "children": [{"id": 4}]}]}]}
    names = {2: "tab_settings", 3: "tab_ti"}
    components = [{"id": number, "props": {"elem_id": names.get(number)}} for number in (1, 2, 3, 4, *range(100, 130))]
    events = [{"id": 0, "js": event, "targets": [[100, "change"]], "inputs": [100], "outputs": []}]
    config = {"root": "", "layout": layout, "components": components, "dependencies": events}
    return json.dumps(config), {each["id"] for each in inside}


@pytest.mark.parametrize(("event", "steady", "comes_later"), [
    ("(...values) => easel.store('settings').hear([], values)", True, True),
    ("(...values) => easel.store('settings').hear([], values)", False, False),
    ("", True, False),
])
def test_what_is_in_a_large_tab_of_our_events_alone_comes_in_a_file_of_its_own(event, steady, comes_later):
    config, inside = large(event)
    visitor = Visitor(gradios(config), steady=steady)
    script = visitor.get(f"/easel/page/{start_of(visitor.get('/')[2])}")[2]
    kept = {each["id"] for each in held_in(script)["components"]}
    assert kept == {1, 2, 3, 4} | (set() if comes_later else inside)
    if comes_later:
        name = json.loads(script.partition("window.easelRest = ")[2].partition(";")[0])
        _, headers, rest = visitor.get(f"/easel/page/{name}")
        assert headers["cache-control"] == FOR_GOOD
        assert {each["id"] for each in held_in(rest)} == inside


@pytest.mark.parametrize("config", ['{"auth_required":true}', '{}'])
def test_a_document_that_looks_otherwise_keeps_its_description(config):
    visitor = Visitor(gradios(config))
    text = visitor.get("/")[2]
    assert f"window.gradio_config = {config};" in text and visitor.get(f"/easel/page/{start_of(text)}")[2] == "boot()"


def test_an_unchanged_document_is_not_sent_again():
    visitor = Visitor()
    tag = visitor.get("/")[1]["etag"]
    for known in (tag, f"W/{tag}"):
        assert visitor.get("/", {"If-None-Match": known})[::2] == (304, "")
    assert visitor.get("/", {"If-None-Match": '"other"'})[0] == 200


def test_only_files_named_by_their_content_are_kept_for_good():
    visitor = Visitor()
    assert visitor.get("/assets/index-DphvyggB.js")[1]["cache-control"] == FOR_GOOD
    for path in ("/theme.css", "/assets/index.js", "/gradio_api/info"):
        assert "cache-control" not in visitor.get(path)[1]
