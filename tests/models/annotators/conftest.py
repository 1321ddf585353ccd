"""A folder of preprocessors' networks, and what runs them."""

from __future__ import annotations

import pytest
import torch

from modules.library.catalog import Catalog
from modules.library.library import Library
from modules.library.model_kinds import ANNOTATOR
from modules.models.annotators.annotators import Annotators
from modules.store.hashes import HashCache


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "annotators").mkdir()
    return tmp_path / "annotators"


@pytest.fixture
def annotators(folder, tmp_path):
    found = Library({ANNOTATOR.name: Catalog([folder], HashCache(tmp_path / "hashes.sqlite"), ANNOTATOR)})
    return Annotators(found, torch.device("cpu"))
