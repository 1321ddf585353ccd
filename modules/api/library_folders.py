"""/easel/v1/library/folders: the folders whose pictures are in the library, and choosing one on the server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import Field

from modules.api.audit_log import note_own
from modules.api.library import PictureId, gallery_of
from modules.api.routing import KnownFields, account, owner, router
from modules.app.app import App
from modules.app.folders import ServerFolders, input_folder, listed_folder
from modules.base.accounts import Role
from modules.base.errors import Conflict, Forbidden
from modules.base.limits import MAX_PATH
from modules.gallery.gallery import Gallery
from modules.gallery.index import Root


class FolderBody(KnownFields):
    path: str = Field(max_length=MAX_PATH, description="On the server.")
    read_only: bool = Field(True, description="Nothing in it is ever moved, renamed, edited or deleted.")


def routes(app: App) -> APIRouter:
    api = router("library", "/easel/v1/library", Role.GUEST)

    @api.get("/folders")
    def folders(request: Request) -> list[dict[str, Any]]:
        """The folders whose pictures are in the library: your outputs, and those that were added."""
        return all_folders(app, gallery_of(app, request))

    @api.post("/folders")
    def add_folder(body: FolderBody, request: Request) -> dict[str, Any]:
        """Add a folder of the server to your library; for administrators."""
        account(request).check(Role.ADMINISTRATOR)
        gallery = gallery_of(app, request)
        path = input_folder(ServerFolders.of(app.flags, owner(request)), body.path, "path")
        check_apart(app, gallery, path)
        root = gallery.index.add_root(path, body.read_only)
        gallery.refresh()
        note_own(app, request, "added a folder of the server to their library")
        return next(each for each in all_folders(app, gallery) if each["id"] == root.id)

    @api.delete("/folders/{folder}", status_code=204)
    def remove_folder(folder: PictureId, request: Request) -> None:
        """Take a folder out of your library, with the marks of its pictures; the files stay."""
        account(request).check(Role.ADMINISTRATOR)
        gallery = gallery_of(app, request)
        if gallery.index.root(folder).own:
            raise Forbidden("Your outputs are always in the library.")
        gallery.index.remove_root(folder)
        note_own(app, request, "took a folder of the server out of their library")
        gallery.tell()

    @api.get("/folders/choose")
    def choose(request: Request, path: Annotated[str, Query(max_length=MAX_PATH)] = "") -> dict[str, Any]:
        """A folder of the server with the folders in it, to choose one that is added; for administrators.

        `above` is null where there is nothing to go up to. Without a path: your own folder, or, on a shared server,
        those that are open, by their whole paths.
        """
        account(request).check(Role.ADMINISTRATOR)
        found = listed_folder(ServerFolders.of(app.flags, owner(request)), path)
        return {
            "path": str(found.path or ""), "above": None if found.above is None else str(found.above),
            "folders": list(found.below), "pictures": found.pictures,
        }

    return api


def all_folders(app: App, gallery: Gallery) -> list[dict[str, Any]]:
    """Return the library's folders; where the server is shared, the path of the outputs is not told."""
    counts = dict(gallery.index.read("SELECT root, count(*) FROM pictures WHERE state = 'here' GROUP BY root"))
    return [
        {
            "id": root.id, "name": Path(root.path).name or root.path,
            "path": "" if root.own and app.flags.shared else root.path,
            "read_only": bool(root.read_only), "own": bool(root.own), "count": counts.get(root.id, 0),
            "missing": not Path(root.path).is_dir(),
        }
        for root in gallery.index.roots()
    ]


def check_apart(app: App, gallery: Gallery, path: Path) -> None:
    """Raise Conflict for a folder that has another one of the library in it, or lies in one: pictures would be twice.

    Raises Forbidden for one with other accounts' pictures.
    """
    for root in gallery.index.roots():
        if Root(*root).path != str(path) and (path.is_relative_to(root.path) or Path(root.path).is_relative_to(path)):
            raise Conflict(f"{path.name} and {Path(root.path).name} lie in each other.", "Add only the outer one.")
    data = app.flags.paths.data_dir.resolve()
    if app.flags.shared and (path.is_relative_to(data) or data.is_relative_to(path)):
        raise Forbidden("That folder has the data of all accounts in it, or belongs to them.")
