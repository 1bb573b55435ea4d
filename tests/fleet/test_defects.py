# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every planted fault is reported by its finding, and a weekly run repairs what it can.

Needs a running fleet (``python -m demo up``); ``UPKEEP_FLEET`` names another one than the default.
Six weekly runs serve all tests: one on the clean fleet, one per round of faults (the first once
more with ``--check``), one after all.
"""

from __future__ import annotations

import typing as t

import pytest

from demo import faults, fleet
from tests.fleet.runs import QUIET, Play, Record, alarms, changed, key

HOSTS = fleet.load().hosts
CATALOGUE = faults.load(HOSTS)
#: The round in which maintenance goes ahead, so that faults are mended.
MENDING = "neglected"


@pytest.fixture(scope="module")
def records(clean_run: Record, play: Play, demo: t.Callable[..., None]) -> dict[str, Record]:
    """Return the records of all runs: before, each round by its name, neglected-check, after."""
    made = {"before": clean_run}
    for name in CATALOGUE.rounds:
        demo("plant", name)
        if name == MENDING:
            made[f"{name}-check"] = play("weekly", "--check")

        made[name] = play("weekly")
        demo("plant", "none")

    return {**made, "after": play("weekly")}


def reported(record: Record, defect: faults.Defect) -> list[str]:
    """Return the statuses that the fault's finding had in this run."""
    wanted = (defect.finding.host, defect.finding.area, defect.finding.check)
    return [finding["status"] for finding in record["findings"] if key(finding) == wanted]


def test_a_clean_fleet_gives_no_false_alarm(records: dict[str, Record]) -> None:
    assert alarms(records["before"]) == {}


@pytest.mark.requirement(
    "R-student_success-03", "R-hyperopt-109", "R-hyperopt-111", "R-hyperopt-113", "R-hyperopt-115"
)
@pytest.mark.requirement(
    "R-trailblaze-20", "R-trailblaze-25", "R-trailblaze-45", "R-fairedge-126", "R-fairedge-141"
)
@pytest.mark.requirement("R-fairedge-21")
@pytest.mark.parametrize("defect", CATALOGUE.defects.values(), ids=list(CATALOGUE.defects))
def test_a_planted_fault_is_reported_by_its_finding(
    records: dict[str, Record], defect: faults.Defect
) -> None:
    seen_in = records[f"{MENDING}-check" if defect.round == MENDING else defect.round]

    assert defect.finding.status in reported(seen_in, defect), alarms(seen_in)
    # Some only tell (info), so the clean run has no alarm of them anyway.
    assert defect.finding.status not in reported(records["before"], defect), (
        "it is said without the fault, too"
    )


@pytest.mark.parametrize(
    "defect",
    [pytest.param(d, id=name) for name, d in CATALOGUE.defects.items() if d.round == MENDING],
)
def test_a_weekly_run_mends_what_it_is_said_to_mend(
    records: dict[str, Record], defect: faults.Defect
) -> None:
    last = reported(records[MENDING], defect)[-1]
    assert (last in QUIET) if defect.mended else (last == defect.finding.status), alarms(
        records[MENDING]
    )


@pytest.mark.parametrize(
    "defect", [pytest.param(d, id=name) for name, d in CATALOGUE.pending.items()]
)
def test_a_fault_to_come_waits_for_its_job(defect: faults.Defect) -> None:
    pytest.skip(f"no job reports {defect.finding.area} so far, so {defect.name} is not planted")


def test_check_mode_predicted_exactly_what_the_run_changed(records: dict[str, Record]) -> None:
    check, run = records[f"{MENDING}-check"], records[MENDING]
    assert (check["check_mode"], run["check_mode"]) == (True, False)
    assert changed(check) == changed(run) != set()


def test_only_systems_that_were_changed_are_looked_at_again(records: dict[str, Record]) -> None:
    for name, record in records.items():
        looked = {f["system"] for f in record["findings"] if f["play"] == "Look again"}
        mended = {change["system"] for change in record["changes"]}
        assert looked == (set() if record["check_mode"] else mended), name


def test_neglect_is_reported_and_nothing_else(records: dict[str, Record]) -> None:
    planted = {shown for d in CATALOGUE.defects.values() if d.round == MENDING for shown in d.shows}
    found = alarms(records[f"{MENDING}-check"])
    assert {check: text for check, text in found.items() if check not in planted} == {}


@pytest.mark.parametrize("name", [name for name in CATALOGUE.rounds if name != MENDING])
@pytest.mark.requirement("R-hyperopt-03", "R-fairedge-06")
def test_a_system_that_is_ill_is_not_changed(records: dict[str, Record], name: str) -> None:
    assert records[name]["outcome"] == "findings"
    assert changed(records[name]) == set()

    held = {
        f["system"]
        for f in records[name]["findings"]
        if f["check"] == "gate:change" and f["status"] == "critical"
    }

    assert held == {d.system for d in CATALOGUE.defects.values() if d.round == name}


def test_nothing_is_left_after_taking_back_and_nothing_is_done_again(
    records: dict[str, Record],
) -> None:
    assert alarms(records["after"]) == {}
    assert changed(records["after"]) == set()


def test_every_round_and_every_area_of_the_weekly_run_has_faults() -> None:
    assert {d.round for d in CATALOGUE.defects.values()} == set(CATALOGUE.rounds)

    areas = {d.finding.area for d in CATALOGUE.defects.values()}

    assert areas == {
        "preflight",
        "health_check",
        "model_verification",
        "model_update",
        "predictor_deploy",
        "log_review",
        "log_rotation",
        "redis_tune",
        "task_queue",
        "cache_maintenance",
        "db_maintenance",
        "data_quality",
        "app_tests",
        "backup",
        "restore",
        "schedule",
    }
