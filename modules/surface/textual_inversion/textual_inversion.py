"""A1111's `modules.textual_inversion.textual_inversion`: embeddings."""

from __future__ import annotations

from modules.surface.sd_hijack import EmbeddingDatabase as EmbeddingDatabase
