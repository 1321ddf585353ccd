"""Sources of a merge, read in parts: memory that is read through a mapping counts as used until it is unmapped."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from safetensors import safe_open
from torch import Tensor

from modules.library.safetensors_header import sniff
from modules.models.files.state_dict import tensors_in, unpickled
from modules.models.files.tensor_stream import Source, TensorEntry, opened

MAPPED = 2**27      # bytes read through one mapping, about
# names in the first SD1 files
OLD_CLIP = re.compile(r"cond_stage_model\.transformer\.(?=(?:embeddings|encoder|final_layer_norm)\.)")

EMA = "model_ema."  # prefix of the averages of the UNet's weights

Read = Callable[[str], Tensor]
# maps a file anew; an old pickle cannot be mapped
AGAIN: Mapping[str, Callable[[Path], Read]] = {
    "safetensors": lambda path: safe_open(path, "pt").get_tensor,
    "zip": lambda path: tensors_in(path.name, unpickled(path, mapped=True)).__getitem__,
}


class Streamed:
    """A file that is mapped anew now and then."""

    def __init__(self, path: Path, file: Source) -> None:
        self.entries, self.metadata = dict(file.entries), file.metadata
        self._path, self._again = path, AGAIN.get(sniff(path))
        self._read: Read = file.tensor
        self._mapped = 0

    def tensor(self, name: str) -> Tensor:
        if self._again and self._mapped > MAPPED:
            self._read, self._mapped = self._again(self._path), 0
        self._mapped += self.entries[name].size
        return self._read(name)


@contextmanager
def streamed(path: Path) -> Iterator[Streamed]:
    """Open a file. Raises ModelError, naming the file."""
    with opened(path) as file:
        yield Streamed(path, file)


@dataclass(frozen=True, slots=True)
class Renamed:
    """A file under today's names."""

    source: Source
    names: Mapping[str, str]            # today's → the file's
    entries: Mapping[str, TensorEntry]

    @classmethod
    def of(cls, source: Source) -> Renamed:
        entries = source.entries
        names = {OLD_CLIP.sub("cond_stage_model.transformer.text_model.", name): name for name in entries}
        return cls(source, names, {name: entries[theirs] for name, theirs in names.items()})

    @property
    def metadata(self) -> Mapping[str, str]:
        return self.source.metadata

    def tensor(self, name: str) -> Tensor:
        return self.source.tensor(self.names[name])


def averaged(name: str) -> str:
    """Return the name of the average of a UNet's weight: LDM leaves out the dots."""
    return EMA + name.removeprefix("model.").replace(".", "")
