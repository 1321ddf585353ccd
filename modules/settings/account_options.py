"""Settings of a server for several people: the queue, the safety checker, what accounts may do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from modules.base.fields import Checkbox, Choice, Number, Param, Slider

SAFETY_OFF, SAFETY_MARK, SAFETY_BLUR, SAFETY_REFUSE = "Off", "Mark", "Blur", "Refuse"
SAFETY_ACTIONS = (SAFETY_OFF, SAFETY_MARK, SAFETY_BLUR, SAFETY_REFUSE)      # what is done about a flagged picture


MEMBERS, GUESTS = "Members", "Guests"

# What a role's accounts are held to. Members and guests have a setting each, whose name has the role in its middle.
WEIGHT = Param(
    "weight in the queue", Slider(0.1, 10, 0.1),
    "Whose weight is twice another's gets twice the work done while both wait.", section="queue", server=True,
)
PICTURES_WAITING = Param(
    "pictures waiting", Number(0, 1_000_000),
    "So many unfinished pictures an account may have; more are refused until some are done. 0 is any number.",
    section="queue", server=True,
)
WORK_AN_HOUR = Param(
    "megapixel-steps an hour", Number(0, 1_000_000_000),
    "What an account may ask for within an hour; a picture of 512 × 512 in 20 steps is 5.2. 0 is any amount.",
    section="queue", server=True,
)
JOBS_AT_A_TIME = Param(
    "jobs at a time", Number(0, 1000),
    "So many jobs of an account are worked on at once; the others wait. 0 is as many as pays.",
    section="queue", server=True,
)
MEGAPIXELS = Param(
    "megapixels of a picture", Number(0, 1000),
    "The largest result; 1024 × 1024 is 1.05. 0 is any size that can be drawn.", section="accounts", server=True,
)
PICTURES_OF_A_JOB = Param(
    "pictures of a job", Number(0, 1_000_000), "0 is any number.", section="accounts", server=True,
)
STEPS = Param("steps", Number(0, 1000), "Of each pass; 0 is any number.", section="accounts", server=True)
INPUT_MEGABYTES = Param(
    "megabytes of pictures sent", Number(0, 10_000_000),
    "What jobs start from; of more than that the oldest are deleted that no job needs. 0 is any amount.",
    section="accounts", server=True,
)
STORAGE_MEGABYTES = Param(
    "megabytes of pictures made", Number(0, 10_000_000),
    "Of an account's folder of outputs; whoever has as much saves no more. 0 is any amount.",
    section="accounts", server=True,
)


def of_role(role: str, limit: Param) -> Param:
    """Return the field of one role's limit."""
    return replace(limit, label=f"{role}: {limit.label}")


def role_setting(name: str, role: str) -> str:
    """Return the name of a role's setting, as of "limit_{}_steps".

    role: a name of `Role` but administrator, in any case; an unknown one has the guests' setting
    """
    return name.format("member" if role.lower() == "member" else "guest")


@dataclass(frozen=True, kw_only=True)
class AccountSettings:
    """The settings that hold accounts to their shares."""

    queue_administrator_weight: Annotated[float, of_role("Administrators", WEIGHT)] = 1.0
    queue_member_weight: Annotated[float, of_role(MEMBERS, WEIGHT)] = 1.0
    queue_member_pictures: Annotated[int, of_role(MEMBERS, PICTURES_WAITING)] = 400
    queue_member_work: Annotated[float, of_role(MEMBERS, WORK_AN_HOUR)] = 40_000.0
    queue_member_jobs: Annotated[int, of_role(MEMBERS, JOBS_AT_A_TIME)] = 0
    queue_guest_weight: Annotated[float, of_role(GUESTS, WEIGHT)] = 0.5
    queue_guest_pictures: Annotated[int, of_role(GUESTS, PICTURES_WAITING)] = 16
    queue_guest_work: Annotated[float, of_role(GUESTS, WORK_AN_HOUR)] = 1_000.0
    queue_guest_jobs: Annotated[int, of_role(GUESTS, JOBS_AT_A_TIME)] = 1

    safety_checker_model: Annotated[str, Param(
        "Safety checker", Choice("safety_checkers"),
        "Stable Diffusion's own, a file in models/safety_checker. Empty is the first there is.",
        section="safety-checker", server=True,
    )] = ""
    safety_checker_guest: Annotated[str, Param(
        "Guests: flagged pictures", Choice(SAFETY_ACTIONS),
        "Mark only says so; Blur delivers and saves a blurred picture; Refuse delivers a black one and saves none. "
        "Both show no previews, and draw nothing without the checker's file.",
        section="safety-checker", server=True,
    )] = SAFETY_OFF
    safety_checker_member: Annotated[str, Param(
        "Members: flagged pictures", Choice(SAFETY_ACTIONS), "As for guests.", section="safety-checker", server=True,
    )] = SAFETY_OFF
    safety_checker_administrator: Annotated[str, Param(
        "Administrators: flagged pictures", Choice(SAFETY_ACTIONS),
        "As for guests. Without accounts, everybody's.", section="safety-checker", server=True,
    )] = SAFETY_OFF

    members_make_models: Annotated[bool, Param(
        "Members may make models", Checkbox(), "Merge, convert and extract; else administrators alone.",
        section="accounts", server=True,
    )] = False
    members_train: Annotated[bool, Param(
        "Members may train", Checkbox(), "LoRAs, embeddings and hypernetworks; else administrators alone.",
        section="accounts", server=True,
    )] = False
    members_edit_models: Annotated[bool, Param(
        "Members may edit models' cards", Checkbox(),
        "Write descriptions and previews beside the model files; else administrators alone.",
        section="accounts", server=True,
    )] = False
    limit_member_megapixels: Annotated[float, of_role(MEMBERS, MEGAPIXELS)] = 0.0
    limit_member_pictures: Annotated[int, of_role(MEMBERS, PICTURES_OF_A_JOB)] = 0
    limit_member_steps: Annotated[int, of_role(MEMBERS, STEPS)] = 0
    quota_member_inputs: Annotated[int, of_role(MEMBERS, INPUT_MEGABYTES)] = 2000
    quota_member_storage: Annotated[int, of_role(MEMBERS, STORAGE_MEGABYTES)] = 0
    limit_guest_megapixels: Annotated[float, of_role(GUESTS, MEGAPIXELS)] = 1.1
    limit_guest_pictures: Annotated[int, of_role(GUESTS, PICTURES_OF_A_JOB)] = 4
    limit_guest_steps: Annotated[int, of_role(GUESTS, STEPS)] = 50
    quota_guest_inputs: Annotated[int, of_role(GUESTS, INPUT_MEGABYTES)] = 200
    quota_guest_storage: Annotated[int, of_role(GUESTS, STORAGE_MEGABYTES)] = 0
