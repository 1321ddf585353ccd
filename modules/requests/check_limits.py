"""The check of a job against its account's limits: its kind, its size, and its folders. No torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from modules.app.app import App
from modules.app.folders import ServerFolders, allowed_folder
from modules.app.permissions import check_right
from modules.app.storage import check_storage
from modules.base.accounts import Account
from modules.imaging.folders import upright_size
from modules.params.extras import Extras, size_after
from modules.params.hires import hires_target
from modules.params.txt2img import Txt2Img
from modules.requests.kinds import JobKind
from modules.settings.account_limits import AccountLimits, account_limits
from modules.store.migrations import pictures_of

HIRES_SIZES = ("width", "height", "hr_scale", "hr_resize_x", "hr_resize_y")


def check_admission(app: App, account: Account, kind: JobKind, params: Mapping[str, Any], saves: bool) -> None:
    """Check a job before it is recorded, new or asked for again.

    params: those to be recorded; saves: True if its pictures are saved to the outputs
    Raises Forbidden, Invalid or OverQuota.
    """
    check_kind(app, account, kind)
    mine = app.data_of(account.name)
    check_folders(mine.folders, params)
    limits = account_limits(app.settings.current, account.role.name)
    check_limits(limits, params, mine.paths.inputs)
    if saves and kind.device:
        check_storage(limits, mine.outputs)


def check_kind(app: App, account: Account, kind: JobKind) -> None:
    """Raise Forbidden if the account may not have a job of that kind."""
    account.check(kind.may)
    if kind.right:
        check_right(account, app.settings.current, kind.right)


def check_folders(folders: ServerFolders, params: Mapping[str, Any]) -> None:
    """Check a recorded batch's files: their folders may have been closed since. Raises Forbidden or Invalid."""
    for folder in {*batch_folders(params)} if folders.shared else ():
        allowed_folder(folders, folder, "batch_input_dir")


def batch_folders(params: Mapping[str, Any]) -> Iterator[str]:
    batch = params.get("batch") or {"entries": (), "folder": ""}
    if batch["folder"]:
        yield batch["folder"]
    for entry in batch["entries"]:
        yield from (str(Path(name).parent) for name in (entry["image"], entry["mask"]) if Path(name).is_absolute())


def check_limits(limits: AccountLimits, params: Mapping[str, Any], inputs: Path) -> None:
    """Check the parameters' size; the worker checks the rest. Raises Invalid naming the field.

    inputs: the folder of input pictures
    """
    limits.check_pictures(pictures_of(params))
    if "steps" in params:
        limits.check_size(params["width"], params["height"])
        limits.check_steps(params["steps"])
    if params.get("enable_hr"):
        limits.check_size(*hires_target(Txt2Img(**{name: params[name] for name in HIRES_SIZES})).kept)
        limits.check_steps(params["hr_second_pass_steps"])
    if params.get("images") and limits.megapixels:
        extras = Extras(**{each.name: params[each.name] for each in fields(Extras)})
        for name in params["images"] if extras.upscalers else ():
            limits.check_size(*size_after(extras, upright_size(inputs / name)))
