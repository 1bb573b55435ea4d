# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The starts of the shipped profiles are those of the guides' crontabs, and become timers."""

from __future__ import annotations

import itertools
import typing as t
from datetime import UTC, datetime, timedelta
from pathlib import Path

import croniter
import pytest
from ansible.module_utils.upkeep.base import systemd
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.schedule.run import run
from ansible.module_utils.upkeep.schedule.settings import parse

from tests import evidence
from tests.unit.profiles.limits import profile
from tools import PROJECT, guide_figures
from upkeep.judge.checklist import checklist_findings
from upkeep.schedule.load import Schedule, load
from upkeep.schedule.starts import starts
from upkeep.schedule.timers import planned_starts

NOW: t.Final = datetime(2026, 11, 27, 7, 0, tzinfo=UTC)
YEAR: t.Final = timedelta(days=400)
#: Lines of the guides' crontabs: system, cadence, minutes by which ours is later, cron.
CRONTABS: t.Final = [
    ("racing", "daily", 0, "0 9 * * *"),
    ("student_success", "quarter_hourly", 7, "*/15 * * * *"),
    ("student_success", "daily", 0, "0 6 * * *"),
    ("student_success", "weekly", 0, "0 2 * * 0"),
    ("hyperopt", "daily", 0, "0 9 * * *"),
    ("hyperopt", "weekly", 0, "0 2 * * 0"),
    ("hyperopt", "monthly", 0, "0 1 1 * *"),
    ("hyperopt", "quarterly", 0, "0 3 1 1,4,7,10 *"),
]
ON: t.Final = {
    "UnitFileState": "enabled",
    "ActiveState": "active",
    "NextElapseUSecRealtime": "tomorrow",
}
SYSTEMS: t.Final = guide_figures.systems(PROJECT)
ENTRIES: t.Final = [
    pytest.param(system, entry, id=f"{system}-{entry['name']}")
    for system in SYSTEMS
    for entry in profile(system).get("system_checklist", ())
]
WAITING: t.Final = [
    pytest.param(system, entry, id=f"{system}-{entry['name']}")
    for system in SYSTEMS
    for entry in profile(system).get("system_checklist_waiting", ())
]
#: Looked at by every run, whatever its jobs are.
ALWAYS: t.Final = frozenset({"health_check", "preflight"})


@pytest.fixture(scope="module")
def schedule() -> Schedule:
    """Return the schedule of the shipped profiles."""
    return load(NOW)


def timers(
    monkeypatch: pytest.MonkeyPatch, folder: Path, system: str, *, on: bool
) -> list[Finding]:
    """Return what the module finds on a host where systemd says whether the timers are on."""
    state = ON if on else {"UnitFileState": "disabled", "ActiveState": "inactive"}
    monkeypatch.setattr(systemd, "show", lambda names, *_: dict.fromkeys(names, state))
    for name in ("enable_now", "disable_now", "clean_state", "restart", "reload_files"):
        monkeypatch.setattr(systemd, name, lambda *_: None)

    values = {"starts": planned_starts(load(NOW), [system]), "unit_folder": str(folder)}
    found: list[Finding] = run(parse(values), False)["findings"]

    return found


@pytest.mark.parametrize(("system", "cadence", "later", "line"), CRONTABS)
def test_the_starts_are_those_of_the_guides_crontab(
    schedule: Schedule, system: str, cadence: str, later: int, line: str
) -> None:
    [slot] = [one for one in schedule.systems[system] if one.cadence == cadence]
    ours = list(itertools.islice(starts(slot, schedule.control.zone, NOW, NOW + YEAR), 4))
    asked = croniter.croniter(line, NOW - timedelta(minutes=later, seconds=1))

    assert ours == [asked.get_next(datetime) + timedelta(minutes=later) for _ in ours]
    assert len(ours) == 4


@pytest.mark.requirement("R-racing-14", "R-racing-22")
def test_days_without_an_hour_are_the_days_of_the_guide(schedule: Schedule) -> None:
    zone, end = schedule.control.zone, NOW + YEAR
    weekly, monthly = (
        [
            start
            for slot in schedule.systems["racing"]
            if slot.cadence == cadence
            for start in starts(slot, zone, NOW, end)
        ]
        for cadence in ("weekly", "monthly")
    )

    assert {start.weekday() for start in (*weekly, *monthly)} == {0}, "Mondays"
    assert {start.day for start in monthly} <= set(range(1, 8)), "the first of the month"


@pytest.mark.requirement("R-racing-03", "R-racing-14", "R-racing-22")
@pytest.mark.requirement("R-student_success-39", "R-student_success-41", "R-student_success-42")
@pytest.mark.requirement("R-hyperopt-01", "R-hyperopt-16", "R-hyperopt-124")
@pytest.mark.requirement("R-hyperopt-125", "R-hyperopt-126", "R-hyperopt-127")
@pytest.mark.parametrize("system", SYSTEMS)
def test_each_start_becomes_a_timer_that_is_watched(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, system: str
) -> None:
    found = timers(monkeypatch, tmp_path, system, on=True)
    slots = profile(system)["system_schedule"]

    assert {one["check"]: one["status"] for one in found} == {
        f"schedule:{cadence}-{system}": "ok" for cadence in slots
    }
    for one in found:
        cadence = one["check"].removeprefix("schedule:").removesuffix(f"-{system}")
        text = (tmp_path / f"upkeep-{cadence}-{system}.timer").read_text(encoding="utf-8")
        [calendar] = [line for line in text.splitlines() if line.startswith("OnCalendar=")]
        evidence.add(system, [one], calendar.removeprefix("OnCalendar="))

    off = timers(monkeypatch, tmp_path, system, on=False)

    assert {one["status"] for one in off} == {"critical"}


def shown(entry: t.Mapping[str, t.Any], system: str, status: str = "ok") -> list[Finding]:
    """Return a finding for each that a checklist names."""
    patterns = [pattern for item in entry["items"] for pattern in item["seen_in"]]
    made = [
        {
            "system": system,
            "area": pattern.partition("/")[0],
            "check": pattern.partition("/")[2].replace("*", "x"),
            "status": status,
        }
        for pattern in patterns
    ]

    return t.cast("list[Finding]", made)


@pytest.mark.requirement("R-racing-87", "R-racing-89", "R-student_success-124")
@pytest.mark.requirement("R-hyperopt-97", "R-hyperopt-100")
@pytest.mark.parametrize(("system", "entry"), ENTRIES)
def test_a_run_covers_the_checklist_only_when_it_has_each_of_its_findings(
    system: str, entry: dict[str, t.Any]
) -> None:
    [cadence] = entry["cadences"]
    everything = shown(entry, system)
    [well] = checklist_findings({system: [entry]}, cadence, everything)

    assert (well["status"], well["observed"]) == ("ok", len(entry["items"]))
    evidence.add(system, [well], f"{len(entry['items'])} items")

    for position in range(len(everything)):
        left = everything[:position] + everything[position + 1 :]
        [ill] = checklist_findings({system: [entry]}, cadence, left)
        assert (ill["status"], ill["observed"]) == ("warning", len(entry["items"]) - 1)


@pytest.mark.parametrize(("system", "entry"), [*ENTRIES, *WAITING])
def test_what_is_to_be_covered_is_done_by_a_job_of_that_cadence(
    system: str, entry: dict[str, t.Any]
) -> None:
    areas = {
        pattern.partition("/")[0] for item in entry["items"] for pattern in item.get("seen_in", ())
    }
    for cadence in entry["cadences"]:
        assert areas <= ALWAYS | set(profile(system)["system_jobs"][cadence])


@pytest.mark.parametrize(("system", "entry"), WAITING)
def test_what_waits_for_a_role_is_listed_while_there_is_none(
    system: str, entry: dict[str, t.Any]
) -> None:
    waiting = [item["waits_for"] for item in entry["items"] if "waits_for" in item]

    assert waiting, "nothing is missing any more: move it to system_checklist"
    assert [role for role in waiting if (PROJECT / "roles" / role).is_dir()] == []
