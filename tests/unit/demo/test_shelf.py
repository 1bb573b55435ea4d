# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The off-host store of the demo: whole files or none, never one in place of another, no name that leads away."""

from __future__ import annotations

import hashlib
import shutil
import typing as t
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.app.services.shelf import RESERVE, Draft, Kept, Shelf, ShelfError


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "store")


def put(shelf: Shelf, name: str, *chunks: bytes, wanted: str = "") -> Kept:
    draft = Draft(shelf, name)
    try:
        for chunk in chunks:
            draft.add(chunk)
        return draft.keep(wanted)
    finally:
        draft.close()


def refused(shelf: Shelf, name: str, *chunks: bytes, wanted: str = "") -> int:
    with pytest.raises(ShelfError) as raised:
        put(shelf, name, *chunks, wanted=wanted)
    return raised.value.status


def test_a_file_is_kept_whole_and_given_back(shelf: Shelf) -> None:
    digest = hashlib.sha256(b"abcd").hexdigest()
    kept = put(shelf, "racing-1/daily/model_1.pkl", b"ab", b"cd", wanted=digest.upper())

    assert kept == Kept("racing-1/daily/model_1.pkl", 4, digest) == shelf.look(kept.name)
    assert shelf.path_of(kept.name).read_bytes() == b"abcd"
    assert shelf.names() == [{"name": kept.name, "bytes": 4}]

    shelf.remove(kept.name)

    assert shelf.names() == []

    for again in (shelf.look, shelf.remove):
        with pytest.raises(ShelfError, match="no file is kept as racing-1") as raised:
            again(kept.name)
        assert raised.value.status == 404


def test_nothing_takes_the_place_of_a_kept_file(shelf: Shelf) -> None:
    put(shelf, "a/b", b"first")

    assert put(shelf, "a/b", b"first").bytes == 5, "whoever is not sure may send it again"
    assert [
        refused(shelf, "a/b", b"other"),
        refused(shelf, "a", b"x"),
        refused(shelf, "a/b/c", b"x"),
    ] == [409] * 3
    assert shelf.path_of("a/b").read_bytes() == b"first"
    assert [path.name for path in shelf.folder.iterdir()] == ["a"], "no draft is left"


def test_what_did_not_arrive_as_it_was_sent_is_not_kept(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert refused(shelf, "a", b"cut sho", wanted=hashlib.sha256(b"cut short").hexdigest()) == 422

    draft = Draft(shelf, "a")
    draft.add(b"the connection broke")

    assert shelf.names() == []

    draft.close()
    full = shutil.disk_usage("/")._replace(free=RESERVE + 3)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)

    assert put(shelf, "b", b"abc").bytes == 3
    assert refused(shelf, "c", b"abcd") == 507
    assert [path.name for path in shelf.folder.iterdir()] == ["b"]


@pytest.mark.parametrize(
    "name",
    ["", "/etc/passwd", "../x", "a/../b", "a//b", ".hidden", "a/.draft-x", "a b", "a\nb", "-x"],
)
def test_a_name_cannot_lead_away(shelf: Shelf, name: str) -> None:
    assert refused(shelf, name, b"x") == 400


@given(st.text() | st.lists(st.sampled_from(["..", ".", "a", "", "~"])).map("/".join))
def test_whatever_a_name_is_it_lies_below_the_shelf_or_is_refused(name: str) -> None:
    shelf = Shelf(Path("/shelf"))
    path: t.Any = None
    try:
        path = shelf.path_of(name)
    except ShelfError:
        return

    assert path.resolve().is_relative_to("/shelf/") and path != shelf.folder
