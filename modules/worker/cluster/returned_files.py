"""The files that a machine of the cluster sends, named and written by the server alone.

A worker elsewhere cannot know which number is free in the server's folders: it names files in a folder of its own, and
here each gets the name that the server's own worker would have given it. No torch.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path, PurePosixPath

from modules.app.jobs import output_of
from modules.base.accounts import LOCAL_OWNER
from modules.base.errors import Invalid
from modules.base.files import NoteName, write_atomically, write_new
from modules.engine.messages import RETURNED, JobSpec, Made
from modules.imaging.save import next_number
from modules.store.jobs import GRID
from modules.store.migrations import pictures_of
from modules.store.saving_notes import SavingNotes
from modules.store.step_files import StepFiles

NUMBER_FIRST = re.compile(r"\A\d{5,}(?=-|\Z)")
NUMBER_OF_GRID = re.compile(r"(?<=-)\d{4,}(?=-|\Z)")
OUTPUTS_ROOT, CACHE_ROOT = "outputs", "cache"


@dataclass(frozen=True)
class ReturnedFiles:
    """Writes what workers elsewhere have made into the server's folders."""

    outputs: Path
    cache: Path

    def write(self, spec: JobSpec, made: Made, files: Mapping[str, bytes]) -> Made:
        """Write an output with its files; return its message with the server's paths.

        An output that an earlier life of the worker has sent is not written again.
        files: path in the worker's data folder → content. Raises Invalid for a place outside, DiskFull or Unwritable
        """
        notes = SavingNotes(self.cache)
        StepFiles(self.cache).forget(made.job, made.index)
        shown = [str(self.write_cached(each, files[each])) for each in made.facts.get(RETURNED, ())]
        facts = {**made.facts, RETURNED: shown} if shown else made.facts
        if not made.saved:
            return replace(made, path=str(self.write_cached(made.path, files[made.path])), facts=facts)
        told = replace(made, facts=facts)
        note = notes.writer(made.job, output_of(told))
        path = notes.earlier(made.job, made.index) or self.write_saved(spec, made, files, note)
        return replace(told, path=str(path))

    def keep_steps(self, job: str, index: int, files: Mapping[str, bytes]) -> None:
        """Keep the steps of a picture in the making, for whoever goes on with it. Raises OSError."""
        for name, content in files.items():
            offset = PurePosixPath(name).name
            if offset.isascii() and offset.isdigit():
                StepFiles(self.cache).take(job, index, int(offset[:12]), content)

    def write_saved(self, spec: JobSpec, made: Made, files: Mapping[str, bytes], note: NoteName) -> Path:
        beside = [name for name in files if name not in (made.path, *made.facts.get(RETURNED, ()))]
        stem = PurePosixPath(made.path).stem
        after = [name for name in beside if PurePosixPath(name).stem.startswith(stem)]
        for name in (name for name in beside if name not in after):
            self.write_named(spec, name, files[name], is_numbered(spec, made))
        target = self.below(made.path)
        if replaces(spec, made):
            write_atomically(target, files[made.path], note)
            path = target
        else:
            path = write_new(free_paths(target, is_numbered(spec, made), made.kind), files[made.path], note)
        for name in after:
            own = self.below(name)
            write_atomically(path.with_name(f"{path.stem}{own.stem[len(stem):]}{own.suffix}"), files[name])
        return path

    def write_named(self, spec: JobSpec, name: str, content: bytes, numbered: bool) -> None:
        """Write a file that came before its picture, such as the one before hires fix; an input picture only once."""
        target = self.below(name)
        if numbered and NUMBER_FIRST.match(target.stem):
            write_new(free_paths(target, numbered), content)
        elif not target.exists():
            write_atomically(target, content)

    def write_cached(self, name: str, content: bytes) -> Path:
        path = self.below(name)
        write_atomically(path, content)
        return path

    def below(self, name: str) -> Path:
        """Return the server's path of a file in a worker's outputs or cache. Raises Invalid for any other place."""
        first, *rest = PurePosixPath(name).parts or ("",)
        if first not in (OUTPUTS_ROOT, CACHE_ROOT) or ".." in rest or not rest:
            raise Invalid(f"{name!r:.200} is no file of a worker's outputs.")
        return (self.outputs if first == OUTPUTS_ROOT else self.cache).joinpath(*rest)


def is_numbered(spec: JobSpec, made: Made) -> bool:
    """Return whether an output's name begins with a number that the folder decides."""
    stem, settings = PurePosixPath(made.path).stem, spec.settings
    if made.kind == GRID:
        return True
    if spec.kind == "extras":
        return not (spec.params.get("batch") and settings.get("use_original_name_batch"))
    return bool(settings.get("save_images_add_number", True)) or bool(re.fullmatch(NUMBER_FIRST, stem))


def replaces(spec: JobSpec, made: Made) -> bool:
    """Return whether an output replaces a file of its name, as in `naming.may_replace`."""
    wanted = spec.settings.get("save_images_replace_action") == "Replace" and spec.owner == LOCAL_OWNER
    return wanted and not is_numbered(spec, made) and pictures_of(spec.params) == 1


def free_paths(target: Path, numbered: bool, kind: str = "") -> Iterator[Path]:
    """Yield names like a file's, from the folder's next free number on."""
    found = (NUMBER_OF_GRID.search if kind == GRID else NUMBER_FIRST.match)(target.stem) if numbered else None
    if found is None:
        yield from (target.with_stem(f"{target.stem}-{n}") if n else target for n in count())
        return
    before, after = target.stem[: found.start()], target.stem[found.end() :]
    first = next_of_grid(target.parent, before) if kind == GRID else next_number(target.parent)
    width = 4 if kind == GRID else 5
    for n in count(first):
        yield target.with_stem(f"{before}{n:0{width}}{after}")


def next_of_grid(folder: Path, before: str) -> int:
    """Return one more than the largest number after these letters in a folder."""
    pattern = re.compile(rf"{re.escape(before)}(\d{{1,9}})[-.]")
    taken = folder.iterdir() if folder.is_dir() else ()
    return max((int(found[1]) for path in taken if (found := pattern.match(path.name))), default=-1) + 1
