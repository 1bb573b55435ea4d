# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What checks remember over runs, and results that are counted in a row."""

from __future__ import annotations

import json
import os
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base.state_file import StateFileError
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.health_check import debounce as streak
from ansible.module_utils.upkeep.health_check.check import Check
from ansible.module_utils.upkeep.health_check.debounce import Streak
from ansible.module_utils.upkeep.health_check.scheduler import Observations
from ansible.module_utils.upkeep.health_check.state import HealthState, StateSession, load, save
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.module_utils.health_check.checks import parse


def check(**options: t.Any) -> Check:
    return parse({"name": "x", "kind": "tcp", "port": 1, **options})


@given(
    st.dictionaries(st.text(), st.dictionaries(st.text(), st.integers())),
    st.dictionaries(st.text(), st.builds(Streak, st.booleans(), st.integers(0, 100))),
)
def test_the_file_survives_a_round_trip(
    tmp_path_factory: pytest.TempPathFactory, memories: dict[str, t.Any], streaks: dict[str, Streak]
) -> None:
    path = tmp_path_factory.getbasetemp() / "trip" / "health.json"
    save(path, HealthState(memories, streaks))
    assert load(path) == HealthState(memories, streaks)
    assert [entry.name for entry in path.parent.iterdir()] == ["health.json"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        "[" * 100_000,
        "\xff",
        '{"version": 1}',
        '{"version": 1, "memories": [], "streaks": {}}',
        '{"version": 1, "memories": {}, "streaks": {"a": [1]}}',
        '{"version": 1, "memories": {}, "streaks": {}, "run": "", "before": [1]}',
        '{"version": 9, "memories": {}, "streaks": {}}',
    ],
)
def test_a_damaged_file_starts_anew_and_says_so(tmp_path: Path, content: str) -> None:
    path = tmp_path / "health.json"
    path.write_bytes(content.encode("latin-1"))

    with pytest.raises(StateFileError):
        load(path)

    findings = run(path, check(fall=2), "critical")

    assert [one["status"] for one in findings] == ["warning", "warning"]
    assert "counting starts anew" in findings[1]["message"]
    assert run(path, check(fall=2), "critical")[0]["status"] == "critical", "it was written anew"


def run(path: Path, made: Check, status: str, *, write: bool = True) -> list[Finding]:
    """Return the findings of one run in which the check came out like this."""
    observed = Observations({made.id: [made.finding(status, "seen")]}, {})

    return StateSession(path).apply_state([made], observed, write=write)


def test_runs_are_counted_on_the_host(tmp_path: Path) -> None:
    path = tmp_path / "upkeep" / "health.json"
    made = check(fall=2)
    findings = run(path, made, "critical")

    assert [one["status"] for one in findings] == ["warning", "info"]
    assert "failed 1 of 2 times in a row" in findings[0]["message"]

    run(path, check(name="other", fall=2), "critical")

    assert [one["status"] for one in run(path, made, "critical")] == ["critical", "ok"]


def test_two_looks_of_a_run_count_once(tmp_path: Path) -> None:
    path, made = tmp_path / "health.json", check(fall=2)

    def look(run_id: str, status: str) -> Finding:
        found = {made.id: [made.finding(status, "seen")]}
        observed = Observations(found, {made.id: {"seen": run_id}})
        return StateSession(path, run_id).apply_state([made], observed, write=True)[0]

    assert [look("one", "critical")["status"] for _ in range(3)] == ["warning"] * 3
    assert StateSession(path, "one").with_memories([made])[0].previous is None
    assert StateSession(path, "two").with_memories([made])[0].previous == {"seen": "one"}
    assert [look("two", "critical")["status"] for _ in range(2)] == ["critical"] * 2
    assert look("three", "ok")["status"] == "ok"
    assert look("three", "critical")["status"] == "critical", (
        "it was down before this run, and is again"
    )


def test_check_mode_reads_and_does_not_write(tmp_path: Path) -> None:
    path = tmp_path / "health.json"
    run(path, check(fall=2), "critical", write=False)

    assert not path.exists()

    run(path, check(fall=2), "critical")
    before = path.read_bytes()

    assert run(path, check(fall=2), "critical", write=False)[0]["status"] == "critical"
    assert path.read_bytes() == before


def test_what_another_cadence_learnt_meanwhile_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "health.json"
    ours, other = check(fall=3), check(name="other", fall=3)
    session = StateSession(path)
    run(path, other, "critical")
    findings = {ours.id: [ours.finding("critical", "seen")]}
    session.apply_state([ours], Observations(findings, {"tcp:m": {"at": 1}}), write=True)
    kept = load(path)

    assert kept is not None
    assert set(kept.streaks) == {"tcp:x", "tcp:other"}
    assert kept.memories == {"tcp:m": {"at": 1}}


def test_a_state_that_cannot_be_kept_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: t.Any, **__: t.Any) -> t.Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    findings = run(tmp_path / "health.json", check(fall=2), "critical")

    assert findings[1]["status"] == "warning"
    assert "cannot be written: No space left" in findings[1]["message"]
    assert list(tmp_path.iterdir()) == [], "no draft is left behind"


def test_a_failure_may_be_a_warning(tmp_path: Path) -> None:
    made = check(severity="warning", fall=2)

    first, second = (run(tmp_path / "s", made, "critical")[0] for _ in range(2))

    assert (first["status"], second["status"]) == ("info", "warning")

    plain = check(severity="warning")
    found = {
        plain.id: [
            plain.finding("critical", "seen"),
            plain.finding("critical", "slow", aspect="latency"),
        ]
    }

    assert [one["status"] for one in streak.softened([plain], found)] == ["warning", "critical"]


def test_the_file_is_plain_json(tmp_path: Path) -> None:
    run(tmp_path / "s", check(fall=2), "critical")

    assert json.loads((tmp_path / "s").read_text()) == {
        "version": 1,
        "memories": {},
        "streaks": {"tcp:x": [False, 1]},
        "run": "",
        "before": {"memories": {}, "streaks": {}},
    }
