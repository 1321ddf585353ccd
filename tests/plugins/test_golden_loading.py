"""Loading calls extensions as A1111 records it: its trace of a start, and its replies at an extension's addresses."""

from __future__ import annotations

import json
import shutil
import sys

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from modules.api.extension_routes import ExtensionRoutes, start_extension_routes
from modules.base.accounts import LOCAL_ACCOUNT
from modules.commands.assemble import assemble
from modules.settings.flags import Flags
from tests.golden_data import GOLDEN

pytestmark = pytest.mark.slow       # it builds the page

HOOKS = GOLDEN / "hooks"
LISTENING = """
from modules import script_callbacks

heard = []
script_callbacks.on_after_component(lambda component, **kwargs: heard.append(component.elem_id))
"""
NOT_DRAWN = {"postprocessing_ui", "ui_train_tabs"}      # Easel's page has other places for these


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    """A program whose page is built with them and one that hears of components, and its application."""
    from modules.ui import page

    data = tmp_path_factory.mktemp("data")
    for name in ("trace", "own-route"):
        shutil.copytree(HOOKS / name / "extension", data / "extensions" / name)
    listening = data / "extensions" / "listening" / "scripts" / "listening.py"
    listening.parent.mkdir(parents=True)
    listening.write_text(LISTENING)
    app, api = assemble(Flags(data_dir=data)), FastAPI()
    app.extensions.load(app, page=True)
    blocks, _ = page.build(app)
    app.extensions.end_loading()
    start_extension_routes(app.extensions, api, blocks)
    app.extensions.tell_model_loaded()
    yield app, api
    app.extensions.unload()


def first_of_each(events):
    return list(dict.fromkeys(event["hook"] for event in events if event["hook"] not in NOT_DRAWN))


def test_a_start_calls_what_a1111_calls_in_its_order(started):
    ours = list(sys.modules["easel_extensions.trace.trace_hooks"].EVENTS)
    theirs = json.loads((HOOKS / "trace-startup/events.json").read_text())
    expected = [each for each in first_of_each(theirs) if each != "model_loaded"]      # there is no checkpoint here
    assert [each for each in first_of_each(ours) if each != "model_loaded"] == expected


def test_the_buttons_below_the_results_are_announced_after_the_form_as_there(started):
    heard = sys.modules["easel_extensions.listening.listening"].heard
    for tab in ("txt2img", "img2img"):
        ids = [f"{tab}_{part}" for part in ("prompt", "generate", "sampling", "seed", "generation_info_button")]
        assert [each for each in heard if each in ids] == ids


def test_scripts_know_their_tab_when_they_draw(started):
    ours = list(sys.modules["easel_extensions.trace.trace_hooks"].EVENTS)
    theirs = json.loads((HOOKS / "trace-startup/events.json").read_text())
    keys = ("by", "is_img2img", "tabname", "is_txt2img", "elem_id")
    drawn = [{tuple(event.get(key) for key in keys) for event in each if event["hook"] == "ui"} for each in (ours, theirs)]
    assert drawn[0] == drawn[1]


def test_an_extensions_addresses_answer_as_in_a1111(started):
    _, api = started
    inner = api.router.default
    assert isinstance(inner, ExtensionRoutes)

    async def with_account(scope, receive, send):
        await inner({**scope, "account": LOCAL_ACCOUNT}, receive, send)

    case, recorded = (json.loads((HOOKS / "own-route" / f"{name}.json").read_text()) for name in ("case", "result"))
    client = TestClient(with_account)
    for (method, path, body), reply in zip(case["requests"], recorded["replies"], strict=True):
        answer = client.request(method, path, json=body)
        assert answer.status_code == reply["status"], path
        found = answer.json()
        if reply["status"] == 422:          # its words are another pydantic's; it names the same field
            assert [each["loc"] for each in found["detail"]] == [each["loc"] for each in reply["json"]["detail"]]
        else:
            assert {**found, "demo": 0} == {**reply["json"], "demo": 0}
