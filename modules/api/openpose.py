"""Maps of openpose's JSON: the ControlNet extension's route, by which pose editors draw."""

from __future__ import annotations

import asyncio
from typing import Annotated

from annotated_types import Ge, Le, MaxLen
from fastapi import APIRouter
from pydantic import AfterValidator, BaseModel, Field

from modules.api.controlnet import DetectReply, png_of
from modules.api.routing import router
from modules.app.app import App
from modules.base.accounts import Role
from modules.base.errors import Invalid
from modules.base.limits import MAX_SENT
from modules.imaging.control.poses import BODY_POINTS, FACE_POINTS, HAND_POINTS, PosedPerson, points_of, pose_map

MOST_PEOPLE = 20      # of a request's maps together
LARGEST_CANVAS = 4096
CanvasSide = Annotated[int, Ge(1), Le(LARGEST_CANVAS)]
PoseCoordinate = Annotated[float, Ge(-LARGEST_CANVAS), Le(2 * LARGEST_CANVAS), Field(allow_inf_nan=False)]


def checked_points(most: int) -> AfterValidator:
    """Return a validator of x, y and confidence of so many points, or of none."""

    def check(numbers: list[float] | None) -> list[float] | None:
        if numbers and len(numbers) != 3 * most:
            raise ValueError(f"{most} points are {3 * most} numbers, x, y and confidence each, not {len(numbers)}")
        return numbers

    return AfterValidator(check)


PoseNumbers = Annotated[list[PoseCoordinate], MaxLen(3 * FACE_POINTS)]


class PersonBody(BaseModel):
    """A person's points, each x, y and confidence; below 1 one is not seen. What else is said of them is ignored."""

    pose_keypoints_2d: Annotated[PoseNumbers | None, checked_points(BODY_POINTS)] = None
    hand_left_keypoints_2d: Annotated[PoseNumbers | None, checked_points(HAND_POINTS)] = None
    hand_right_keypoints_2d: Annotated[PoseNumbers | None, checked_points(HAND_POINTS)] = None
    face_keypoints_2d: Annotated[PoseNumbers | None, checked_points(FACE_POINTS)] = None


class PoseBody(BaseModel):
    """One map; coordinates are pixels of its canvas, or shares of it if all of a list lie within 0 to 1."""

    people: Annotated[list[PersonBody], MaxLen(MOST_PEOPLE)] = []
    canvas_width: CanvasSide
    canvas_height: CanvasSide


def routes(app: App) -> APIRouter:
    api = router("controlnet", "/controlnet", Role.GUEST)

    @api.post("/render_openpose_json")
    async def render_openpose_json(body: Annotated[list[PoseBody], MaxLen(MAX_SENT)]) -> DetectReply:
        """Draw the map of each pose, as openpose's preprocessors do; animals are not drawn."""
        if sum(len(pose.people) for pose in body) > MOST_PEOPLE:
            raise Invalid(f"At most {MOST_PEOPLE} people are drawn at once.", "Send the poses one by one.", "people")
        async with app.decoding.room(sum(pose.canvas_width * pose.canvas_height for pose in body)):
            return DetectReply(images=[await asyncio.to_thread(rendered_pose, pose) for pose in body])

    return api


def rendered_pose(pose: PoseBody) -> str:
    """Return the map as a PNG file in base64, which keeps its pose in a text called openpose."""
    people = [person_of(each, pose) for each in pose.people]
    return png_of(
        pose_map(people, pose.canvas_width, pose.canvas_height), openpose=pose.model_dump_json(exclude_none=True)
    )


def person_of(person: PersonBody, pose: PoseBody) -> PosedPerson:
    lists = (
        person.pose_keypoints_2d, person.hand_left_keypoints_2d, person.hand_right_keypoints_2d,
        person.face_keypoints_2d,
    )
    return PosedPerson(*(points_of(numbers or (), pose.canvas_width, pose.canvas_height) for numbers in lists))
