# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What people sign off, and what is overdue."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from tools import profiles
from upkeep import PROJECT
from upkeep.judge.sign_offs import (
    BY_PROGRAM,
    Duty,
    SignOff,
    SignOffError,
    duties,
    known,
    load,
    overdue,
)

TODAY = date(2026, 3, 31)
BEGAN = date(2026, 1, 1)
GOOD = "- {id: R-alpha-01, date: 2026-03-30, by: Ada, note: looked}\n"
WEEKLY = Duty("R-alpha-01", "alpha", "weekly", "Look at the charts.")


def test_a_missing_file_has_none(tmp_path: Path) -> None:
    assert load(tmp_path / "none.yml", {"R-alpha-01"}, TODAY) == []


def test_a_good_entry_is_read(tmp_path: Path) -> None:
    (tmp_path / "s.yml").write_text(GOOD)

    assert load(tmp_path / "s.yml", {"R-alpha-01"}, TODAY) == [
        SignOff("R-alpha-01", date(2026, 3, 30), "Ada", "looked")
    ]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (("R-alpha-01", "R-alpha-77"), "R-alpha-77"),
        (("2026-03-30", "some day"), "some day"),
        (("2026-03-30", "2026-04-01"), "in the future"),
        (("by: Ada, ", ""), "exactly the keys"),
        (("looked", "''"), "note must be text"),
        (("- {", "{"), "list"),
        (("- {", "- {{"), "YAML"),
        (("looked", "!!python/name:os.system"), "YAML"),
    ],
)
def test_a_bad_entry_is_named_with_its_file(
    tmp_path: Path, change: tuple[str, str], named: str
) -> None:
    (tmp_path / "s.yml").write_text(GOOD.replace(*change))

    with pytest.raises(SignOffError, match=named) as error:
        load(tmp_path / "s.yml", {"R-alpha-01"}, TODAY)

    assert str(tmp_path / "s.yml") in str(error.value)


@pytest.mark.parametrize(("days", "notes"), [(7, 0), (8, 1)])
def test_a_duty_is_overdue_a_period_after_its_last_sign_off(days: int, notes: int) -> None:
    entry = SignOff("R-alpha-01", TODAY - timedelta(days=days), "Ada", "looked")
    older = entry._replace(date=BEGAN)

    assert len(overdue([WEEKLY], [entry, older], ["alpha"], BEGAN, TODAY)) == notes


@pytest.mark.parametrize(("days", "notes"), [(7, 0), (8, 1)])
def test_one_that_was_never_signed_off_is_overdue_a_period_after_the_first_run(
    days: int, notes: int
) -> None:
    since = TODAY - timedelta(days=days)

    assert len(overdue([WEEKLY], [], ["alpha"], since, TODAY)) == notes


def test_an_overdue_duty_is_a_note_that_says_what_to_do() -> None:
    [found] = overdue([WEEKLY], [], ["alpha"], BEGAN, TODAY)

    assert found["status"] == "info"
    assert found["system"] == "alpha"
    assert found["requirements"] == ["R-alpha-01"]
    assert "never signed off: do it and add a line to sign_offs.yml" in found["message"]


def test_systems_that_are_not_part_of_the_run_have_no_note() -> None:
    assert overdue([WEEKLY], [], ["beta"], BEGAN, TODAY) == []


def test_the_shipped_duties_are_those_of_people_with_a_period() -> None:
    found = duties(PROJECT / "docs" / "requirements.csv")

    assert {duty.id for duty in found} >= {"R-racing-95", "R-fairedge-41", "R-trailblaze-124"}
    assert not any(duty.id == "R-racing-13" for duty in found), "on demand is never overdue"


def test_what_a_health_check_does_needs_no_sign_off() -> None:
    checks = [
        check
        for system in profiles.systems(PROJECT)
        for check in profiles.load(PROJECT, system)["system_health_checks"]
    ]
    served = {item for check in checks for item in check.get("requirements", [])}

    assert served & known(PROJECT / "docs" / "requirements.csv") == BY_PROGRAM


def test_the_shipped_sign_offs_can_be_read() -> None:
    ids = known(PROJECT / "docs" / "requirements.csv")

    assert "R-racing-13" in ids
    assert load(PROJECT / "sign_offs.yml", ids, date.max) is not None
