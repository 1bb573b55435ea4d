# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Systems that share a host do not start in the same minute, and the first keeps its times."""

from __future__ import annotations

import typing as t

import pytest

from tests.unit.upkeep.schedule.test_load import Project
from upkeep.schedule.settings import ScheduleError, Slot, parse_slots
from upkeep.schedule.spread import spread

NINE: t.Final = {"quarter_hourly": {"minute": 5}, "hourly": {"minute": 10}, "daily": {"hour": 9}}


def of(slots: t.Iterable[Slot]) -> dict[str, tuple[int | None, int]]:
    """Return hour and minute of each cadence."""
    return {slot.cadence: (slot.hour, slot.minute) for slot in slots}


def test_a_later_system_starts_some_minutes_later() -> None:
    slots = parse_slots(NINE)
    found = spread({"shop": slots, "mail": slots, "farm": slots}, [("shop", "mail", "farm")])

    assert of(found["shop"]) == of(slots)
    assert of(found["mail"]) == {
        "quarter_hourly": (None, 8),
        "hourly": (None, 13),
        "daily": (9, 3),
    }
    starts = [slot.minute_of_day % 15 for each in found.values() for slot in each]
    assert len(set(starts)) == len(starts), "not even a daily and a quarter-hourly one meet"


def test_systems_of_their_own_keep_their_times() -> None:
    slots = parse_slots(NINE)
    found = spread({"shop": slots, "mail": slots}, [])

    assert found == {"shop": slots, "mail": slots}


def test_an_hour_is_left_where_it_is_full() -> None:
    late = parse_slots({"daily": {"hour": 9, "minute": 58}})
    found = spread({"shop": late, "mail": late}, [("shop", "mail")])

    assert of(found["mail"]) == {"daily": (10, 1)}


def test_no_minute_that_is_left_is_refused() -> None:
    slots = parse_slots({"quarter_hourly": {"minute": 13}})

    with pytest.raises(ScheduleError, match="mail: no minute is left for its quarter_hourly start"):
        spread({"shop": slots, "mail": slots}, [("shop", "mail")])


def test_the_control_host_names_who_shares(tmp_path: t.Any) -> None:
    project = Project(tmp_path)
    project.profile("mail", {"daily": {"hour": 9}})
    project.settings({"shared_hosts": [{"systems": ["shop", "mail"]}]})

    assert of(project.load().systems["mail"]) == {"daily": (9, 3)}

    project.settings({"shared_hosts": [{"systems": ["shop", "mial"]}]})
    assert project.problems() == [
        "shared_hosts[0]: 'mial' is not a system with a schedule; did you mean 'mail'?"
    ]
