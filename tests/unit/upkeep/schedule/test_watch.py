# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A start that nobody made is a finding of the next run of that system, whoever starts that."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.unit.upkeep import run_log as log
from upkeep.report import render
from upkeep.schedule.settings import CADENCES
from upkeep.schedule.watch import missed_starts
from upkeep.store import Store, directory, open_store

WEEKLY = "playbooks/weekly.yml"
#: A Thursday; fairedge's weekly run is on Sunday, its daily one at 05:00.
NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


@pytest.fixture(params=["folder", "database"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    place = f"sqlite:///{tmp_path}/runs.db" if request.param == "database" else f"{tmp_path}/store"

    return open_store(place)


def keep(store: Store, root: Path, playbook: str, started: datetime, ends: bool = True) -> None:
    """Keep a run of fairedge."""
    stem = Path(playbook).stem.replace("_", "-")
    folder = root / "made" / f"{started:%Y%m%dT%H%M%SZ}-{stem}-abcdef"
    events = [
        log.run_started(run_id=folder.name, playbook=playbook, expected=["fairedge-1"]),
        log.seen("unit:api", system="fairedge", host="fairedge-1"),
        *([log.run_finished()] if ends else []),
    ]
    stamp = f"{started:%Y-%m-%dT%H:%M:%S}.000Z"
    store.save(log.write(folder, [event | {"time": stamp} for event in events]))


def found(store: Store, playbook: str = "playbooks/hourly.yml", check: bool = False) -> list[str]:
    """Return what a run of now says of starts."""
    logged = [log.run_started(playbook=playbook, check=check)]
    findings = missed_starts(store, {"fairedge"}, logged, NOW)

    return [f"{finding['check']}: {finding['message']}" for finding in findings]


def seen_by_control(store: Store) -> list[tuple[str, str, str]]:
    """Return what a run of ops says of starts of fairedge: system, check, the first words."""
    logged = [log.run_started(playbook="playbooks/hourly.yml")]
    findings = missed_starts(store, {"ops"}, logged, NOW, {"fairedge": "ops", "ops": "ops"})
    others = [one for one in findings if one["check"].endswith("-fairedge")]

    return [(one["system"], one["check"], one["message"].split(";")[0]) for one in others]


def all_but(store: Store, root: Path, *missing: str) -> None:
    """Keep a run of each cadence a moment ago, and a first run of half a year ago."""
    keep(store, root, "playbooks/onboard_hosts.yml", NOW - timedelta(days=180))
    for cadence in CADENCES:
        if cadence not in missing:
            keep(store, root, f"playbooks/{cadence}.yml", NOW - timedelta(minutes=5))


def test_nothing_is_said_when_every_cadence_has_run(store: Store, tmp_path: Path):
    all_but(store, tmp_path)

    assert found(store) == []


def test_a_cadence_that_stopped_is_a_finding(store: Store, tmp_path: Path):
    all_but(store, tmp_path, "weekly")
    keep(store, tmp_path, WEEKLY, NOW - timedelta(days=8))

    assert found(store) == [
        "schedule:weekly: fairedge: weekly has not run for 8 days; it was due 2026-11-22 03:30 UTC:"
        " see why it was not started, or was cut off, then run it"
    ]


def test_the_run_itself_counts_but_not_in_check_mode(store: Store, tmp_path: Path):
    all_but(store, tmp_path, "weekly")
    keep(store, tmp_path, WEEKLY, NOW - timedelta(days=8))

    assert found(store, WEEKLY) == []
    assert len(found(store, WEEKLY, check=True)) == 1


def test_a_new_control_host_stays_quiet(store: Store, tmp_path: Path):
    assert found(store) == []

    keep(store, tmp_path, "playbooks/hourly.yml", NOW - timedelta(minutes=40))

    assert found(store) == []


def test_a_cadence_that_never_ran_is_missed_a_period_after_the_first_run(
    store: Store, tmp_path: Path
):
    all_but(store, tmp_path, "daily", "monthly")

    assert [line.split(": ")[2].split(";")[0] for line in found(store)] == [
        "daily has not run yet",
        "monthly has not run yet",
    ]


def test_a_run_of_another_system_is_none_of_this(store: Store, tmp_path: Path):
    all_but(store, tmp_path)

    assert missed_starts(store, {"shop"}, [], NOW) == []


def test_facts_are_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Records are large, and a store has thousands of them."""
    store = open_store(f"{tmp_path}/store")
    all_but(store, tmp_path)
    for run in (tmp_path / "made").iterdir():
        render.render(run)
        store.save(run)

    monkeypatch.setattr(directory, "read_record", lambda _: pytest.fail("a record is read"))

    assert found(store) == []


def test_a_system_of_which_nothing_runs_is_named_by_the_control_host(store: Store, tmp_path: Path):
    all_but(store, tmp_path, "weekly")
    keep(store, tmp_path, WEEKLY, NOW - timedelta(days=8))

    assert seen_by_control(store) == [
        ("ops", "schedule:weekly-fairedge", "fairedge: weekly has not run for 8 days")
    ], "a finding of fairedge itself would count as a run of it"


def test_what_runs_is_not_named_by_the_control_host(store: Store, tmp_path: Path):
    all_but(store, tmp_path)

    assert seen_by_control(store) == []


@pytest.mark.parametrize(
    ("hours_ago", "missed"), [(1.0, 0), (4.0, 1)], ids=["may still run", "was cut off"]
)
def test_a_run_that_was_cut_off_has_not_done_what_it_was_started_for(
    tmp_path: Path, hours_ago: float, missed: int
):
    """As by a reboot of the control host: no scheduler starts it again by itself."""
    store = open_store(f"{tmp_path}/store")
    all_but(store, tmp_path, "daily")
    keep(store, tmp_path, "playbooks/daily.yml", NOW - timedelta(days=1))
    keep(store, tmp_path, "playbooks/daily.yml", NOW - timedelta(hours=hours_ago), ends=False)

    assert len(found(store)) == missed


def test_a_run_of_a_clock_that_was_ahead_hides_no_missed_start(store: Store, tmp_path: Path):
    all_but(store, tmp_path, "weekly")
    keep(store, tmp_path, WEEKLY, NOW - timedelta(days=8))
    keep(store, tmp_path, WEEKLY, NOW + timedelta(days=900))

    assert [line.split(";")[0] for line in found(store)] == [
        "schedule:weekly: fairedge: weekly has not run for 8 days"
    ]
