# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Typed slots and the settings of the control host, from what people wrote."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from ansible.module_utils.upkeep.base.options import OptionError, nearest, parse

from upkeep.schedule.options import CONTROL, SLOT

#: Starts in UTC that wait for nothing: two cadences that only look and run beside anything, and
#: the renewal of caches, which leaves a system alone whose lock another run holds.
LOOKING: t.Final = ("quarter_hourly", "hourly", "refresh_caches")
#: A start that only systems with caches have.
CACHES: t.Final = "refresh_caches"
#: Cadences that may change a system, and so hold its lock.
CHANGING: t.Final = ("daily", "weekly", "monthly", "quarterly")
CADENCES: t.Final = (*LOOKING, *CHANGING)
HOURLY: t.Final = ("hourly", CACHES)
#: Minutes that a run may take where its slot says nothing.
TIME_LIMITS: t.Final[Mapping[str, int]] = {
    "quarter_hourly": 10,
    "hourly": 15,
    "refresh_caches": 30,
    "daily": 30,
    "weekly": 60,
    "monthly": 120,
    "quarterly": 240,
}
#: Longer than this, more than one monthly run could be left out.
LONGEST_FREEZE: t.Final = timedelta(days=28)

#: Cadence -> keys of time that its slot needs, beside a minute.
_NEEDED: t.Final[Mapping[str, tuple[str, ...]]] = {
    "quarter_hourly": (),
    "hourly": (),
    "refresh_caches": (),
    "daily": ("hour",),
    "weekly": ("weekday", "hour"),
    "monthly": ("hour",),
    "quarterly": ("months", "hour"),
}
_OF_A_MONTH: t.Final = ("monthly", "quarterly")
_TIMES: t.Final = ("hour", "weekday", "week", "day", "months")
_QUARTER: t.Final = 15


class ScheduleError(ValueError):
    """A schedule that cannot be used; one line for each problem."""


@dataclass(frozen=True)
class Slot:
    """When a cadence starts; ``None`` and ``()`` mean every one. Times are minutes."""

    cadence: str
    minute: int
    hour: int | None
    weekday: str | None
    week: str | None
    day: int | None
    months: tuple[int, ...]
    time_limit: int
    note: str
    requirements: tuple[str, ...]

    @property
    def is_changing(self) -> bool:
        """Return whether its run may change a system."""
        return self.cadence in CHANGING

    @property
    def minute_of_day(self) -> int:
        """Return the start as minutes since midnight."""
        return (self.hour or 0) * 60 + self.minute


@dataclass(frozen=True)
class FrozenDays:
    """Days, both ends included, on which nothing is changed."""

    first: date
    last: date
    reason: str


@dataclass(frozen=True)
class ControlHost:
    """What holds for the schedules of all systems."""

    zone: ZoneInfo
    lock_wait: int
    frozen_days: tuple[FrozenDays, ...]
    shared_hosts: tuple[tuple[str, ...], ...] = ()

    def frozen_on(self, day: date) -> str:
        """Return why nothing is changed on a day; '' when it is a day like others."""
        reasons = (span.reason for span in self.frozen_days if span.first <= day <= span.last)

        return next(reasons, "")


def parse_slots(values: t.Any, place: str = "system_schedule") -> tuple[Slot, ...]:
    """Return the slots of a system in the order of cadences; raises ScheduleError."""
    if not isinstance(values, Mapping):
        raise ScheduleError(f"{place} is {values!r}; it must be a mapping of cadences")

    problems = [
        f"{place}: {name!r} is not the name of a playbook with a cadence;"
        f" {nearest(str(name), CADENCES)}"
        for name in values
        if name not in CADENCES
    ]
    slots = []
    for cadence in CADENCES:
        if cadence in values:
            try:
                slots.append(_slot(cadence, values[cadence], f"{place}.{cadence}"))
            except (OptionError, ScheduleError) as error:
                problems += str(error).splitlines()

    if problems:
        raise ScheduleError("\n".join(problems))

    return tuple(slots)


def parse_control(values: Mapping[str, t.Any], place: str = "") -> ControlHost:
    """Return the settings of the control host; raises ScheduleError."""
    try:
        filled = parse(CONTROL, _with_text_dates(values), place)
    except OptionError as error:
        raise ScheduleError(f"{error}") from error

    name = filled["zone"]
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        advice = nearest(name, available_timezones() - {"localtime"}) if name else "name one"
        advice = advice if len(advice) < 80 else "name one such as 'Europe/Berlin'"
        raise ScheduleError(f"zone is {name!r}, not a known time zone; {advice}") from error

    spans = tuple(
        _frozen(entry, f"frozen_days[{position}]")
        for position, entry in enumerate(filled["frozen_days"])
    )

    shared = tuple(tuple(entry["systems"]) for entry in filled["shared_hosts"])

    return ControlHost(zone, filled["lock_wait"], spans, shared)


def _slot(cadence: str, values: t.Any, place: str) -> Slot:
    filled = parse(SLOT, values, place)
    if problems := [f"{place}{problem}" for problem in _time_problems(cadence, filled)]:
        raise ScheduleError("\n".join(problems))

    return Slot(
        cadence=cadence,
        minute=filled["minute"],
        hour=filled["hour"],
        weekday=filled["weekday"],
        week=filled["week"],
        day=filled["day"],
        months=tuple(sorted(set(filled["months"] or ()))),
        time_limit=filled["time_limit"] or TIME_LIMITS[cadence],
        note=filled["note"],
        requirements=tuple(filled["requirements"]),
    )


def _time_problems(cadence: str, filled: Mapping[str, t.Any]) -> Iterator[str]:
    """Yield what does not fit the cadence."""
    needed = set(_NEEDED[cadence])
    if cadence in _OF_A_MONTH:
        needed |= {"day"} if filled["week"] is None else {"week", "weekday"}

    given = {name for name in _TIMES if filled[name] is not None}
    for name in sorted(needed - given):
        instead = ", or week and weekday" if name == "day" else ""
        yield f": '{name}' is missing{instead}"
    for name in sorted(given - needed):
        yield f".{name} does not fit a {cadence.replace('_', '-')} start; leave it out"

    if cadence == "quarter_hourly" and filled["minute"] >= _QUARTER:
        yield f".minute is {filled['minute']}; at most 14, the minute within each quarter"
    if cadence == "quarterly" and "months" in given and not _is_quarterly(filled["months"]):
        yield f".months is {filled['months']}; name four months, three apart: [1, 4, 7, 10]"


def _is_quarterly(months: list[int]) -> bool:
    return (
        len(months) == 4
        and {month % 3 for month in months} == {months[0] % 3}
        and (len(set(months)) == 4)
    )


def _with_text_dates(values: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return the values with dates as text: YAML reads an unquoted day as a date."""
    spans = values.get("frozen_days")
    if not isinstance(spans, list):
        return dict(values)

    return {**values, "frozen_days": [_with_text(span) for span in spans]}


def _with_text(span: t.Any) -> t.Any:
    if not isinstance(span, Mapping):
        return span

    return {
        key: value.isoformat() if isinstance(value, date) else value for key, value in span.items()
    }


def _frozen(entry: Mapping[str, str], place: str) -> FrozenDays:
    first, last = (_day(entry[name], f"{place}.{name}") for name in ("first", "last"))
    if last < first:
        raise ScheduleError(f"{place}.last is {last}; it must not be before the first day, {first}")
    if last - first >= LONGEST_FREEZE:
        raise ScheduleError(
            f"{place} is {(last - first).days + 1} days long; at most {LONGEST_FREEZE.days}, or"
            " two monthly runs could be left out"
        )

    return FrozenDays(first, last, entry["reason"])


def _day(text: str, place: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ScheduleError(f"{place} is {text!r}; write a day as YYYY-MM-DD") from error
