"""The settings' patterns of file and folder names, applied; independent of how a picture is made."""

from __future__ import annotations

from pathlib import Path

from modules.imaging.filename import NameFacts, fill_pattern, folder_names
from modules.imaging.save import Destination
from modules.settings.options import Settings

OUTPUTS_PREFIX = "outputs"      # the start of A1111's folders; here all are below the outputs


def patterned(folder: Path, facts: NameFacts, settings: Settings, may_replace: bool) -> Destination:
    """Return the destination of a picture in that folder."""
    decoration = fill_pattern(settings.samples_filename_pattern or usual_pattern(settings), facts)
    numbered = settings.save_images_add_number or not decoration
    return Destination(folder, decoration, numbered, not numbered and may_replace)


def usual_pattern(settings: Settings) -> str:
    return "[seed]" if settings.save_to_dirs else "[seed]-[prompt_spaces]"


def subfolders(facts: NameFacts, settings: Settings) -> tuple[str, ...]:
    return folder_names(fill_pattern(settings.directories_filename_pattern or "[prompt_words]", facts))


def below_outputs(path: str) -> tuple[str, ...]:
    """Return the parts of a setting's folder, below the outputs."""
    parts = folder_names(path)
    return parts[1:] if parts[:1] == (OUTPUTS_PREFIX,) else parts
