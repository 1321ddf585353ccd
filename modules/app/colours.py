"""The colours of all pages: gradio's, and the small ones for logging in and for accounts."""

from __future__ import annotations

from pathlib import Path

COLOURS = Path(__file__).with_suffix(".css")
