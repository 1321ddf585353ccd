"""gradio's document with our head in it; what has a hash in its name is kept for good."""

from __future__ import annotations

from starlette.responses import HTMLResponse, JSONResponse

from modules.ui.document import FOR_GOOD, Document
from tests.asynchronous import run

PAGE = "<html><head><script>config = 1</script></head><body></body></html>"
MODULES = '<head><script>config = 1</script><script type="module" src="a"></script><script type="module"></script></head>'
MANIFEST = '<link rel="manifest" href="/manifest.json" />'


def asked(path: str, headers: dict[str, str] | None = None, root: str = "") -> tuple[int, dict[str, str], str]:
    async def gradio(scope, receive, send):
        reply = HTMLResponse(PAGE.replace("<script>", MANIFEST + "<script>")) if path == "/" else JSONResponse({"here": path})
        await reply(scope, receive, send)

    sent = []

    async def keep(message):
        sent.append(message)

    given = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
    scope = {
        "type": "http",
        "method": "GET",
        "path": root + path,
        "root_path": root,
        "headers": given,
        "owner": "alice",
    }
    run(Document(gradio, lambda scope: f"<meta {scope['owner']}>")(scope, None, keep))
    start, body = sent
    return start["status"], {name.decode(): value.decode() for name, value in start["headers"]}, body["body"].decode()


def test_the_head_stands_behind_gradios_description_of_the_page_and_a_manifest_that_is_not_there_is_not_named():
    for root in ("", "/sub"):
        status, headers, text = asked("/", root=root)
        assert (status, text) == (200, PAGE.replace("</head>", "<meta alice></head>"))
        assert headers["content-length"] == str(len(text)) and headers["cache-control"] == "private, no-cache"


def test_names_for_imports_stand_before_the_first_module_and_after_the_description():
    async def gradio(scope, receive, send):
        await HTMLResponse(MODULES)(scope, receive, send)

    sent = []

    async def keep(message):
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "root_path": "", "headers": []}
    run(Document(gradio, lambda scope: "<meta>", "<first>")(scope, None, keep))
    assert sent[1]["body"].decode() == MODULES.replace("<script t", "<first><script t", 1).replace("</head>", "<meta></head>")


def test_an_unchanged_document_is_not_sent_again():
    tag = asked("/")[1]["etag"]
    for known in (tag, f"W/{tag}"):
        assert asked("/", {"If-None-Match": known})[::2] == (304, "")
    assert asked("/", {"If-None-Match": '"other"'})[0] == 200


def test_only_files_named_by_their_content_are_kept_for_good():
    assert asked("/assets/index-DphvyggB.js")[1]["cache-control"] == FOR_GOOD
    for path in ("/theme.css", "/assets/index.js", "/gradio_api/info"):
        assert "cache-control" not in asked(path)[1]
