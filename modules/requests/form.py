"""A form's values by name become a submission; missing values are the page's defaults with that model. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from modules.app.app import App
from modules.base.accounts import Account
from modules.base.errors import Invalid
from modules.base.fields import form_defaults
from modules.base.registry import Registry
from modules.params import scripts
from modules.params.txt2img import Generation
from modules.plugins.native_scripts import all_scripts
from modules.requests.kinds import JOB_KINDS, JobKind
from modules.requests.model_choice import checkpoint_named, standing_checkpoint, suggested
from modules.requests.read_fields import check_known, read_fields
from modules.requests.submit import Submission, settings_given
from modules.settings.options import Settings

Values = Mapping[str, Any]
ScriptValues = tuple[str, Values]      # a script's name and its arguments by name


def read_submission(
    app: App, account: Account, kind: str, given: Values, settings: Values, script: ScriptValues | None = None,
) -> Submission:
    """Return the submission of a form's values. Raises Invalid naming the field."""
    row = JOB_KINDS.get(kind)
    if row is None:
        raise Invalid(
            f"There is no kind of job called {kind!r:.100}.", f"There are: {', '.join(JOB_KINDS.names)}.", field="kind"
        )
    standing = app.data_of(account.name).settings.current
    begun = start_values(app, row, standing, settings_given(settings))
    request = read_fields(row.request, begun | dict(given))
    if script:
        request = with_script(row, request, *script, all_scripts(app.extensions))
    return Submission(row.name, request, settings)


def with_script(
    kind: JobKind, request: Any, name: str, arguments: Values, among: Registry[scripts.Script] = scripts.SCRIPTS
) -> Any:
    """Return the request with a script's arguments in the script's order. Raises Invalid naming the argument."""
    if not isinstance(request, Generation):
        raise Invalid(f"{kind.name} takes no script.", "Leave it out.", field="script")
    if name in scripts.NO_SCRIPT:
        return request
    script = scripts.find_script(name, kind.name, among)
    check_known(arguments, list(script.params), "script.")
    chosen: Any = read_fields(script.arguments, arguments, "script.")
    return replace(request, script_name=script.name, script_args=scripts.in_order(chosen))


def start_values(app: App, kind: JobKind, standing: Settings, settings: Values) -> dict[str, Any]:
    """Return the start values of a kind's form: its own defaults, and over them those of the settings' model."""
    if not kind.draws:
        return form_defaults(kind.request)
    name = settings.get("sd_model_checkpoint")
    checkpoint = checkpoint_named(app, name) if isinstance(name, str) else standing_checkpoint(app, standing)
    return form_defaults(kind.request) | suggested(app, checkpoint.sidecar if checkpoint else {}, kind)
