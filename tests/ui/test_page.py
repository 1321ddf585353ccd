"""The page as gradio builds it."""

from __future__ import annotations

import gradio as gr
from fastapi import FastAPI

from modules.base.accounts import LOCAL_ACCOUNT, Account, Role
from modules.commands.assemble import assemble
from modules.settings.flags import parse_flags
from modules.store.drafts import FORM_DRAFTS
from modules.ui.gradio_sheets import COMPONENTS
from modules.ui.page import Forms, PageBlocks, beginning, build


def test_a_page_is_described_once_it_has_been_mounted(monkeypatch):
    described = []
    monkeypatch.setattr(gr.Blocks, "get_config_file", count(gr.Blocks.get_config_file, described))
    with PageBlocks() as page:
        gr.Textbox(elem_id="prompt")
    assert not described
    gr.mount_gradio_app(FastAPI(), page, path="/", ssr_mode=False)
    assert len(described) == 1
    assert "prompt" in {each["props"].get("elem_id") for each in page.config["components"]}


def test_every_kind_of_component_of_the_page_is_among_those_whose_sheets_are_sent(tmp_path):
    page, _ = build(assemble(parse_flags(["--data-dir", str(tmp_path)], {})))
    kinds = {block.get_block_name() for block in page.blocks.values()}
    assert len(kinds) > 10 and kinds <= {*COMPONENTS, "blocks"}


def test_a_page_begins_with_what_its_own_account_left_on_any_device(tmp_path):
    app = assemble(parse_flags(["--data-dir", str(tmp_path)], {}))
    app.data_of("ann").drafts.write("form", b'{"values": {"prompt": "a fox"}}', "phone", 0)
    ann, bob = (beginning(app, Account(name, Role.GUEST))["drafts"] for name in ("ann", "bob"))
    assert ann["form"]["value"] == {"values": {"prompt": "a fox"}} and bob == {}
    assert beginning(app, LOCAL_ACCOUNT)["drafts"] == {}


def test_each_tabs_form_has_a_draft_of_the_name_that_the_page_gives_it():
    tabs = {*Forms._fields}
    assert {f"form.{tab}" for tab in tabs - {"txt2img"}} | {"form", "training"} == set(FORM_DRAFTS)      # core/boot.js


def count(function, calls):
    def counted(self):
        calls.append(self)
        return function(self)

    return counted
