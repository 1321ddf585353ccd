"""The settings' patterns of file and folder names, put to use; nothing here knows how a picture is made."""

from __future__ import annotations

from pathlib import Path

from modules.imaging.filename import NameFacts, fill_pattern, folder_names
from modules.imaging.save import Destination
from modules.settings.options import Settings

OUTPUTS_PREFIX = "outputs"      # what A1111's folders begin with; here all are below it


def patterned(folder: Path, facts: NameFacts, settings: Settings, may_replace: bool) -> Destination:
    """Where a picture goes in that folder."""
    decoration = fill_pattern(settings.samples_filename_pattern or usual_pattern(settings), facts)
    numbered = settings.save_images_add_number or not decoration
    return Destination(folder, decoration, numbered, not numbered and may_replace)


def usual_pattern(settings: Settings) -> str:
    return "[seed]" if settings.save_to_dirs else "[seed]-[prompt_spaces]"


def subfolders(facts: NameFacts, settings: Settings) -> tuple[str, ...]:
    return folder_names(fill_pattern(settings.directories_filename_pattern or "[prompt_words]", facts))


def below_outputs(path: str) -> tuple[str, ...]:
    """The parts of a folder as a setting names it."""
    parts = folder_names(path)
    return parts[1:] if parts[:1] == (OUTPUTS_PREFIX,) else parts
