"""The values that a page sends of extensions' controls become arguments of a submission. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from modules.app.app import App
from modules.app.kept_inputs import keep_input
from modules.base.accounts import Account
from modules.params.txt2img import Generation
from modules.plugins.page_values import page_arguments
from modules.plugins.scripts import SCRIPT_TABS
from modules.requests.submit import Submission


def with_page_values(
    app: App, account: Account, asked: Submission, given: Mapping[str, Sequence[Any]]
) -> Submission:
    """Return the submission with the arguments of extensions' scripts.

    given: what their controls hold, by the scripts' titles. Raises Forbidden for another page's file.
    """
    request, scripts, keep = asked.request, dict(asked.scripts), partial(keep_input, app, account)
    for script in app.extensions.scripts(asked.kind) if given and asked.kind in SCRIPT_TABS else ():
        chosen = isinstance(request, Generation) and request.script_name == script.title
        if script.title not in given or not (script.always_on or chosen):
            continue
        app.pages.check_own(account.name, given[script.title])
        arguments = page_arguments(script, given[script.title], keep)
        if script.always_on:
            scripts[script.title] = {"args": arguments}
        else:
            request = replace(request, script_args=tuple(arguments))
    return replace(asked, request=request, scripts=scripts)
