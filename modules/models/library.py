"""Every model file there is, by kind. No torch."""

from __future__ import annotations

from dataclasses import dataclass

from modules.models.catalog import VAE_ENDINGS, Catalog, ModelFile


@dataclass(frozen=True)
class Library:
    checkpoints: Catalog
    vaes: Catalog

    def refresh(self) -> None:
        self.checkpoints.refresh()
        self.vaes.refresh()

    def vae_for(self, checkpoint: ModelFile, wanted: str) -> ModelFile | None:
        """The VAE file that the setting `sd_vae` means for a checkpoint; None is its own. Raises UnknownName.

        "Automatic" is a file of the checkpoint's name: beside it, or among the VAEs.
        """
        if wanted in ("", "None"):
            return None
        found = self._named_like(checkpoint) if wanted == "Automatic" else self.vaes.find(wanted)
        return found and self.vaes.hashed(found)

    def _named_like(self, checkpoint: ModelFile) -> ModelFile | None:
        beside = {checkpoint.path.with_name(checkpoint.path.stem + ending) for ending in VAE_ENDINGS}
        same = [file for file in self.vaes.list() if self.vaes.kind.stem(file.path) == checkpoint.path.stem]
        return next((file for file in same if file.path in beside), same[0] if same else None)
