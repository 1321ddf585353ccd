import gradio as gr
import pytest

from modules.ui.tabs import settings
from modules.ui.words import Words
from tests.ui.test_form import LISTS

AROUND = 4      # elements of a section besides its controls: column, title, and what gradio puts around neighbours


@pytest.mark.slow
def test_every_setting_is_one_element_of_the_page() -> None:
    """A browser's start takes as long as gradio has elements, times those that it listens to."""
    with gr.Blocks() as page:
        controls = settings.build(LISTS, Words())
    assert set(controls) == set(settings.labels(Words()))
    assert len(page.blocks) <= len(controls) + AROUND * (len(list(settings.sections())) + 1)


@pytest.mark.slow
def test_what_is_withheld_from_members_are_elements_of_the_page() -> None:
    with gr.Blocks() as page:
        settings.build(LISTS, Words())
    there = {block.elem_id for block in page.blocks.values()}
    withheld = settings.element_ids_of_servers()
    assert set(withheld) <= there
    assert {"setting_outdir_samples", "settings_saving-paths", "settings_accounts"} <= set(withheld)
    assert not {"setting_eta_ddim", "settings_sd", "settings_saving-to-dirs"} & set(withheld)
