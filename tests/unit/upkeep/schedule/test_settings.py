# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What people may write as a schedule, and the sentence that refuses everything else."""

from __future__ import annotations

import typing as t
from datetime import date

import pytest

from upkeep.profile import schema
from upkeep.schedule.options import SLOT
from upkeep.schedule.settings import CADENCES, ScheduleError, parse_control, parse_slots


def test_slots_come_in_the_order_of_cadences_with_their_time_limits():
    slots = parse_slots(
        {"weekly": {"weekday": "sunday", "hour": 2, "time_limit": 30}, "daily": {"hour": 6}}
    )

    assert [slot.cadence for slot in slots] == ["daily", "weekly"]
    assert [slot.time_limit for slot in slots] == [30, 30]
    assert [slot.minute_of_day for slot in slots] == [360, 120]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("daily", "system_schedule is 'daily'; it must be a mapping of cadences"),
        ({"wekly": {}}, "'wekly' is not the name of a playbook with a cadence; did you mean"),
        ({"daily": {"value": "09:00"}}, "system_schedule.daily: 'value' is not a known name"),
        ({"daily": {}}, "system_schedule.daily: 'hour' is missing"),
        ({"daily": {"hour": "09"}}, "system_schedule.daily.hour is '09'; it must be a whole"),
        ({"daily": {"hour": 24}}, "system_schedule.daily.hour is 24; from 0 to 23"),
        ({"daily": {"hour": 9, "day": 1}}, "system_schedule.daily.day does not fit a daily start"),
        ({"hourly": {"hour": 3}}, "system_schedule.hourly.hour does not fit a hourly start"),
        ({"weekly": {"hour": 3}}, "system_schedule.weekly: 'weekday' is missing"),
        ({"monthly": {"hour": 3}}, "'day' is missing, or week and weekday"),
        ({"monthly": {"hour": 3, "week": "first"}}, "monthly: 'weekday' is missing"),
        ({"monthly": {"hour": 3, "day": 31}}, "monthly.day is 31; from 1 to 28, the days that"),
        ({"quarter_hourly": {"minute": 15}}, "quarter_hourly.minute is 15; at most 14"),
        (
            {"quarterly": {"months": [1, 2, 3, 4], "day": 1, "hour": 3}},
            "quarterly.months is [1, 2, 3, 4]; name four months, three apart",
        ),
        ({"weekly": {"weekday": "sonday", "hour": 2}}, "did you mean 'sunday'?"),
        ({"daily": None}, "system_schedule.daily is None; it must be a mapping"),
    ],
)
def test_a_slot_that_does_not_fit_is_refused(given: t.Any, sentence: str):
    with pytest.raises(ScheduleError) as refused:
        parse_slots(given)

    assert sentence in str(refused.value)


def test_every_problem_is_named_at_once():
    with pytest.raises(ScheduleError) as refused:
        parse_slots({"daily": {}, "weekly": {"weekday": "sunday"}, "yearly": {}})

    assert len(str(refused.value).splitlines()) == 3


def test_the_control_host_has_a_zone_and_frozen_days():
    control = parse_control(
        {
            "zone": "Europe/Berlin",
            "frozen_days": [{"first": date(2026, 12, 24), "last": "2027-01-01", "reason": "feast"}],
        }
    )

    assert control.zone.key == "Europe/Berlin"
    assert control.lock_wait == 120
    assert control.frozen_on(date(2026, 12, 24)) == "feast"
    assert control.frozen_on(date(2027, 1, 1)) == "feast"
    assert control.frozen_on(date(2027, 1, 2)) == ""


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"zone": "Europe/Berln"}, "zone is 'Europe/Berln', not a known time zone; did you mean"),
        ({"zone": "../../etc/passwd"}, "not a known time zone"),
        ({"zone": ""}, "zone is '', not a known time zone"),
        ({"zone": 1}, "zone is 1; it must be text"),
        ({"zones": "UTC"}, "'zones' is not a known name; did you mean 'zone'?"),
        ({"lock_wait": 0}, "lock_wait is 0; from 1 to 720"),
        ({"frozen_days": [{"first": "2026-12-24"}]}, "'last' is missing"),
        ({"frozen_days": ["2026-12-24"]}, "frozen_days[0] is '2026-12-24'; it must be a mapping"),
        (
            {"frozen_days": [{"first": "24.12.", "last": "2026-12-26", "reason": "x"}]},
            "frozen_days[0].first is '24.12.'; write a day as YYYY-MM-DD",
        ),
        (
            {"frozen_days": [{"first": "2026-12-24", "last": "2026-12-23", "reason": "x"}]},
            "frozen_days[0].last is 2026-12-23; it must not be before the first day",
        ),
        (
            {"frozen_days": [{"first": "2026-12-01", "last": "2026-12-29", "reason": "x"}]},
            "frozen_days[0] is 29 days long; at most 28",
        ),
    ],
)
def test_settings_that_do_not_fit_are_refused(given: dict[str, t.Any], sentence: str):
    with pytest.raises(ScheduleError) as refused:
        parse_control(given)

    assert sentence in str(refused.value)


def test_the_schema_for_editors_knows_the_same_names_and_bounds():
    whole = schema.schema()
    slot = whole["$defs"]["slot"]["properties"]

    assert set(slot) == set(SLOT)
    assert set(whole["properties"]["system_schedule"]["properties"]) == set(CADENCES)
    for name, option in SLOT.items():
        bounds = slot[name].get("items", slot[name])
        assert bounds.get("minimum") == option.get("minimum"), name
        assert bounds.get("maximum") == option.get("maximum"), name
        assert tuple(slot[name].get("enum", ())) == tuple(option.get("choices", ())), name
