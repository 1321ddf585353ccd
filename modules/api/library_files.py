"""/easel/v1/library: files moved, renamed, put in the trash and brought back; many as a zip or a page."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import Field

from modules.api.library import LibraryQuery, PlaceText, gallery_of
from modules.api.library_choice import MOST_NAMED, ChosenPictures, chosen_rows
from modules.api.routing import router, sent_as
from modules.app.app import App
from modules.base.accounts import Role
from modules.base.errors import Invalid, TooLarge
from modules.base.limits import MAX_PATH, MAX_SETTING
from modules.gallery.bundles import contact_sheet, zip_of_pictures
from modules.gallery.filing import Filed, Filing
from modules.gallery.gallery import Gallery
from modules.gallery.new_names import new_names

MOST_ON_SHEET = 2_000      # pictures
MOST_PREVIEWED_NAMES = 1_000
ZIP_HEADERS = {"Content-Disposition": 'attachment; filename="pictures.zip"'}
ID_LIST = r"^([0-9]{1,15}(,[0-9]{1,15})*)?$"


class FolderMoveBody(ChosenPictures):
    folder: str = Field(max_length=MAX_PATH, description="Below the outputs, or <folder's id>/<path>; made if missing.")


class RenameBody(ChosenPictures):
    pattern: str = Field(min_length=1, max_length=MAX_SETTING, description="As of files' names: [seed]-[prompt_words].")
    preview: bool = Field(False, description="Only say what the names would be.")


class ZipBody(ChosenPictures):
    data: bool = Field(True, description="With the generation data and all other metadata, or without any.")


def routes(app: App) -> APIRouter:
    api = router("library", "/easel/v1/library", Role.GUEST)

    add_filing(api, app)
    add_downloads(api, app)
    return api


def add_filing(api: APIRouter, app: App) -> None:
    def filing(gallery: Gallery) -> Filing:
        return Filing(gallery, app.jobs.store.output_moved)

    @api.post("/move")
    def move(body: FolderMoveBody, request: Request) -> dict[str, Any]:
        """Move pictures to another folder; nothing is ever replaced."""
        gallery, rows = chosen_rows(app, request, body)
        return filed_reply(gallery, filing(gallery).move(rows, body.folder))

    @api.post("/rename")
    def rename(body: RenameBody, request: Request) -> dict[str, Any]:
        """Rename pictures by a pattern."""
        gallery, rows = chosen_rows(app, request, body)
        if body.preview:
            names = new_names(gallery, rows[:MOST_PREVIEWED_NAMES], body.pattern)
            return {"names": [
                {"id": each.id, "before": each.before, "after": each.after}
                | ({"problem": each.problem} if each.problem else {})
                for each in names
            ]}
        made = {each.id: each for each in new_names(gallery, rows, body.pattern)}
        good = [row for row in rows if not made[row.id].problem]
        filed = filing(gallery).rename(good, {number: each.after for number, each in made.items()})
        filed.problems += [(each.id, f"{each.before}: {each.problem}") for each in made.values() if each.problem]
        return filed_reply(gallery, filed)

    @api.post("/trash")
    def trash(body: ChosenPictures, request: Request) -> dict[str, Any]:
        """Put pictures in the trash, from which they can be restored."""
        gallery, rows = chosen_rows(app, request, body)
        return filed_reply(gallery, filing(gallery).trash(rows))

    @api.post("/restore")
    def restore(body: ChosenPictures, request: Request) -> dict[str, Any]:
        """Bring pictures back from the trash to where they were."""
        gallery, rows = chosen_rows(app, request, body)
        return filed_reply(gallery, filing(gallery).restore(rows))

    @api.post("/trash/empty")
    def empty_trash(request: Request) -> dict[str, Any]:
        """Delete what is in the trash for good."""
        gallery = gallery_of(app, request)
        return filed_reply(gallery, Filed(filing(gallery).empty_trash()))


def add_downloads(api: APIRouter, app: App) -> None:
    @api.get("/zip", **sent_as("application/zip"))
    def zip_named(
        request: Request,
        pictures: Annotated[
            str | None, Query(max_length=10_000, pattern=ID_LIST, description="Ids with commas between.")
        ] = None,
        q: LibraryQuery | None = None,
        place: PlaceText = "",
        data: bool = True,
    ) -> StreamingResponse:
        """Pictures as a zip, with or without their data."""
        chosen = ChosenPictures.model_validate({"pictures": id_list(pictures), "q": q, "in": place})
        return zip_response(*chosen_rows(app, request, chosen), data)

    @api.post("/zip", **sent_as("application/zip"))
    def zip_listed(body: ZipBody, request: Request) -> StreamingResponse:
        """The same for a long list of pictures."""
        return zip_response(*chosen_rows(app, request, body), body.data)

    @api.post("/contact-sheet", **sent_as("text/html"))
    def sheet(body: ChosenPictures, request: Request) -> StreamingResponse:
        """An HTML page of thumbnails with names and prompts, which needs no other file."""
        gallery, rows = chosen_rows(app, request, body)
        if len(rows) > MOST_ON_SHEET:
            raise TooLarge(f"A contact sheet has at most {MOST_ON_SHEET:,} pictures.", "Choose fewer.")
        return StreamingResponse(
            contact_sheet(gallery, rows), media_type="text/html; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="contact-sheet.html"'},
        )


def filed_reply(gallery: Gallery, filed: Filed) -> dict[str, Any]:
    problems = [{"id": number, "message": message} for number, message in filed.problems]
    return {"changed": filed.changed, "problems": problems, "revision": gallery.index.revision}


def zip_response(gallery: Gallery, rows: list[Any], with_data: bool) -> StreamingResponse:
    content = zip_of_pictures(gallery, rows, with_data)
    return StreamingResponse(content, media_type="application/zip", headers=ZIP_HEADERS)


def id_list(text: str | None) -> list[int] | None:
    """Return ids with commas between as a list. Raises Invalid."""
    if text is None:
        return None
    parts = [part for part in text.split(",") if part]
    if len(parts) > MOST_NAMED or not all(part.isascii() and part.isdecimal() and len(part) < 17 for part in parts):
        raise Invalid(f"{text!r:.100} is no list of ids.", "Write them with commas between: 1,2,3.", "pictures")
    return [int(part) for part in parts]
