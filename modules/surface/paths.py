"""A1111's `modules.paths`: folders, as texts."""

from __future__ import annotations

from modules.surface.paths_internal import __getattr__ as __getattr__
