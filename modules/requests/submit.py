"""The one entry for requests: page, API and command line pass a declared request, and get a job's id. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from modules.app.app import App
from modules.app.jobs import ResolvedRequest
from modules.base.accounts import Account
from modules.requests.check_limits import check_admission, check_kind
from modules.requests.expansion import plain_for_script, with_plain_prompts
from modules.requests.extension_scripts import extension_params, told_to_extensions
from modules.requests.kinds import JOB_KINDS
from modules.requests.model_choice import with_checkpoint_here
from modules.requests.picture_count import picture_count
from modules.requests.plot_jobs import earlier_cells
from modules.settings.options import SETTING_NAMES, Settings, check_own_settings, for_request


@dataclass(frozen=True)
class Submission:
    """A request and its options.

    kind: one of JOB_KINDS; request: a value of the class that the kind declares
    settings: settings for this request alone, by name; null is the account's own, unknown names are noted and ignored
    save: also into the outputs folder; task_id: an id of the caller's own, "" draws one
    """

    kind: str
    request: Any
    settings: Mapping[str, Any] = field(default_factory=dict)
    save: bool = True
    task_id: str = ""
    # arguments of extensions' always-on scripts, as in A1111's `alwayson_scripts`
    scripts: Mapping[str, Any] = field(default_factory=dict)
    over_api: bool = False      # by a program that speaks A1111's API, which extensions are told


@dataclass(frozen=True)
class Submitted:
    """A job's id, the settings it runs with, and remarks for the person."""

    job: str
    settings: Settings
    notes: tuple[str, ...] = ()


def submit(app: App, asked: Submission, account: Account) -> Submitted:
    """Resolve a request and record it as a job.

    Raises Invalid, UnknownName, Forbidden, OverQuota, InvalidImage, TooLarge or ModelError.
    """
    resolved, missing = resolved_submission(app, asked, account)
    outputs, pictures = earlier_cells(app, resolved, account), picture_count(resolved, app.extensions)
    job = app.jobs.submit(replace(resolved, outputs=outputs, pictures=pictures), account)
    app.jobs.warn(job, missing)
    known = SETTING_NAMES | app.extensions.options.keys()
    unknown = sorted(name for name in settings_given(asked.settings) if name not in known)
    notes = tuple(f"There is no setting called {name!r}; it was ignored." for name in unknown)
    return Submitted(job, resolved.settings, notes)


def resolved_submission(
    app: App, asked: Submission, account: Account
) -> tuple[ResolvedRequest, Sequence[str]]:
    """Return a request as it would be recorded, and remarks on what is missing. Raises as `submit` does."""
    kind, mine = JOB_KINDS[asked.kind], app.data_of(account.name)
    check_kind(app, account, kind)
    given = settings_given(asked.settings)
    if not account.is_local:
        check_own_settings(given)
    known = {name: value for name, value in given.items() if name in SETTING_NAMES}
    settings, missing = for_request(mine.settings.current, known), list[str]()
    if kind.draws:
        settings, missing = with_checkpoint_here(app, settings, known)
    request, told, notes = extension_params(app.extensions, kind.name, asked.request, asked.scripts)
    request, templates = plain_for_script(mine, request, settings)
    told |= told_to_extensions(app.extensions, given, asked.over_api)
    params = with_plain_prompts(mine, kind.resolve(app, request, mine) | templates, settings) | told
    check_admission(app, account, kind, params, asked.save and settings.samples_save)
    return ResolvedRequest(kind.name, params, settings, asked.save, asked.task_id), [*missing, *notes]


def settings_given(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that are given: not null, nor a checkpoint with an empty name."""
    return {
        name: value
        for name, value in values.items()
        if value is not None and (name, value) != ("sd_model_checkpoint", "")
    }
