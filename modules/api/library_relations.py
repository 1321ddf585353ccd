"""/easel/v1/library: what a picture was made from, what looks like it, and which pictures are there twice."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request

from modules.api.jobs import JobStarted
from modules.api.library import PictureId, gallery_of, picture_entry, shown_name
from modules.api.routing import account, few_unknown, owner, router
from modules.app.app import App
from modules.app.picture_recorder import MADE_FROM_OTHERS
from modules.base.accounts import Role
from modules.base.limits import Id
from modules.gallery.embeddings import PictureEmbeddings
from modules.gallery.family import relatives_of
from modules.gallery.schema import HERE
from modules.library.image_encoders import find_image_encoder
from modules.params.picture_embedding import PictureEmbedding
from modules.requests.make_again import compare_again, make_again
from modules.requests.submit import Submission, submit

MOST_GROUPS = 500      # of duplicates in one answer


def routes(app: App) -> APIRouter:
    api = router("library", "/easel/v1/library", Role.GUEST)

    @api.get("/pictures/{picture}/family")
    def family(picture: PictureId, request: Request) -> dict[str, Any]:
        """What a picture was made from and what was made of it; edges are parent, child, how."""
        gallery = gallery_of(app, request)
        row = gallery.index.picture(picture)
        if row.job and row.kind in MADE_FROM_OTHERS:
            app.recorder.find_parents(owner(request), row)
        found = relatives_of(gallery, row)
        how = {child: way for _, child, way in found.relations}
        nodes = [
            {
                "id": each.id, "name": shown_name(each), "version": picture_entry(each)["version"],
                "how": how.get(each.id, ""), "kind": each.kind, "missing": each.state != HERE,
            }
            for each in found.members.values()
        ]
        return {"nodes": nodes, "edges": [list(each) for each in sorted(found.relations)]}

    add_likeness(api, app)

    @api.get("/duplicates")
    def duplicates(request: Request) -> dict[str, Any]:
        """Groups of pictures that are the same in content, or in looks and shape; the newest group first."""
        gallery = gallery_of(app, request)
        waiting = gallery.looks.begin()
        groups = gallery.looks.duplicates()[:MOST_GROUPS]
        return {"groups": [[picture_entry(row) for row in rows] for rows in groups], "waiting": waiting}

    @api.post("/pictures/{picture}/again")
    def again(picture: PictureId, request: Request) -> dict[str, str]:
        """Make a picture again, without saving it; the answer has the job."""
        gallery = gallery_of(app, request)
        row = gallery.index.picture(picture)
        return {"job": make_again(app, account(request), row, gallery.index.texts(row.id)[0])}

    @api.get("/pictures/{picture}/again/{job}")
    async def compared(picture: PictureId, job: Id, request: Request) -> dict[str, Any]:
        """How far the picture of that job is the same, pixel by pixel."""
        gallery = gallery_of(app, request)
        row = await asyncio.to_thread(gallery.index.picture, picture)
        record = await asyncio.to_thread(app.jobs.get, job, owner(request))
        path = await asyncio.to_thread(gallery.path_of, row)
        async with app.decoding.room(2 * row.width * row.height):
            return asdict(await asyncio.to_thread(compare_again, row, path, record))

    return api


def add_likeness(api: APIRouter, app: App) -> None:
    @api.get("/pictures/{picture}/similar")
    def similar(
        picture: PictureId, request: Request, limit: Annotated[int, Query(ge=1, le=200)] = 24,
        by: Literal["looks", "content"] = "looks",
    ) -> dict[str, Any]:
        """Pictures that look like one, or show the same, nearest first; `waiting`: those not looked at yet."""
        gallery = gallery_of(app, request)
        row = gallery.index.picture(picture)
        if by == "looks":
            rows, waiting = gallery.looks.similar(row, limit), len(gallery.looks.unknown())
        else:
            known = PictureEmbeddings(gallery.index, find_image_encoder(app.models).name)
            rows, waiting = gallery.index.rows(known.nearest(row.id, limit)), len(known.unknown())
        return {"pictures": [picture_entry(row) for row in rows], "waiting": waiting}

    @api.post("/embeddings")
    def embed(body: Annotated[PictureEmbedding, few_unknown(PictureEmbedding)], request: Request) -> JobStarted:
        """Look at pictures with CLIP's image encoder, as a job; if one is unfinished, that one is answered."""
        caller = account(request)
        begun = app.jobs.store.recent(caller.name, 1, 0, ["embed_pictures"])
        if begun and not begun[0].ended:
            return JobStarted(job=begun[0].id, notes=[])
        submitted = submit(app, Submission("embed_pictures", body), caller)
        return JobStarted(job=submitted.job, notes=list(submitted.notes))
