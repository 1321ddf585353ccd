"""Every model file there is, by kind. No torch."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from modules.base.errors import UnknownName
from modules.models.catalog import VAE_ENDINGS, Catalog, ModelFile
from modules.models.faces import files as faces
from modules.models.header import sniff
from modules.models.upscaling.files import BUILT_IN, find
from modules.models.user_metadata import beside, read_user_metadata

TRAINERS_HASH = "sshs_model_hash"      # of the tensors alone, as kohya-ss writes it
HASH = re.compile(r"[0-9a-f]{8,64}")


@dataclass(frozen=True)
class Library:
    checkpoints: Catalog
    vaes: Catalog
    loras: Catalog
    embeddings: Catalog
    hypernetworks: Catalog
    approximations: Path = Path("VAE-approx")      # where TAESD's files are, if the user has any
    upscaler_folders: tuple[Path, ...] = ()
    homes: tuple[Path, ...] = ()                   # folders like models/, which hold those of face restorers

    def refresh(self) -> None:
        for catalog in vars(self).values():
            if isinstance(catalog, Catalog):
                catalog.refresh()

    def by_kind(self) -> dict[str, Catalog]:
        """The catalogs by what the card pickers and the index call their kinds."""
        return {
            "checkpoint": self.checkpoints, "vae": self.vaes, "lora": self.loras,
            "embedding": self.embeddings, "hypernetwork": self.hypernetworks,
        }

    def upscalers(self) -> list[str]:
        """What enlarges pictures, by the names shown: what needs no model, then the models there are now."""
        return list(dict.fromkeys((*BUILT_IN, *find(self.upscaler_folders))))

    def upscaler(self, name: str) -> str:
        """The name as shown, whatever its case. Raises UnknownName."""
        if name in BUILT_IN:
            return name
        known = self.upscalers()
        found = next((each for each in known if each.casefold() == name.casefold()), None)
        if found is None:
            raise UnknownName("upscaler", name, known)
        return found

    def face_restorers(self) -> list[faces.Restorer]:
        """Those there are now, by the file of each."""
        return faces.present(self.homes)

    def face_restorer(self, name: str) -> None:
        """Can it restore? Raises UnknownName, or ModelMissing that says which file to put where."""
        faces.find(name, self.homes)

    def lora(self, name: str) -> ModelFile | None:
        """By its file's name, the alias its trainer gave it, its hash, or that of its tensors."""
        return self.loras.named(name) or next((file for file in self.loras.list() if file.alias == name), None) or self.lora_of_hash(name)

    def lora_of_hash(self, begin: str) -> ModelFile | None:
        """By how its `lora_hash` begins, as far as that is known without hashing the file."""
        if not HASH.fullmatch(begin):
            return None
        hashed = self.loras.hashes.with_tensors(begin)
        return next((file for file in self.loras.list() if file.path in hashed or file.metadata.get(TRAINERS_HASH, "").startswith(begin)), None)

    def lora_hash(self, file: ModelFile) -> str:
        """The hash that generation data shows: what its trainer wrote, else of its tensors alone. What has no header has no other."""
        if file.problem or sniff(file.path) != "safetensors":
            return self.loras.hashes.sha256(file.path)
        return file.metadata.get(TRAINERS_HASH) or self.loras.hashes.sha256_of_tensors(file.path)

    def vae_for(self, checkpoint: ModelFile, wanted: str, preference_first: bool = False) -> ModelFile | None:
        """The VAE file that the setting `sd_vae` means for a checkpoint; None is its own. Raises UnknownName.

        "Automatic" is what the user prefers with this checkpoint, else a file of its name: beside it, or among the VAEs.
        preference_first: either goes before what the setting names
        """
        if wanted == "Automatic" or preference_first:
            preferred = self._preference(checkpoint)
            if not preferred and (like := self._named_like(checkpoint)):
                return self.vaes.hashed(like)
            wanted = preferred or wanted
        return None if wanted in ("", "None", "Automatic") else self.vaes.hashed(self.vaes.find(wanted))

    def _preference(self, checkpoint: ModelFile) -> str:
        """The VAE that `name.json` beside the checkpoint names, if it is there."""
        path = checkpoint.path
        name = read_user_metadata(beside(path, path.parent, {f"{path.stem}.json"}).files).vae
        return name if name == "None" or self.vaes.named(name) else ""

    def _named_like(self, checkpoint: ModelFile) -> ModelFile | None:
        beside = {checkpoint.path.with_name(checkpoint.path.stem + ending) for ending in VAE_ENDINGS}
        same = [file for file in self.vaes.list() if self.vaes.kind.stem(file.path) == checkpoint.path.stem]
        return next((file for file in same if file.path in beside), same[0] if same else None)
