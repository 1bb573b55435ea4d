# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The key figures of the shipped profiles: the tables of the guides, and sources that exist."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest

from tests.unit.upkeep import run_log as log
from tools import PROJECT, describe_checks, profiles
from upkeep.kpi import kpis, open_history
from upkeep.kpi.figures import address_of
from upkeep.run import record

SYSTEMS: t.Final = [
    name for name in profiles.systems(PROJECT) if "system_kpis" in profiles.load(PROJECT, name)
]
#: Checks whose names follow from the host (paths of ``paths: all``).
FROM_THE_HOST: t.Final = {"filesystem:/"}


def figures(system: str) -> dict[str, t.Any]:
    return dict(profiles.load(PROJECT, system))


def bounds(kpi: dict[str, t.Any], side: str) -> str:
    return kpis.bounds_text(kpis.bounds_of(kpi.get(side)))


def limits(system: str) -> dict[str, tuple[str, str]]:
    """Return target and alarm of each figure in words."""
    return {
        kpi["name"]: (bounds(kpi, "target"), bounds(kpi, "alert"))
        for kpi in figures(system)["system_kpis"]
    }


def sources(system: str) -> set[tuple[str, str]]:
    """Return (area, check) of everything that the profile asks for."""
    profile = figures(system)
    health = {
        ("health_check", row.finding)
        for row in describe_checks.rows(profile["system_health_checks"])
    }
    logs = {
        ("log_review", f"log:{source['name']}.{review['name']}")
        for source in profile["system_log_reviews"]
        for review in source["reviews"]
    }
    prefixes = {"scrapers": "scraper"}
    data = {
        ("data_quality", f"{prefixes.get(check['kind'], check['kind'])}:{check['name']}")
        for check in profile.get("system_data_quality", [])
    }

    return health | logs | data


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_figure_has_a_source(system: str):
    known = sources(system)
    for kpi in figures(system)["system_kpis"]:
        area, check = kpi.get("area", "health_check"), kpi["check"]
        whole = re.sub(r"\[.*\]|\.(rows|age)$", "", re.sub(r"\.(rows|age)$", "", check))
        assert check in FROM_THE_HOST or {(area, check), (area, whole)} & known, (
            f"{kpi['name']}: nothing gives {check}"
        )


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_target_lies_on_the_good_side_of_its_alarm(system: str):
    for kpi in figures(system)["system_kpis"]:
        if "target" in kpi and "alert" in kpi:
            assert kpi["target"].keys() == kpi["alert"].keys()
            alert = kpis.bounds_of(kpi["alert"])
            assert alert is not None
            assert all(kpis.within(alert, value) for value in kpi["target"].values())


@pytest.mark.requirement(
    "R-fairedge-134", "R-fairedge-135", "R-fairedge-136", "R-fairedge-137", "R-hyperopt-60"
)
@pytest.mark.requirement(
    "R-hyperopt-62", "R-trailblaze-10", "R-trailblaze-14", "R-trailblaze-15", "R-trailblaze-16"
)
@pytest.mark.parametrize(
    ("system", "names"),
    [
        ("fairedge", {"users", "requests", "database", "sessions"}),
        ("hyperopt", {"memory", "disk", "database"}),
        ("trailblaze", {"response-time", "cpu", "memory", "disk"}),
    ],
)
def test_what_the_guides_want_over_time_is_kept_day_by_day(
    tmp_path: Path, system: str, names: set[str]
):
    kept = open_history(address_of(str(tmp_path)))
    wanted = {system: figures(system)["system_kpis"]}
    for number, day in enumerate(("2026-03-01", "2026-03-02"), start=1):
        found = [
            log.seen(
                kpi["check"],
                area=kpi.get("area", "health_check"),
                system=system,
                host="h",
                observed=number,
            )
            for kpi in wanted[system]
            if kpi["name"] in names
        ]
        said = log.event(
            "kpis", samples=kpis.samples(wanted, [one["finding"] for one in found], {})
        )
        events = [log.run_started(run_id=day), *found, said, log.verdict(), log.run_finished()]
        kept.keep(record.fold([{**event, "time": f"{day}T04:00:00.000Z"} for event in events]))

    days = kept.days(system)
    kept.close()

    assert {(row.kpi, row.day, row.mean) for row in days} == {
        (name, day, number)
        for name in names
        for number, day in enumerate(("2026-03-01", "2026-03-02"), start=1)
    }


@pytest.mark.requirement(
    "R-racing-50", "R-racing-51", "R-racing-52", "R-racing-53", "R-racing-54", "R-racing-55"
)
def test_racing_has_the_table_of_its_guide():
    assert limits("racing") == {
        "uptime": ("at least 99.9", "at least 95"),
        "prediction-success": ("at least 100", "at least 98"),
        "predictions": ("", ""),
        "errors": ("at most 10", "at most 50"),
        "prediction-time": ("at most 1", "at most 3"),
        "memory": ("at most 500", "at most 2000"),
        "disk": ("at most 80", "at most 90"),
    }


@pytest.mark.requirement("R-student_success-43", "R-student_success-44", "R-student_success-45")
@pytest.mark.requirement("R-student_success-46", "R-student_success-47", "R-student_success-48")
def test_student_success_has_the_table_of_its_guide():
    assert {name: target for name, (target, _) in limits("student_success").items()} == {
        "uptime": "at least 99.9",
        "response-time": "at most 500",
        "prediction-time": "at most 100",
        "query-time": "at most 50",
        "memory": "at most 80",
        "disk": "at most 85",
        "cpu": "at most 70",
    }


@pytest.mark.requirement(
    "R-fairedge-09", "R-fairedge-10", "R-fairedge-13", "R-fairedge-14", "R-fairedge-15"
)
@pytest.mark.requirement("R-fairedge-17", "R-fairedge-18")
def test_fairedge_has_the_metrics_of_its_guide():
    targets = {name: target for name, (target, _) in limits("fairedge").items() if target}

    assert targets == {
        "response-time": "at most 2000",
        "server-errors": "at most 0.1",
        "opportunities": "at least 10",
        "data-age": "at most 600",
        "cache-hits": "at least 90",
        "cpu": "at most 80",
        "memory": "at most 85",
        "disk": "at most 90",
    }
