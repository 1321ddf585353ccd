"""The library: all model files, by kind. No torch."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from modules.base.errors import ModelCorrupt, ModelMissing, UnknownName
from modules.library.catalog import QUICKLY_HASHED, Catalog, Meant, ModelFile, is_hash, meant_file, smallest_first
from modules.library.face_restorers import FaceRestorer, find_face_files, present_restorers, refresh_restorers
from modules.library.model_kinds import MODEL_KINDS, ModelKind, first_file, kind_folders, program_folders
from modules.library.safetensors_header import sniff
from modules.library.upscalers import BUILT_IN, upscaler_files
from modules.library.user_metadata import read_user_metadata, sidecar_files
from modules.settings.flags import Flags
from modules.store.hashes import TENSORS, HashCache

TRAINERS_HASH = "sshs_model_hash"      # hash of the tensors alone, written by kohya-ss
AUTOMATIC_VAE = ("Automatic", "auto")      # of the setting sd_vae, today and in A1111's first versions
T = TypeVar("T")


def trainers_hash(file: ModelFile) -> str:
    """Return the hash in a LoRA's header; "" if there is none, or one that many files have."""
    written = file.metadata.get(TRAINERS_HASH, "").lower()
    return written if is_hash(written) else ""


@dataclass(frozen=True)
class Library:
    """All model files.

    catalogs: the name of a kind → its files; approximations: the folder of TAESD's files, if the user has any
    """

    catalogs: Mapping[str, Catalog]
    approximations: Path = Path("VAE-approx")

    def of(self, kind: str) -> Catalog:
        """Return the catalog of one kind. Raises UnknownName."""
        if kind not in self.catalogs:
            raise UnknownName("kind of model", kind, self.catalogs)
        return self.catalogs[kind]

    @property
    def kinds(self) -> tuple[ModelKind, ...]:
        return tuple(catalog.kind for catalog in self.catalogs.values())

    @property
    def checkpoints(self) -> Catalog:
        return self.of("checkpoint")

    @property
    def vaes(self) -> Catalog:
        return self.of("vae")

    @property
    def loras(self) -> Catalog:
        return self.of("lora")

    @property
    def embeddings(self) -> Catalog:
        return self.of("embedding")

    @property
    def hypernetworks(self) -> Catalog:
        return self.of("hypernetwork")

    def once(self, key: Hashable, find: Callable[[], T]) -> T:
        """Return the result of `find`, computed anew each time, since files come and go."""
        return find()

    def refresh(self) -> None:
        for catalog in self.catalogs.values():
            catalog.refresh()

    def upscalers(self) -> list[str]:
        """Return the upscalers' names: those without a model, then the models there are now."""
        self.of("upscaler").refresh()
        return self.listed_upscalers()

    def listed_upscalers(self) -> list[str]:
        """Return the same as of the last look into the folders."""
        return list(dict.fromkeys((*BUILT_IN, *upscaler_files(self.of("upscaler")))))

    def upscaler(self, name: str) -> str:
        """Return an upscaler's exact name, found in any case. Raises UnknownName."""
        if name in BUILT_IN:
            return name
        known = self.upscalers()
        found = next((each for each in known if each.casefold() == name.casefold()), None)
        if found is None:
            raise UnknownName("upscaler", name, known)
        return found

    def face_restorers(self) -> list[FaceRestorer]:
        """Return the face restorers whose files are here now."""
        refresh_restorers(self.catalogs)
        return present_restorers(self.catalogs)

    def face_restorer(self, name: str) -> None:
        """Check that a restorer is usable. Raises UnknownName, or ModelMissing with a hint on the missing file."""
        refresh_restorers(self.catalogs)
        find_face_files(name, self.catalogs)

    def lora(self, name: str) -> ModelFile | None:
        """Return a LoRA by file name, trainer's alias, hash, or tensors' hash; a hash of several files finds none."""
        if named := self._loras_named(name):
            return named[0]
        hashed = self.loras_of_hash(name)
        return hashed[0] if len(hashed) == 1 else None

    def lora_meant(self, name: str, begin: str = "") -> Meant:
        """Return the LoRA for a name and a hash of either kind in generation data."""
        return meant_file(self._loras_named(name), self.loras_of_hash(begin.lower()))

    def learn_loras(self, begins: Iterable[str]) -> None:
        """Hash small LoRAs without a hash, if one of these hashes is not known."""
        if all(self.loras_of_hash(begin) for begin in map(str.lower, begins) if is_hash(begin)):
            return
        remembered = {path for path, _, _ in self.loras.hashes.all_known()}
        unknown = (
            file
            for file in self.loras.list()
            if not file.problem and not trainers_hash(file) and f"{file.path}{TENSORS}" not in remembered
        )
        for file in smallest_first(unknown, QUICKLY_HASHED):
            self.lora_hash(file)

    def loras_of_hash(self, begin: str) -> list[ModelFile]:
        """Return the LoRAs whose `lora_hash` or SHA-256 begins so, as far as it is known without hashing."""
        if not is_hash(begin):
            return []
        remembered = self.loras.hashes.with_tensors(begin)
        files = self.loras.list()
        return [
            file
            for file in files
            if file.path in remembered or trainers_hash(file).startswith(begin) or (file.sha256 or "").startswith(begin)
        ]

    def lora_hash(self, file: ModelFile) -> str:
        """Return the hash for generation data: the trainer's, else that of the tensors alone.

        A file without a header has only the hash of the whole.
        """
        if file.problem or sniff(file.path) != "safetensors":
            return self.loras.hashed(file).sha256 or ""
        return trainers_hash(file) or self.loras.hashes.sha256_of_tensors(file.path)

    def _loras_named(self, name: str) -> Sequence[ModelFile]:
        return self.loras.all_named(name) or [file for file in self.loras.list() if file.alias == name]

    def vae_for(self, checkpoint: ModelFile, wanted: str, preference_first: bool = False) -> ModelFile | None:
        """Return the VAE file of the setting `sd_vae` for a checkpoint; None is its own. Raises UnknownName.

        "Automatic", once "auto", is the user's preference for this checkpoint, else a file of its name: beside it, or
        among the VAEs.
        preference_first: either goes before the setting
        """
        if wanted in AUTOMATIC_VAE or preference_first:
            preferred = self._preference(checkpoint)
            if not preferred and (like := self._named_like(checkpoint)):
                return self.vaes.hashed(like)
            wanted = preferred or wanted
        return None if wanted in ("", "None", *AUTOMATIC_VAE) else self.vaes.hashed(self.vaes.find(wanted))

    def _preference(self, checkpoint: ModelFile) -> str:
        """Return the VAE named in `name.json` beside the checkpoint, if it is there."""
        path = checkpoint.path
        name = read_user_metadata(sidecar_files(path, path.parent, {f"{path.stem}.json"}).files).vae
        return name if name == "None" or self.vaes.named(name) else ""

    def _named_like(self, checkpoint: ModelFile) -> ModelFile | None:
        same = [
            file
            for file in self.vaes.list()
            if not file.problem and self.vaes.kind.stem(file.path) == checkpoint.path.stem
        ]
        return next((file for file in same if file.path.parent == checkpoint.path.parent), same[0] if same else None)


class Remembering(Library):
    """The library for one job of many images: each file is looked up only once."""

    @cached_property
    def _found(self) -> dict[Hashable, Any]:
        return {}

    def once(self, key: Hashable, find: Callable[[], T]) -> T:
        if key not in self._found:
            self._found[key] = find()
        return self._found[key]


def not_here(kind: str, name: str, instead: str) -> str:
    """Return the note on a missing file of a setting; images are made all the same, as in A1111."""
    return f"The settings name a {kind} that is not here, {name!r:.200}: {instead}."


def find_models(flags: Flags, kinds: Sequence[ModelKind] = MODEL_KINDS) -> Library:
    """Return the model files in the folders that the flags name."""
    hashes, folders = HashCache(flags.paths.database), {kind.name: kind_folders(kind, flags) for kind in kinds}
    catalogs = {
        kind.name: Catalog(
            folders[kind.name], hashes, kind, first_file(kind, flags), folders.get(kind.among, ()),
            program_folders(kind, flags),
        )
        for kind in kinds
    }
    return Library(catalogs, flags.paths.vae_approximations)


def named_or_first(library: Library, kind: ModelKind, name: str, missing: str, hint: str) -> ModelFile:
    """Return the file of that name; "" is the first one of its kind.

    missing: says that there is none; hint: what to put where. Raises ModelMissing or ModelCorrupt.
    """
    catalog = library.of(kind.name)
    catalog.refresh()
    found = next(iter(catalog.all_named(name) if name else catalog.list()), None)
    if found is None:
        raise ModelMissing(missing, hint)
    if found.problem:
        raise ModelCorrupt(found.problem, hint)
    return found
