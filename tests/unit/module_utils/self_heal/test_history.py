# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The count of restarts: it survives, forgets the old, and is not believed when it is damaged."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.self_heal import history
from ansible.module_utils.upkeep.self_heal.history import HistoryError
from hypothesis import given
from hypothesis import strategies as st


@given(
    st.lists(st.integers(0, 2_000_000_000)), st.integers(1, 604_800), st.integers(0, 2_000_000_000)
)
def test_restarts_within_a_window(moments: list[int], window: int, now: int) -> None:
    counted = history.within(moments, window, now)

    assert counted == len([moment for moment in moments if now - moment < window])


def test_the_count_survives_and_forgets_the_old(tmp_path: Path) -> None:
    path, now = tmp_path / "upkeep" / "heal.json", 1e9
    assert history.load(path) == {}

    history.save(path, {"a": [now - 10, now], "b": [now - history.LONGEST - 1]}, now)

    assert history.load(path) == {"a": [now - 10, now]}
    assert [entry.name for entry in path.parent.iterdir()] == ["heal.json"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"version": 1}',
        '{"version": 2, "restarts": {}}',
        '{"version": 1, "restarts": {"a": ["x"]}}',
        '{"version": 1, "restarts": {"a": [1e999]}}',
        "[" * 100_000,
    ],
)
def test_a_damaged_count_is_not_an_empty_one(tmp_path: Path, content: str) -> None:
    (tmp_path / "h").write_text(content)

    with pytest.raises(HistoryError):
        history.load(tmp_path / "h")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_count_of_somebody_else_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "heal.json"
    history.save(path, {}, 1e9)
    os.chown(path, 65534, 65534)

    with pytest.raises(HistoryError, match="belongs to the user id 65534"):
        history.load(path)
