# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Schedules of all systems together: what is refused, who waits for whom, what was missed."""

from __future__ import annotations

import typing as t
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from upkeep.schedule import load as loading
from upkeep.schedule.load import Schedule, load
from upkeep.schedule.missed import last_runs, missed
from upkeep.schedule.settings import ScheduleError, parse_control, parse_slots
from upkeep.schedule.waiting import longest, planned, waits

NOW = datetime(2026, 11, 27, 7, 0, tzinfo=UTC)
NIGHT = {
    "weekly": {"weekday": "sunday", "hour": 2},
    "monthly": {"day": 1, "hour": 1},
    "quarterly": {"months": [1, 4, 7, 10], "day": 1, "hour": 3},
}


class Project:
    """An inventory with one system, and a file for the control host."""

    def __init__(self, root: Path) -> None:
        self.profiles, self.control = root / "group_vars", root / "schedule.yml"
        self.settings({})
        self.profile("shop", {"daily": {"hour": 9}})

    def settings(self, values: dict[str, t.Any]) -> None:
        self.control.write_text(yaml.safe_dump(values))

    def profile(self, system: str, schedule: t.Any) -> None:
        folder = self.profiles / system
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "main.yml").write_text(yaml.safe_dump({"system_jobs": {}}))
        (folder / "plan.yml").write_text(yaml.safe_dump({"system_schedule": schedule}))

    def load(self) -> Schedule:
        return load(NOW, control=self.control, profiles=self.profiles)

    def problems(self) -> list[str]:
        with pytest.raises(ScheduleError) as refused:
            self.load()

        return str(refused.value).splitlines()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_the_shipped_schedule_fits_and_has_every_cadence_of_every_system():
    schedule = load(NOW)

    assert sorted(schedule.systems) == [
        "fairedge",
        "hyperopt",
        "ops",
        "racing",
        "student_success",
        "trailblaze",
    ]
    assert {name: len(slots) for name, slots in schedule.systems.items() if len(slots) != 6} == {
        "fairedge": 7,
        "trailblaze": 7,
    }, "those with caches"
    assert schedule.control.zone.key == "UTC"


def test_encrypted_variables_do_not_hold_up_a_schedule(project: Project):
    folder = project.profiles / "shop"
    (folder / "secrets.yml").write_text("$ANSIBLE_VAULT;1.1;AES256\n6162\n")
    (folder / "more.yml").write_text("password: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  6162\n")

    assert list(project.load().systems) == ["shop"]


def test_all_problems_of_all_systems_are_named(project: Project):
    project.profile("shop", {"daily": {"hour": 25}})
    project.profile("quay", {"wekly": {}})

    assert project.problems() == [
        "quay: system_schedule: 'wekly' is not the name of a playbook with a cadence;"
        " did you mean 'weekly'?",
        "shop: system_schedule.daily.hour is 25; from 0 to 23",
    ]


def test_a_schedule_without_a_system_is_refused(project: Project):
    project.profile("web", {"daily": {"hour": 9}})
    (project.profiles / "web/main.yml").write_text("system_name: web\n")

    assert project.problems() == [
        "web: system_schedule belongs to a system; 'web' has no system_jobs"
    ]


def test_an_unknown_system_is_named(project: Project):
    with pytest.raises(ScheduleError, match="did you mean 'shop'"):
        project.load().only("shap")


def test_a_file_that_is_damaged_is_named(project: Project):
    (project.profiles / "shop/plan.yml").write_text("a: [\n")

    with pytest.raises(ScheduleError, match=r"plan\.yml' cannot be read"):
        project.load()


def test_a_slot_at_a_change_of_the_clock_is_refused_with_the_nearest_safe_time(project: Project):
    project.settings({"zone": "Europe/Berlin"})
    project.profile("shop", {"daily": {"hour": 1}, "weekly": {"weekday": "sunday", "hour": 2}})

    assert project.problems() == [
        "shop: system_schedule.daily is at 01:00, which a change of the clock in Europe/Berlin"
        " leaves out or doubles; the nearest safe time is 00:59",
        "shop: system_schedule.weekly is at 02:00, which a change of the clock in Europe/Berlin"
        " leaves out or doubles; the nearest safe time is 03:00",
    ]


def test_short_slots_are_never_refused_for_the_clock(project: Project):
    project.settings({"zone": "Europe/Berlin"})
    project.profile("shop", {"hourly": {"minute": 5}, "quarter_hourly": {}})

    assert len(project.load().systems["shop"]) == 2


def test_two_runs_that_start_together_are_refused(project: Project):
    project.profile("shop", {"daily": {"hour": 9}, "weekly": {"weekday": "sunday", "hour": 9}})

    assert project.problems() == [
        "shop: daily and weekly start at the same time, 2026-11-29 09:00; move one"
    ]


def test_an_overlap_that_is_longer_than_the_patience_is_refused(project: Project):
    project.settings({"lock_wait": 30})
    project.profile(
        "shop",
        {
            "daily": {"hour": 9, "time_limit": 60},
            "weekly": {"weekday": "sunday", "hour": 9, "minute": 15},
        },
    )

    assert project.problems() == [
        "shop: weekly of 2026-11-29 09:15 overlaps daily and would wait 45 min; at most 30"
        " (lock_wait), so move one"
    ]


def test_when_day_1_is_a_sunday_the_night_queues_under_one_lock():
    found = list(waits(parse_slots(NIGHT), parse_control({}), NOW))
    worst = longest(found)

    assert [(w.cadence, w.behind, w.minutes) for w in worst] == [
        ("weekly", "monthly", 60),
        ("quarterly", "weekly", 60),
    ]
    assert all(w.start.day == 1 and w.start.weekday() == 6 for w in found)


def test_nothing_that_changes_is_planned_on_frozen_days():
    control = parse_control(
        {"frozen_days": [{"first": "2026-11-28", "last": "2026-11-29", "reason": "inventory"}]}
    )
    slots = parse_slots({"daily": {"hour": 9}, "hourly": {}})
    found = planned(slots, control, NOW, NOW + timedelta(days=4))

    assert [start.day for start, _ in found] == [27, 30]


def record(name: str, started: str, **fields: t.Any) -> t.Any:
    return {
        "playbook": name,
        "started": started,
        "check_mode": False,
        "systems": {"shop": {}},
        **fields,
    }


def test_a_start_without_a_run_is_missed(project: Project):
    project.profile("shop", {"weekly": {"weekday": "thursday", "hour": 3}})
    runs = last_runs([record("playbooks/weekly.yml", "2026-11-19T03:00:05.000Z")])
    (found,) = missed(project.load(), runs, NOW)

    assert found.sentence(NOW) == (
        "shop: weekly has not run for 8 days; it was due 2026-11-26 03:00 UTC"
    )


@pytest.mark.parametrize(
    ("started", "fields", "is_missed"),
    [
        ("2026-11-27T03:00:00.000Z", {}, False),
        ("2026-11-27T02:59:59.000Z", {}, True),
        ("2026-11-27T03:10:00.000Z", {"check_mode": True}, True),
        ("2026-11-27T03:10:00.000Z", {"systems": {"quay": {}}}, True),
        ("2026-11-27T03:10:00.000Z", {"playbook": "playbooks/weekly.yml"}, True),
    ],
)
def test_only_a_real_run_of_that_system_counts(
    project: Project, started: str, fields: dict[str, t.Any], is_missed: bool
):
    project.profile("shop", {"daily": {"hour": 3}})
    runs = last_runs([record("playbooks/daily.yml", started, **fields)])

    assert bool(missed(project.load(), runs, NOW)) is is_missed


def test_a_run_that_may_still_wait_for_the_lock_is_not_missed(project: Project):
    project.profile("shop", {"daily": {"hour": 6}})
    runs = last_runs([record("playbooks/daily.yml", "2026-11-26T06:00:00.000Z")])

    assert missed(project.load(), runs, NOW) == []
    assert len(missed(project.load(), runs, NOW + timedelta(hours=1, minutes=1))) == 1


def test_a_frozen_day_is_not_missed(project: Project):
    project.settings(
        {"frozen_days": [{"first": "2026-11-27", "last": "2026-11-27", "reason": "x"}]}
    )
    project.profile("shop", {"daily": {"hour": 3}})

    assert missed(project.load(), {}, NOW) == []


def test_a_slot_of_a_playbook_that_is_not_there_is_refused(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    project.profile("shop", {"refresh_caches": {"minute": 20}})
    monkeypatch.setattr(loading, "PLAYBOOKS", project.profiles)

    assert project.problems() == [
        "shop: system_schedule.refresh_caches: there is no playbook 'refresh_caches.yml'"
    ]
