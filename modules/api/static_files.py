"""A1111's `file=` addresses: pictures, and the files of extensions' pages."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse

from modules.api.routing import account, router
from modules.app.app import App
from modules.app.served_files import served_file, served_folders
from modules.base.accounts import Role
from modules.base.limits import FilePath

VERSIONED = "private, max-age=604800"      # the address names the file's time of change
UNVERSIONED = "private, no-cache"


def routes(app: App) -> APIRouter:
    api = router("files", "", Role.GUEST)

    def file(path: FilePath, request: Request) -> FileResponse:
        """A picture of the caller's or beside a model, or a file of an extension's page, by its path.

        A relative path begins at the data folder.
        """
        extensions = [each.extension.folder for each in app.extensions.active]
        folders = served_folders(app, account(request), extensions)
        found = served_file(path, app.flags.paths.data_dir, folders)
        keeping = VERSIONED if request.scope["query_string"] else UNVERSIONED
        return FileResponse(
            found, filename=found.name, content_disposition_type="inline", headers={"Cache-Control": keeping}
        )

    for address in ("/file={path:path}", "/file/{path:path}"):
        api.add_api_route(address, file, methods=["GET"], include_in_schema=False)
    return api
