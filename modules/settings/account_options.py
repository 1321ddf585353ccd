"""Settings of a server for several people: the queue, the safety checker, what accounts may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from modules.base.fields import Checkbox, Choice, Number, Param, Slider

SAFETY_OFF, SAFETY_MARK, SAFETY_BLUR, SAFETY_REFUSE = "Off", "Mark", "Blur", "Refuse"
SAFETY_ACTIONS = (SAFETY_OFF, SAFETY_MARK, SAFETY_BLUR, SAFETY_REFUSE)      # what is done about a flagged picture


@dataclass(frozen=True, kw_only=True)
class AccountSettings:
    """The settings that hold accounts to their shares."""

    queue_administrator_weight: Annotated[float, Param(
        "Administrators: weight in the queue", Slider(0.1, 10, 0.1),
        "Whose weight is twice another's gets twice the work done while both wait.", section="queue", server=True,
    )] = 1.0
    queue_member_weight: Annotated[float, Param(
        "Members: weight in the queue", Slider(0.1, 10, 0.1),
        "Whose weight is twice another's gets twice the work done while both wait.", section="queue", server=True,
    )] = 1.0
    queue_member_pictures: Annotated[int, Param(
        "Members: pictures waiting", Number(0, 1_000_000),
        "So many unfinished pictures an account may have; more are refused until some are done. 0 is any number.",
        section="queue", server=True,
    )] = 400
    queue_member_work: Annotated[float, Param(
        "Members: megapixel-steps an hour", Number(0, 1_000_000_000),
        "What an account may ask for within an hour; a picture of 512 × 512 in 20 steps is 5.2. 0 is any amount.",
        section="queue", server=True,
    )] = 40_000.0
    queue_member_jobs: Annotated[
        int,
        Param(
            "Members: jobs at a time",
            Number(0, 1000),
            "So many jobs of an account are worked on at once; the others wait. 0 is as many as pays.",
            section="queue",
            server=True,
        ),
    ] = 0
    queue_guest_weight: Annotated[float, Param(
        "Guests: weight in the queue", Slider(0.1, 10, 0.1),
        "Whose weight is twice another's gets twice the work done while both wait.", section="queue", server=True,
    )] = 0.5
    queue_guest_pictures: Annotated[int, Param(
        "Guests: pictures waiting", Number(0, 1_000_000),
        "So many unfinished pictures an account may have; more are refused until some are done. 0 is any number.",
        section="queue", server=True,
    )] = 16
    queue_guest_work: Annotated[float, Param(
        "Guests: megapixel-steps an hour", Number(0, 1_000_000_000),
        "What an account may ask for within an hour; a picture of 512 × 512 in 20 steps is 5.2. 0 is any amount.",
        section="queue", server=True,
    )] = 1_000.0
    queue_guest_jobs: Annotated[int, Param(
        "Guests: jobs at a time", Number(0, 1000),
        "So many jobs of an account are worked on at once; the others wait. 0 is as many as pays.",
        section="queue", server=True,
    )] = 1

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
    limit_member_megapixels: Annotated[float, Param(
        "Members: megapixels of a picture", Number(0, 1000),
        "The largest result; 1024 × 1024 is 1.05. 0 is any size that can be drawn.", section="accounts", server=True,
    )] = 0.0
    limit_member_pictures: Annotated[int, Param(
        "Members: pictures of a job", Number(0, 1_000_000), "0 is any number.", section="accounts", server=True,
    )] = 0
    limit_member_steps: Annotated[int, Param(
        "Members: steps", Number(0, 1000), "Of each pass; 0 is any number.", section="accounts", server=True,
    )] = 0
    quota_member_inputs: Annotated[int, Param(
        "Members: megabytes of pictures sent", Number(0, 10_000_000),
        "What jobs start from; of more than that the oldest are deleted that no job needs. 0 is any amount.",
        section="accounts", server=True,
    )] = 2000
    quota_member_storage: Annotated[int, Param(
        "Members: megabytes of pictures made", Number(0, 10_000_000),
        "Of an account's folder of outputs; whoever has as much saves no more. 0 is any amount.",
        section="accounts", server=True,
    )] = 0
    limit_guest_megapixels: Annotated[float, Param(
        "Guests: megapixels of a picture", Number(0, 1000),
        "The largest result; 1024 × 1024 is 1.05. 0 is any size that can be drawn.", section="accounts", server=True,
    )] = 1.1
    limit_guest_pictures: Annotated[int, Param(
        "Guests: pictures of a job", Number(0, 1_000_000), "0 is any number.", section="accounts", server=True,
    )] = 4
    limit_guest_steps: Annotated[int, Param(
        "Guests: steps", Number(0, 1000), "Of each pass; 0 is any number.", section="accounts", server=True,
    )] = 50
    quota_guest_inputs: Annotated[int, Param(
        "Guests: megabytes of pictures sent", Number(0, 10_000_000),
        "What jobs start from; of more than that the oldest are deleted that no job needs. 0 is any amount.",
        section="accounts", server=True,
    )] = 200
    quota_guest_storage: Annotated[int, Param(
        "Guests: megabytes of pictures made", Number(0, 10_000_000),
        "Of an account's folder of outputs; whoever has as much saves no more. 0 is any amount.",
        section="accounts", server=True,
    )] = 0
