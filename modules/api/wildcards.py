"""/easel/v1/wildcards: the files of wildcards, as the page's editor shows and changes them."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import Field
from pydantic.config import JsonDict

from modules.api.routing import KnownFields, account, router
from modules.app.app import App
from modules.base.accounts import Role
from modules.base.limits import MAX_NAME, MAX_PATH, MAX_SEARCH
from modules.prompts.wildcard_edits import LARGEST_EDITED, WildcardEditor

MOST_LISTED_FILES = 500
NAMES_LISTED = 50      # of a file
WILDCARD_PATH: JsonDict = {"pattern": r"\.(txt|yaml|yml|json)$"}      # the schema's words for what `checked_path` takes


class WildcardPlace(KnownFields):
    folder: str = Field("own", max_length=MAX_NAME, description="As GET /easel/v1/wildcards names it.")
    path: str = Field(
        max_length=MAX_PATH, json_schema_extra=WILDCARD_PATH, description="Below the folder, as in `animals/cats.txt`."
    )


class WildcardText(WildcardPlace):
    """A file's new text."""

    text: str = Field(max_length=LARGEST_EDITED)
    revision: str = Field("", max_length=MAX_NAME, description="As the file was read; empty is a new file.")


class WildcardRename(WildcardPlace):
    to: str = Field(max_length=MAX_PATH, json_schema_extra=WILDCARD_PATH)


def routes(app: App) -> APIRouter:
    api = router("wildcards", "/easel/v1", Role.GUEST)

    def editor(request: Request) -> WildcardEditor:
        return app.wildcard_editor(account(request))

    @api.get("/wildcards")
    def files(
        request: Request, search: Annotated[str, Query(max_length=MAX_SEARCH)] = "",
    ) -> dict[str, Any]:
        """Files of wildcards whose path or names contain the words, and the folders there are."""
        found = list(islice(editor(request).found(search), MOST_LISTED_FILES + 1))
        return {
            "files": [
                {
                    "folder": each.folder.name, "path": each.path, "size": each.size, "editable": each.folder.editable,
                    "names": each.names[:NAMES_LISTED],
                }
                for each in found[:MOST_LISTED_FILES]
            ],
            "more": len(found) > MOST_LISTED_FILES,
            "folders": [{"name": each.name, "editable": each.editable} for each in editor(request).folders],
        }

    @api.get("/wildcards/file")
    def read(request: Request, where: Annotated[WildcardPlace, Query()]) -> dict[str, str]:
        """A file's text."""
        text, revision = editor(request).read(where.folder, where.path)
        return {"text": text, "revision": revision}

    @api.post("/wildcards")
    def write(body: WildcardText, request: Request) -> dict[str, str]:
        """Write a file, a new one or one that is as it was read."""
        return {"revision": editor(request).write(body.folder, body.path, body.text, body.revision)}

    @api.post("/wildcards/rename", status_code=204)
    def rename(body: WildcardRename, request: Request) -> None:
        """Give a file another name in its folder."""
        editor(request).rename(body.folder, body.path, body.to)

    @api.post("/wildcards/delete", status_code=204)
    def delete(body: WildcardPlace, request: Request) -> None:
        """Delete a file."""
        editor(request).delete(body.folder, body.path)

    return api
