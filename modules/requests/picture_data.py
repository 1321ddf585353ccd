"""Generation data in a picture's file, whichever program wrote them."""

from __future__ import annotations

from modules.imaging.read import Metadata
from modules.metadata.contents import picture_contents
from modules.metadata.dialects.dialect import USUAL_KEY


def picture_metadata(content: bytes) -> Metadata:
    """Return a picture's metadata, for page and API. Raises InvalidImage or TooLarge."""
    found = picture_contents(content)
    items = {each.keyword: each.text for each in found.texts}
    return Metadata(found.pasted, {key: text for key, text in items.items() if key != USUAL_KEY})
