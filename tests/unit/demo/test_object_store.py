# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The off-host store of the demo: whole files or none, no replacement, safe names."""

from __future__ import annotations

import hashlib
import shutil
import typing as t
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.app.services.object_store import RESERVE, Draft, Kept, ObjectStore, ObjectStoreError


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore(tmp_path / "store")


def put(store: ObjectStore, name: str, *chunks: bytes, wanted: str = "") -> Kept:
    draft = Draft(store, name)
    try:
        for chunk in chunks:
            draft.add(chunk)
        return draft.keep(wanted)
    finally:
        draft.close()


def refused(store: ObjectStore, name: str, *chunks: bytes, wanted: str = "") -> int:
    with pytest.raises(ObjectStoreError) as raised:
        put(store, name, *chunks, wanted=wanted)
    return raised.value.status


def test_a_file_is_kept_whole_and_given_back(store: ObjectStore) -> None:
    digest = hashlib.sha256(b"abcd").hexdigest()
    kept = put(store, "racing-1/daily/model_1.pkl", b"ab", b"cd", wanted=digest.upper())

    assert kept == Kept("racing-1/daily/model_1.pkl", 4, digest) == store.look(kept.name)
    assert store.path_of(kept.name).read_bytes() == b"abcd"
    assert store.names() == [{"name": kept.name, "bytes": 4}]

    store.remove(kept.name)

    assert store.names() == []

    for again in (store.look, store.remove):
        with pytest.raises(ObjectStoreError, match="no file is kept as racing-1") as raised:
            again(kept.name)
        assert raised.value.status == 404


def test_nothing_takes_the_place_of_a_kept_file(store: ObjectStore) -> None:
    put(store, "a/b", b"first")

    assert put(store, "a/b", b"first").bytes == 5, "whoever is not sure may send it again"
    assert [
        refused(store, "a/b", b"other"),
        refused(store, "a", b"x"),
        refused(store, "a/b/c", b"x"),
    ] == [409] * 3
    assert store.path_of("a/b").read_bytes() == b"first"
    assert [path.name for path in store.folder.iterdir()] == ["a"], "no draft is left"


def test_what_did_not_arrive_as_it_was_sent_is_not_kept(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert refused(store, "a", b"cut sho", wanted=hashlib.sha256(b"cut short").hexdigest()) == 422

    draft = Draft(store, "a")
    draft.add(b"the connection broke")

    assert store.names() == []

    draft.close()
    full = shutil.disk_usage("/")._replace(free=RESERVE + 3)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)

    assert put(store, "b", b"abc").bytes == 3
    assert refused(store, "c", b"abcd") == 507
    assert [path.name for path in store.folder.iterdir()] == ["b"]


@pytest.mark.parametrize(
    "name",
    ["", "/etc/passwd", "../x", "a/../b", "a//b", ".hidden", "a/.draft-x", "a b", "a\nb", "-x"],
)
def test_a_name_cannot_lead_away(store: ObjectStore, name: str) -> None:
    assert refused(store, name, b"x") == 400


@given(st.text() | st.lists(st.sampled_from(["..", ".", "a", "", "~"])).map("/".join))
def test_whatever_a_name_is_it_lies_below_the_store_or_is_refused(name: str) -> None:
    store = ObjectStore(Path("/store"))
    path: t.Any = None
    try:
        path = store.path_of(name)
    except ObjectStoreError:
        return

    assert path.resolve().is_relative_to("/store/") and path != store.folder
