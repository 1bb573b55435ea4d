# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is kept of rehearsals: each system by itself, and times of what was really restored."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.restore.last_rehearsals import LastRehearsals, load, save

PASSED = LastRehearsals(
    passed="2026-03-01T02:00:00Z",
    set="20260301T010000Z",
    seconds=16.0,
    tried="2026-03-01T02:00:00Z",
    phases={
        "my.db.read": 2.0,
        "my.db.load": 6.5,
        "my.db.whole": 8.0,
        "files.read": 1.0,
        "files.restore": 4.0,
        "whole": 16.0,
    },
)


def test_each_system_has_its_own(tmp_path: Path) -> None:
    path = str(tmp_path / "state.json")
    save(path, "shop", PASSED)
    save(path, "other", dataclasses.replace(PASSED, set="20260101T010000Z"))

    assert load(path, "shop") == PASSED
    assert load(path, "other").set == "20260101T010000Z"
    assert load(path, "third") == LastRehearsals()


@pytest.mark.parametrize(
    ("artefacts", "seconds"),
    [(["my.db"], 10.0), (["files"], 5.0), (["my.db", "files"], 15.0), (["files", "new"], None)],
)
def test_times_are_those_of_the_artefacts(artefacts: list[str], seconds: float | None) -> None:
    assert PASSED.seconds_of(artefacts) == seconds


def test_the_times_of_a_failure_are_no_estimate() -> None:
    failed = dataclasses.replace(PASSED, problem="it could not be loaded")

    assert failed.seconds_of(["files"]) is None
