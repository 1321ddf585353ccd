"""Functions that extensions want called when a setting changes: A1111's `onchange`."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from modules.base.accounts import LOCAL_ACCOUNT, Account, Role
from modules.base.errors import Invalid
from modules.commands.assemble import assemble
from modules.commands.serve import application
from modules.plugins.host import surface
from modules.requests.settings_change import change_defaults
from modules.settings.flags import Flags

SCRIPT = """
import asyncio

from modules import script_callbacks, shared

HEARD = []

def is_loop():
    try:
        return bool(asyncio.get_running_loop())
    except RuntimeError:
        return False

def declare():
    shared.opts.add_option("fog", shared.OptionInfo(1, "Fog", onchange=lambda: HEARD.append(("fog", shared.opts.fog))))
    shared.opts.add_option("bad", shared.OptionInfo("", "Bad", onchange=lambda: 1 / 0))
    shared.opts.onchange("samples_format", lambda: HEARD.append((shared.opts.samples_format, is_loop())), call=False)

script_callbacks.on_ui_settings(declare)
"""


@pytest.fixture
def app(tmp_path):
    folder = tmp_path / "extensions/listens/scripts"
    folder.mkdir(parents=True)
    (folder / "listens.py").write_text(SCRIPT, "utf-8")
    app = assemble(Flags(data_dir=tmp_path, nowebui=True))
    app.extensions.load(app)
    yield app
    app.extensions.unload()


@pytest.fixture
def heard(app):
    [(_, module)] = app.extensions.modules.values()
    return module.HEARD


def test_a_change_is_heard_of_once_when_it_holds(app, heard):
    change_defaults(app, LOCAL_ACCOUNT, {"fog": 2, "samples_format": "png"}, mine=False)
    change_defaults(app, LOCAL_ACCOUNT, {"fog": 2}, mine=True)
    assert heard == [("fog", 2)]


def test_over_the_api_it_is_called_outside_of_the_event_loop(app, heard):
    client = TestClient(application(app, "http://127.0.0.1"), base_url="http://127.0.0.1")
    assert client.post("/sdapi/v1/options", json={"samples_format": "jpg"}).status_code == 200
    assert heard == [("jpg", False)]


def test_what_is_refused_or_one_accounts_own_is_not_told(app, heard):
    with pytest.raises(Invalid):
        change_defaults(app, LOCAL_ACCOUNT, {"fog": 2, "samples_format": "bmp"}, mine=False)
    change_defaults(app, Account("ann", Role.MEMBER), {"samples_format": "jpg"}, mine=False)
    assert heard == []


def test_an_error_is_told_of_its_extension_and_the_setting_stays(app, heard):
    change_defaults(app, LOCAL_ACCOUNT, {"bad": "x", "fog": 5}, mine=False)
    assert app.settings.foreign["bad"] == "x" and heard == [("fog", 5)]
    assert app.extensions.state_of("listens").told == ["onchange: ZeroDivisionError: division by zero"]


def test_an_extensions_own_change_is_heard_too_unless_it_asks_for_silence(app, heard):
    opts = surface("shared").opts
    assert opts.set("fog", 3) and opts.set("fog", 4, run_callbacks=False) and not opts.set("fog", 4)
    assert heard == [("fog", 3)]
