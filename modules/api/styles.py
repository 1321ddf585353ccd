"""/easel/v1/styles: the caller's prompt styles, as the page's dialog shows and changes them."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import MaxLen, MinLen
from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from modules.api.cards import IMMUTABLE_CACHE, PictureOf, picture_of
from modules.api.info import decode_base64
from modules.api.routing import KnownFields, account, owner, router, sent_as
from modules.app.account_data import AccountData
from modules.app.app import App
from modules.base.accounts import Account, Role
from modules.base.errors import Invalid, InvalidImage, UnknownName
from modules.base.limits import MAX_ITEMS, MAX_NAME, MAX_PROMPT, Name
from modules.imaging.thumbnail import content_thumbnail
from modules.prompts.style_import import imported_styles
from modules.prompts.styles import LARGEST_STYLES, Style
from modules.requests.styles import styled_prompts

StyleNameList = Annotated[list[Name], MinLen(1), MaxLen(MAX_ITEMS)]
StyleText = Annotated[str, MaxLen(MAX_PROMPT)]


class StyleChange(KnownFields):
    """A style to be saved."""

    name: str = Field(min_length=1, max_length=200)
    prompt: StyleText = ""
    negative_prompt: StyleText = ""
    category: str = Field("", max_length=200)
    was: str = Field("", max_length=MAX_NAME, description="The style that it takes the place of; empty is a new one.")
    file: str = Field("", max_length=MAX_NAME, description="The file to put it in; empty is where it is, or one's own.")


class StyleNames(KnownFields):
    names: StyleNameList


class StyleFile(KnownFields):
    """A file of styles: `styles.csv`, or a JSON of Fooocus or SDXL styles."""

    name: str = Field(max_length=MAX_NAME)
    content: str = Field(max_length=LARGEST_STYLES * 3 // 2, description="In base64, or a data: address.")


class StylesApplied(KnownFields):
    prompt: StyleText = ""
    negative_prompt: StyleText = ""
    styles: StyleNameList


class StylePicture(PictureOf):
    """A picture of one of the caller's jobs, for a style."""

    name: Name


def routes(app: App) -> APIRouter:
    api = router("styles", "/easel/v1", Role.GUEST)

    @api.get("/styles")
    def styles(request: Request) -> dict[str, Any]:
        """The styles in order, their files, and what is wrong with these."""
        return listed_styles(app.data_of(owner(request)), account(request))

    @api.post("/styles")
    def save(body: StyleChange, request: Request) -> dict[str, Any]:
        """Save a style, a new one or in the place of `was`."""
        mine = app.data_of(owner(request))
        style = Style(body.name.strip(), body.prompt, body.negative_prompt, body.category.strip())
        mine.style_book.save(style, body.was, body.file, keeps_all(request))
        if body.was:
            mine.style_previews.move(body.was, style.name)
        return listed_styles(mine, account(request))

    @api.post("/styles/delete")
    def delete(body: StyleNames, request: Request) -> dict[str, Any]:
        """Delete styles, all or none."""
        mine = app.data_of(owner(request))
        mine.style_book.remove(body.names, keeps_all(request))
        for name in body.names:
            mine.style_previews.remove(name)
        return listed_styles(mine, account(request))

    @api.post("/styles/order")
    def order(body: StyleNames, request: Request) -> dict[str, Any]:
        """Put styles of one file into this order, in the places that they have together."""
        mine = app.data_of(owner(request))
        mine.style_book.order(body.names, keeps_all(request))
        return listed_styles(mine, account(request))

    @api.post("/styles/import")
    def add(body: StyleFile, request: Request) -> dict[str, Any]:
        """Add a file's styles to the caller's own; `known` are those that are here already and stay as they are."""
        mine = app.data_of(owner(request))
        fresh, known = mine.style_book.add(imported_styles(body.name, file_content(body)))
        return {**listed_styles(mine, account(request)), "added": fresh, "known": known}

    @api.post("/styles/apply")
    def apply(body: StylesApplied, request: Request) -> dict[str, str]:
        """The prompts with styles in them, as a request with these styles would have them."""
        return styled_prompts(body.prompt, body.negative_prompt, body.styles, app.data_of(owner(request)).styles())

    add_previews(api, app)
    return api


def add_previews(api: APIRouter, app: App) -> None:
    """Add the routes of styles' pictures."""

    @api.get("/styles/preview", **sent_as("image/jpeg"))
    def preview(name: Annotated[str, Query(max_length=MAX_NAME)], request: Request) -> Response:
        """The picture of a style."""
        content = app.data_of(owner(request)).style_previews.read(name)
        return Response(content, media_type="image/jpeg", headers={"Cache-Control": IMMUTABLE_CACHE})

    @api.post("/styles/preview")
    def set_preview(body: StylePicture, request: Request) -> dict[str, Any]:
        """Make a picture of one of the caller's jobs a style's picture."""
        mine = app.data_of(owner(request))
        if body.name not in mine.styles():
            raise UnknownName("style", body.name, mine.styles())
        mine.style_previews.write(body.name, content_thumbnail(picture_of(app, body, owner(request))))
        return listed_styles(mine, account(request))


def keeps_all(request: Request) -> bool:
    """Return whether the caller may change what is for everybody."""
    return account(request).role >= Role.ADMINISTRATOR


def file_content(sent: StyleFile) -> bytes:
    """Return the sent file's bytes. Raises Invalid."""
    try:
        return decode_base64(sent.content)
    except InvalidImage as error:
        raise Invalid(f"{sent.name:.100} is not sent in base64.", "Encode the file's bytes.", "content") from error


def listed_styles(mine: AccountData, caller: Account) -> dict[str, Any]:
    """Return the styles that count, in the order of their files."""
    book, keeper = mine.style_book, caller.role >= Role.ADMINISTRATOR
    tables = book.files.tables()
    places = {name: path for path, table in tables.items() for name in table.styles}
    counted = book.files.styles()
    files = dict.fromkeys([*tables, book.own])
    return {
        "styles": [
            {
                "name": style.name, "prompt": style.prompt, "negative_prompt": style.negative_prompt,
                "category": style.category, "file": places[style.name].name,
                "editable": book.editable(places[style.name], keeper), "preview": mine.style_previews.stamp(style.name),
            }
            for style in counted.values()
        ],
        "files": [
            {"name": path.name, "editable": book.editable(path, keeper), "own": path == book.own} for path in files
        ],
        "problems": book.files.problems(),
    }
