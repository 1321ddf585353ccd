"""The Settings tab."""

from __future__ import annotations

from modules.commands.assemble import assemble
from modules.settings.flags import parse
from modules.ui.tabs.settings import applied
from modules.ui.words import Words


def test_the_tab_changes_settings_for_the_first_account_alone(tmp_path):
    app = assemble(parse(["--data-dir", str(tmp_path), "--gradio-auth", "alice:a-secret,bob:b-secret"], {}))
    assert 'class="refused"' in applied(app, "bob", {"eta_ddim": 0.5}, Words()) and app.settings.current.eta_ddim == 0.0
    assert 'role="status"' in applied(app, "alice", {"eta_ddim": 0.5}, Words()) and app.settings.current.eta_ddim == 0.5


def test_the_tab_takes_no_name_of_what_is_not_here(tmp_path):
    app = assemble(parse(["--data-dir", str(tmp_path)], {}))
    assert 'class="refused"' in applied(app, "local", {"upscaler_for_img2img": "nothing", "eta_ddim": 0.5}, Words())
    assert app.settings.current.eta_ddim == 0.0
