"""A1111's `modules.sd_hijack`: what its changes of the model tell, such as embeddings and the length of prompts."""

from __future__ import annotations

from typing import Any

from modules.plugins.host import Host
from modules.surface.binding import bound_host, view
from modules.surface.job_views import IdleTextEncoder


class EmbeddingDatabase:
    """The embeddings in the library, by their words."""

    skipped_embeddings: dict[str, Any] = {}
    embedding_dirs: dict[str, Any] = {}

    @property
    def word_embeddings(self) -> dict[str, Any]:
        return {file.model_name: file for file in bound_host().program.models.embeddings.list()}

    def load_textual_inversion_embeddings(self, force_reload: bool = False, sync_with_sd_model: bool = True) -> None:
        bound_host().program.models.embeddings.refresh()

    def add_embedding_dir(self, path: str) -> None:
        """Embeddings are read from the library's folders."""

    def find_embedding_at_position(self, tokens: Any, offset: int) -> tuple[None, None]:
        return None, None


class StableDiffusionModelHijack:
    """`model_hijack`: Easel changes no model, so there is nothing to put on or to take off."""

    def __init__(self, host: Host) -> None:
        self.embedding_db = EmbeddingDatabase()
        self.comments: list[str] = []
        self.extra_generation_params: dict[str, Any] = {}
        self.layers = self.circular_enabled = self.optimization_method = None
        self.clip = IdleTextEncoder(host)

    def get_prompt_lengths(self, text: str) -> tuple[int, int]:
        """Return the tokens of a prompt, and of how many the chunks have room."""
        from modules.prompts.chunks import CHUNK_LENGTH

        found, count = self.clip.tokenize_line(text)
        return count, len(found) * CHUNK_LENGTH

    def hijack(self, m: Any) -> None: ...
    def undo_hijack(self, m: Any) -> None: ...
    def apply_optimizations(self, option: Any = None) -> None: ...
    def clear_comments(self) -> None:
        self.comments.clear()


def apply_optimizations(option: Any = None) -> str:
    return ""


def undo_optimizations() -> None:
    """Attention is the engine's."""


def __getattr__(name: str) -> Any:
    if name == "model_hijack":
        return view("model_hijack", StableDiffusionModelHijack)
    raise AttributeError(f"module 'modules.sd_hijack' has no attribute {name!r}")
