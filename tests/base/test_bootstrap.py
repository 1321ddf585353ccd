"""The allocator is chosen once, and nothing that somebody has set is lost."""

from __future__ import annotations

import sys

import pytest

from modules.base.bootstrap import bound_arenas, preload_allocator

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux has LD_PRELOAD")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "libtcmalloc.so.4").touch()
    (tmp_path / "libtcmalloc_minimal.so.4").touch()
    return str(tmp_path)


def test_the_next_process_begins_with_tcmalloc_and_the_one_after_it_is_not_another_one(folder):
    environ = {}
    assert preload_allocator(environ, [folder]) and environ == {"LD_PRELOAD": f"{folder}/libtcmalloc_minimal.so.4"}
    assert not preload_allocator(environ, [folder])


def test_what_else_is_preloaded_stays(folder):
    environ = {"LD_PRELOAD": "/usr/lib/libfaketime.so.1"}
    assert preload_allocator(environ, ["/nowhere", folder])
    assert environ["LD_PRELOAD"] == f"{folder}/libtcmalloc_minimal.so.4:/usr/lib/libfaketime.so.1"


def test_without_the_library_the_environment_stays(tmp_path):
    environ = {}
    assert not preload_allocator(environ, [str(tmp_path)]) and environ == {}


def test_glibcs_arenas_are_bounded_unless_somebody_has_said_how_many():
    chosen, usual, other = {"MALLOC_ARENA_MAX": "8"}, {}, {"LD_PRELOAD": "/lib/libtcmalloc.so.4"}
    for environ in (chosen, usual, other):
        bound_arenas(environ)
    assert (chosen["MALLOC_ARENA_MAX"], usual["MALLOC_ARENA_MAX"]) == ("8", "2") and "MALLOC_ARENA_MAX" not in other
