"""What forms begin with by an account's own choice."""

from __future__ import annotations

import json
from threading import Barrier, Thread

import pytest

from modules.base.accounts import LOCAL_OWNER
from modules.base.errors import Invalid, UnknownName, Unwritable
from modules.commands.assemble import assemble
from modules.requests.model_choice import form_start
from modules.requests.own_defaults import own_defaults_file, save_own_defaults
from modules.settings.flags import Flags


@pytest.fixture
def app(tmp_path):
    return assemble(Flags(data_dir=tmp_path))


def begins(app, owner=LOCAL_OWNER):
    return form_start(app, None, owner)["defaults"]["txt2img"]


def test_saved_values_are_what_the_form_begins_with_until_they_are_given_back(app):
    mine = app.data_of(LOCAL_OWNER)
    save_own_defaults(app, LOCAL_OWNER, "txt2img", {"steps": 33, "negative_prompt": "grey"})
    assert (begins(app)["steps"], begins(app)["negative_prompt"]) == (33, "grey")
    assert json.loads(own_defaults_file(mine).read_text("utf-8"))["txt2img/Sampling steps/value"] == 33
    save_own_defaults(app, LOCAL_OWNER, "txt2img", {"steps": None})
    assert (begins(app)["steps"], begins(app)["negative_prompt"]) == (20, "grey")


def test_keys_of_others_stay_in_the_file(app):
    mine = app.data_of(LOCAL_OWNER)
    own_defaults_file(mine).write_text('{"customscript/x.py/txt2img/Words/value": "fog"}', "utf-8")
    save_own_defaults(app, LOCAL_OWNER, "txt2img", {"steps": 33})
    assert json.loads(own_defaults_file(mine).read_text("utf-8"))["customscript/x.py/txt2img/Words/value"] == "fog"


def test_each_account_has_its_own(app):
    save_own_defaults(app, "ann", "txt2img", {"steps": 33})
    assert begins(app, "ann")["steps"] == 33
    assert begins(app, "bob")["steps"] == begins(app)["steps"] == 20


@pytest.mark.parametrize("values", [{"steps": "many"}, {"steps": 10**6}, {"no_such_field": 1}, {"styles": ["x"]}])
def test_a_value_that_a_form_could_not_hold_is_refused_and_nothing_is_written(app, values):
    with pytest.raises(Invalid) as refused:
        save_own_defaults(app, LOCAL_OWNER, "txt2img", values)
    assert refused.value.field in values and not own_defaults_file(app.data_of(LOCAL_OWNER)).exists()


def test_an_unknown_tab_and_a_damaged_file_are_named(app):
    mine = app.data_of(LOCAL_OWNER)
    with pytest.raises(UnknownName):
        save_own_defaults(app, LOCAL_OWNER, "no-tab", {})
    own_defaults_file(mine).write_text("{", "utf-8")
    with pytest.raises(Unwritable, match="ui-config.json"):
        save_own_defaults(app, LOCAL_OWNER, "txt2img", {"steps": 33})
    assert begins(app)["steps"] == 20


def test_what_the_file_said_at_the_start_is_given_back_at_once(tmp_path):
    (tmp_path / "ui-config.json").write_text('{"txt2img/Sampling steps/value": 33}', "utf-8")
    app = assemble(Flags(data_dir=tmp_path))
    assert begins(app)["steps"] == 33
    save_own_defaults(app, LOCAL_OWNER, "txt2img", {"steps": None})
    assert begins(app)["steps"] == 20


def test_what_is_chosen_at_the_same_moment_is_all_kept(app):
    """Each of many fields from a thread of its own, and the page that notes its controls meanwhile."""
    chosen = {"steps": 33, "width": 640, "height": 704, "cfg_scale": 9.0, "batch_size": 2, "n_iter": 3}
    app.extensions.ui_config.value("customscript/x.py/txt2img/Words", "fog")      # noted
    begin = Barrier(len(chosen) + 1)

    def choose(name):
        begin.wait(10)
        save_own_defaults(app, LOCAL_OWNER, "txt2img", {name: chosen[name]})

    threads = [Thread(target=choose, args=[name]) for name in chosen]
    for thread in threads:
        thread.start()
    begin.wait(10)
    app.extensions.ui_config.write()
    for thread in threads:
        thread.join(10)
    assert {name: begins(app)[name] for name in chosen} == chosen
    kept = json.loads(own_defaults_file(app.data_of(LOCAL_OWNER)).read_text("utf-8"))
    assert kept["customscript/x.py/txt2img/Words/value"] == "fog"
