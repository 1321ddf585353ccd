"""The catalog of model files: listing, finding by name, hashing. No torch; names are never paths."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from math import prod
from pathlib import Path
from threading import Lock
from typing import Any

from modules.base.errors import ModelError, ModelMissing, ModelUnsupported, UnknownName, sentence
from modules.base.limits import MAX_NAME
from modules.library.model_folders import MODEL_ENDINGS, FolderEntry, model_files
from modules.library.model_kinds import CHECKPOINT, EMBEDDING_PICTURES, VAE_ENDINGS, ModelKind
from modules.library.safetensors_header import is_named_safetensors, read_header, read_header_metadata, sniff
from modules.store.hashes import HashCache

SHORTEST_HASH = 8            # digits
LARGEST_SIDECAR = 2**20      # bytes
SMALL_COPY = 64 * 2**20      # bytes; larger files without a hash are not compared as copies
FEWEST_LETTERS = 3           # letters and digits in a part of a name that is enough to find a file
# of a checkpoint's UNet: (width, channels it sees, 3, 3)
FIRST_CONVOLUTION = "model.diffusion_model.input_blocks.0.0.weight"
AVERAGED = "model_ema."      # begins the names of a checkpoint's second copy of its weights, which nobody loads
PICTURE_AND_LATENT = 8       # channels that a UNet sees which edits pictures
HASH_IN_TITLE = re.compile(r"\[([0-9a-f]{8,64})\]\Z")
HASH_OF_NOTHING = hashlib.sha256(b"").hexdigest()      # some trainers write it into every file
QUICKLY_HASHED = 256 * 2**20      # total bytes of unhashed files that a search by hash may read


def is_hash(begin: str) -> bool:
    """Return whether a text is the beginning of a SHA-256, long enough to identify a file."""
    return bool(re.fullmatch(r"[0-9a-f]{8,64}", begin)) and not HASH_OF_NOTHING.startswith(begin)


@dataclass(frozen=True)
class ModelFile:
    """One model file."""

    path: Path
    name: str                     # relative to its folder, as in A1111's lists
    sha256: str | None = None     # once it is computed
    problem: str = ""             # why it cannot be used, as far as its first bytes show
    size: int = 0                 # bytes

    @property
    def model_name(self) -> str:
        return self.path.stem

    @property
    def names(self) -> tuple[str, str, str]:
        """Its names, the shortest first: with or without folders and extension."""
        return self.model_name, self.name.rpartition(".")[0], self.name

    @property
    def flat_name(self) -> str:
        """`sub_name`: the model_name of a checkpoint in a folder in A1111's API."""
        return self.name.rpartition(".")[0].replace("/", "_")

    @property
    def shorthash(self) -> str:
        return (self.sha256 or "")[:10]

    @property
    def title(self) -> str:
        return f"{self.name} [{self.shorthash}]" if self.sha256 else self.name

    @property
    def short_title(self) -> str:
        return f"{self.model_name} [{self.shorthash}]"

    @property
    def config(self) -> Path | None:
        """The A1111-style .yaml beside it."""
        path = self.path.with_suffix(".yaml")
        return path if path.is_file() else None

    @cached_property
    def metadata(self) -> dict[str, str]:
        """The safetensors header's metadata; empty for other files, and broken or vanished ones."""
        try:
            return {} if self.problem else read_header_metadata(self.path) if is_named_safetensors(self.path) else {}
        except (ModelError, OSError):
            return {}

    @cached_property
    def edits_pictures(self) -> bool:
        """Whether it edits by instruction (InstructPix2Pix): its UNet sees the picture beside the latent.

        Of a file that is no safetensors the name tells.
        """
        if self.problem or not is_named_safetensors(self.path):
            return "pix2pix" in self.name.casefold()
        try:
            return read_header(self.path).shapes.get(FIRST_CONVOLUTION, ())[1:2] == (PICTURE_AND_LATENT,)
        except (ModelError, OSError):
            return False

    @cached_property
    def weights(self) -> int:
        """The number of a checkpoint's weights; 0 where only torch could tell, as of a file that is no safetensors."""
        try:
            shapes = {} if self.problem or not is_named_safetensors(self.path) else read_header(self.path).shapes
        except (ModelError, OSError):
            return 0
        return sum(prod(shape) for name, shape in shapes.items() if not name.startswith(AVERAGED))

    @property
    def alias(self) -> str:
        """The name that its trainer gave it."""
        return self.metadata.get("ss_output_name", "")

    @cached_property
    def words(self) -> tuple[str, ...]:
        """An embedding's words in prompts: its file's name, and the name inside a picture that carries one.

        Other pictures have none.
        """
        if self.problem or self.path.suffix.casefold() not in EMBEDDING_PICTURES:
            return (self.model_name,)
        from modules.networks.embedding import Embedding  # needs torch

        try:
            inside = Embedding.read(self.path.name, self.path.read_bytes()).name
        except ModelUnsupported:      # a preview
            return ()
        except (ModelError, OSError):
            return (self.model_name,)
        return tuple(dict.fromkeys((self.model_name, inside)))

    @cached_property
    def sidecar(self) -> dict[str, Any]:
        """The content of `name.json` beside it: A1111's user metadata, and our `defaults` and `examples`."""
        return small_json(self.path.with_suffix(".json"))


def small_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in a small file; {} if there is none that can be read."""
    try:
        if path.stat().st_size > LARGEST_SIDECAR:
            return {}
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


@dataclass(frozen=True, slots=True)
class Meant:
    """The local file for a name and a hash in generation data.

    copies: the files that have the hash, if there are several and none has the name
    differs: True if the file has the name, but another hash
    """

    file: ModelFile | None
    copies: tuple[ModelFile, ...] = ()
    differs: bool = False


def meant_file(named: Sequence[ModelFile], hashed: Sequence[ModelFile]) -> Meant:
    """Return a file with both the name and the hash, else the only one with the hash, else the first with the name."""
    paths = {file.path for file in hashed}
    if both := [file for file in named if file.path in paths]:
        return Meant(both[0])
    if len(hashed) == 1:
        return Meant(hashed[0])
    return Meant(named[0]) if named else Meant(None, copies=tuple(hashed))


class Catalog:
    """The files of one kind in some folders, including unusable ones, with their problems.

    `refresh` replaces the list as a whole, so any thread may read it.
    """

    def __init__(
        self, roots: Sequence[Path], hashes: HashCache, kind: ModelKind = CHECKPOINT,
        first: Path | None = None, others: Sequence[Path] = (), program: Sequence[Path] = (),
    ) -> None:
        """first: a file outside the folders, at the head of the list

        others: the folders of another kind that hold some files of this kind too
        program: those of the folders that are the program's, so that nothing is written there
        """
        self.roots, self.hashes, self.kind, self.first = tuple(roots), hashes, kind, first
        self.others, self.program = tuple(others), tuple(program)
        self._files: tuple[ModelFile, ...] = ()
        self._titles: tuple[Sequence[ModelFile], Mapping[str, Sequence[ModelFile]]] = (self._files, {})
        self._default: Path | None = None
        self._changing = Lock()      # of the list
        self.refresh()

    def refresh(self) -> None:
        """List the folders anew. A hash that is found meanwhile stays known: a job may name its model by it."""
        outside = (
            [FolderEntry(self.first, self.first.name, self.first.stat())] if self.first and self.first.is_file() else []
        )
        at_home = (entry for root in self.roots for entry in files_of_kind(root, self.kind))
        abroad = (entry for root in self.others for entry in files_among_others(root, self.kind))
        found = {entry.path: entry for entry in chain(outside, at_home, abroad)}
        known = self.hashes.all_known()
        files = list(self._without_copies([listed_file(entry, known) for entry in found.values()]))
        with self._changing:
            known = self.hashes.all_known()
            self._files = tuple(with_hash(file, known_hash(found[file.path], known)) for file in files)
        usable = [file for file in self._files if not file.problem]
        if self._default not in {file.path for file in usable}:
            self._default = self._first_of(usable, named=bool(outside))

    def _first_of(self, usable: Sequence[ModelFile], named: bool) -> Path | None:
        """Return what draws until somebody chooses: of the first folder's files one that welcomes newcomers, if any.

        Its .json has `"welcomes": true`, as that of the model that ships. Other kinds are not asked.
        named: a file was named at the start, and is the first
        """
        asked = self.kind is CHECKPOINT and not named
        own = (file for file in usable if asked and file.path.is_relative_to(self.roots[0]))
        found = next((file for file in own if file.sidecar.get("welcomes")), next(iter(usable), None))
        return found.path if found else None

    def _without_copies(self, files: Sequence[ModelFile]) -> Iterator[ModelFile]:
        """Yield the files; of copies with the same name in several folders, such as the shipped model's, the first.

        Large files without a hash are not compared.
        """
        seen: dict[tuple[str, int], list[ModelFile]] = {}
        for file in files:
            others = seen.setdefault((file.name, file.size), [])
            if not any(self._same_content(file, other) for other in others):
                others.append(file)
                yield file

    def _same_content(self, one: ModelFile, other: ModelFile) -> bool:
        if one.problem or other.problem:
            return False
        if one.size > SMALL_COPY:
            return one.sha256 is not None and one.sha256 == other.sha256
        try:
            return self.hashes.sha256(one.path) == self.hashes.sha256(other.path)
        except OSError:
            return False

    def list(self) -> Sequence[ModelFile]:
        return list(self._files)

    def list_and_again(self) -> Iterator[Sequence[ModelFile]]:
        """Yield the list, then for who has not found a file in it the list of the folders as they are now."""
        yield self.list()
        self.refresh()
        yield self.list()

    @property
    def state(self) -> object:
        """A value that is another one once the list has changed."""
        return self._files

    def _usable_first(self) -> Sequence[ModelFile]:
        return sorted(self._files, key=lambda file: bool(file.problem))

    def default(self) -> ModelFile | None:
        """Return the first usable file, rather one for newcomers; as long as it exists, no later file replaces it."""
        return next((file for file in self._files if file.path == self._default), None)

    def find(self, name: str) -> ModelFile:
        """Return the file of a title, name, stem or hash; without a hash, else by a part of its name.

        As in A1111 the shortest match is chosen, by its beginning first. A title's name goes before its hash if no file
        has the hash: its content may have changed. Raises UnknownName.
        """
        bare, begin = self.split_title(name)
        if exact := self._titled(name):
            return exact[0]
        hashed = self.of_hash(begin)
        if file := meant_file(self._titled(bare), hashed).file or next(iter(hashed), None):
            return file
        similar = None if begin else self._similar(bare)
        if similar is None:
            raise UnknownName(self.kind.label, name, [file.title for file in self._files])
        return similar

    def _similar(self, part: str) -> ModelFile | None:
        if sum(map(str.isalnum, part[:MAX_NAME])) < FEWEST_LETTERS:
            return None
        similar = [file for file in self._files if part in file.name]
        return min(
            similar, key=lambda file: (bool(file.problem), not file.name.startswith(part), len(file.name)), default=None
        )

    @staticmethod
    def split_title(name: str) -> tuple[str, str]:
        """Split `name [hash]`; the hash is "" if there is none."""
        title = name.strip()
        found = HASH_IN_TITLE.search(title)
        return (title[:found.start()].rstrip(), found[1]) if found else (title, "")

    def meant(self, name: str, begin: str = "") -> Meant:
        """Return the file for a name and the beginning of a SHA-256 in generation data."""
        begin = begin.lower()
        found = meant_file(self.all_named(name), self.of_hash(begin))
        own = (found.file and found.file.sha256) or begin
        return replace(found, differs=is_hash(begin) and len(begin) > SHORTEST_HASH and not own.startswith(begin))

    def of_hash(self, begin: str) -> Sequence[ModelFile]:
        """Return the files whose SHA-256 begins so, as far as it is known."""
        return [file for file in self._files if is_hash(begin) and (file.sha256 or "").startswith(begin)]

    def learn(self, begin: str) -> None:
        """Hash small files without a hash, if no known file has this one."""
        if is_hash(begin) and not self.of_hash(begin):
            for file in smallest_first(
                (file for file in self._files if not file.sha256 and not file.problem), QUICKLY_HASHED
            ):
                self.hashed(file)

    def all_named(self, name: str) -> Sequence[ModelFile]:
        """Return the files of exactly that name, with or without extension and folders, exact spelling first.

        Case and the composition of accents are then ignored.
        """
        for spelt in (str, folded_name):
            if found := [file for file in self._usable_first() if spelt(name) in map(spelt, file.names)]:
                return found
        return []

    def ships(self, file: ModelFile) -> bool:
        """Return whether the file came with the program and lies outside the user's folders."""
        return any(file.path.is_relative_to(folder) for folder in self.program)

    def named(self, name: str) -> ModelFile | None:
        """Return the first file of exactly that name, else one whose hash begins so."""
        return next(iter(self.all_named(name) or self.of_hash(name)), None)

    def _titled(self, name: str) -> Sequence[ModelFile]:
        files, titles = self._titles
        if files is not self._files:
            files, titles = self._titles = self._files, by_title(self._usable_first())
        return titles.get(name, ())

    def hashed(self, file: ModelFile) -> ModelFile:
        """Return the file with its SHA-256, which the list then contains too.

        Raises ModelMissing if it was removed, or may not be read, and ModelError if its first bytes are no model's.
        They are checked before it is hashed.
        """
        if file.sha256:
            return file
        try:
            file.path.stat()
            look_at(file.path)
            full = replace(file, sha256=self.hashes.sha256(file.path), problem="")
        except OSError as error:
            raise ModelMissing(
                f"{file.name} cannot be read ({error.strerror}).",
                "Refresh the list of models, or check who may read it.",
            ) from error
        with self._changing:
            self._files = tuple(full if other.path == full.path else other for other in self._files)
        return full


def by_title(files: Iterable[ModelFile]) -> Mapping[str, Sequence[ModelFile]]:
    """Return the files by each of their titles, names and hashes."""
    found: dict[str, list[ModelFile]] = {}
    for file in files:
        titles = {file.title, *file.names, file.flat_name, file.sha256 or "", file.shorthash} - {""}
        for title in titles:
            found.setdefault(title, []).append(file)
    return found


def smallest_first(files: Iterable[ModelFile], limit: int) -> Iterator[ModelFile]:
    """Yield the readable files from the smallest on, up to `limit` bytes together."""
    sizes: list[tuple[int, ModelFile]] = []
    for file in files:
        with contextlib.suppress(OSError):
            sizes.append((file.path.stat().st_size, file))
    for size, file in sorted(sizes, key=lambda each: each[0]):
        limit -= size
        if limit < 0:
            return
        yield file


def folded_name(name: str) -> str:
    """Return a name without case and without composed accents."""
    return unicodedata.normalize("NFC", name).casefold()


def is_preview(entry: FolderEntry, entries: Collection[str], kind: ModelKind) -> bool:
    """Return whether it is the preview of a model of that kind beside it."""
    stem, dot, ending = entry.name.rpartition(".")
    weights = (other for other in kind.endings if other not in EMBEDDING_PICTURES)
    return dot + ending.casefold() in EMBEDDING_PICTURES and any(f"{stem}{other}" in entries for other in weights)


def files_of_kind(root: Path, kind: ModelKind) -> Iterator[FolderEntry]:
    """Yield files of a kind below `root`, and possible ones that are left out, with the reason."""
    foreign = tuple(ending for ending in VAE_ENDINGS if ending not in kind.endings)      # VAEs lie among checkpoints
    others = tuple(ending for ending in MODEL_ENDINGS if ending not in kind.endings)
    entries = list(model_files(root, (*kind.endings, *others)))
    names = {entry.name for entry in entries}
    for entry in entries:
        name = entry.name.casefold()
        if name.endswith(foreign) or ".preview." in name or is_preview(entry, names, kind):
            continue
        if name.endswith(others) and not name.endswith(kind.endings) and not entry.problem:
            ends = ", ".join(ending for ending in kind.endings if ending not in (*EMBEDDING_PICTURES, *VAE_ENDINGS))
            entry = replace(entry, problem=f"{entry.name} is left out: the name of a {kind.label} ends in {ends}.")
        yield entry


def files_among_others(root: Path, kind: ModelKind) -> Iterator[FolderEntry]:
    """Yield files of a kind in another kind's folder, identified by their endings."""
    return (entry for entry in model_files(root, kind.marks) if entry.ends_like(kind.marks))


def listed_file(entry: FolderEntry, known: Mapping[tuple[str, int, int], str]) -> ModelFile:
    """Return the file's entry without reading its content beyond the first bytes."""
    if entry.problem or entry.about is None:
        return ModelFile(entry.path, entry.name, problem=entry.problem)
    size, sha256 = entry.about.st_size, known_hash(entry, known)
    try:
        look_at(entry.path)
    except ModelError as error:
        return ModelFile(entry.path, entry.name, sha256, sentence(error), size)
    return ModelFile(entry.path, entry.name, sha256, size=size)


def known_hash(entry: FolderEntry, known: Mapping[tuple[str, int, int], str]) -> str | None:
    """Return the remembered hash of an unchanged file."""
    about = entry.about
    return known.get((str(entry.path), about.st_size, about.st_mtime_ns)) if about and not entry.problem else None


def with_hash(file: ModelFile, sha256: str | None) -> ModelFile:
    return file if file.sha256 == sha256 else replace(file, sha256=sha256)


def look_at(path: Path) -> None:
    """Raise ModelError for a file whose first bytes are no model's; pictures are checked when they are read."""
    if path.suffix.casefold() not in EMBEDDING_PICTURES:
        sniff(path)
