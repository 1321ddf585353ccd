"""A1111's `modules.ui_prompt_styles`: the row of styles; here it is the page's. Its symbols are here."""

from __future__ import annotations

styles_edit_symbol = "\U0001f58c\ufe0f"
styles_materialize_symbol = "\U0001f4cb"
styles_copy_symbol = "\U0001f4dd"
