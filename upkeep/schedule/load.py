# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read the schedules of all systems and hold them against each other."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import yaml
from ansible.module_utils.upkeep.base.options import nearest

from upkeep import PROJECT
from upkeep.profile.vars_files import ENDINGS, SEALED
from upkeep.schedule.settings import ControlHost, ScheduleError, Slot, parse_control, parse_slots
from upkeep.schedule.spread import spread
from upkeep.schedule.starts import nearest_safe, spoiled_minutes
from upkeep.schedule.waiting import longest, waits

CONTROL_FILE: t.Final = PROJECT / "schedule.yml"
PROFILES: t.Final = PROJECT / "inventory" / "group_vars"
PLAYBOOKS: t.Final = PROJECT / "playbooks"
VARIABLE: t.Final = "system_schedule"
#: What makes a group of the inventory a system.
MARK: t.Final = "system_jobs"
ALL: t.Final = "all"


@dataclass(frozen=True)
class Schedule:
    """The settings of the control host, and the slots of each system."""

    control: ControlHost
    systems: Mapping[str, tuple[Slot, ...]]

    def only(self, system: str) -> Schedule:
        """Return the schedule of one system; raises ScheduleError."""
        if system not in self.systems:
            advice = nearest(system, self.systems)
            raise ScheduleError(f"{system!r} is not a system with a schedule; {advice}")

        return Schedule(self.control, {system: self.systems[system]})


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Reads files of variables without opening what Ansible marks, such as !vault."""


_Loader.add_multi_constructor("!", lambda *_: None)


def load(now: datetime, *, control: Path = CONTROL_FILE, profiles: Path = PROFILES) -> Schedule:
    """Return what is planned, held against clocks, locks and playbooks of the next ten years.

    Raises ScheduleError with a line for each problem, and OSError.
    """
    schedule = read(control=control, profiles=profiles)
    problems = [*_missing_playbooks(schedule.systems), *schedule_problems(schedule, now)]
    if problems:
        raise ScheduleError("\n".join(problems))

    return schedule


def read(*, control: Path = CONTROL_FILE, profiles: Path = PROFILES) -> Schedule:
    """Return what is planned, each slot checked by itself.

    Raises ScheduleError with a line for each problem, and OSError.
    """
    settings = control_host(control)
    systems: dict[str, tuple[Slot, ...]] = {}
    problems: list[str] = []

    for system, values in _profiles(profiles):
        try:
            systems[system] = _slots(system, values)
        except ScheduleError as error:
            problems += [f"{system}: {line}" for line in str(error).splitlines()]

    problems += _unknown_systems(settings, systems)
    if problems:
        raise ScheduleError("\n".join(problems))

    return Schedule(settings, spread(systems, settings.shared_hosts))


def _unknown_systems(settings: ControlHost, systems: Mapping[str, t.Any]) -> Iterator[str]:
    for position, group in enumerate(settings.shared_hosts):
        for name in group:
            if name not in systems:
                unknown = f"{name!r} is not a system with a schedule; {nearest(name, systems)}"
                yield f"shared_hosts[{position}]: {unknown}"


def control_host(path: Path = CONTROL_FILE) -> ControlHost:
    """Return the settings of the control host; raises ScheduleError, OSError."""
    return parse_control(_mapping(path))


def schedule_problems(schedule: Schedule, now: datetime) -> list[str]:
    """Return a sentence for each slot that a clock change spoils and each wait that is too long."""
    return [
        f"{system}: {line}"
        for system, slots in schedule.systems.items()
        for line in (
            *_clock_problems(slots, schedule.control, now),
            *_wait_problems(slots, schedule.control, now),
        )
    ]


def _missing_playbooks(systems: Mapping[str, tuple[Slot, ...]]) -> Iterator[str]:
    for system, slots in systems.items():
        for slot in slots:
            path = PLAYBOOKS / f"{slot.cadence}.yml"
            if not path.is_file():
                yield f"{system}: {VARIABLE}.{slot.cadence}: there is no playbook '{path.name}'"


def _clock_problems(slots: tuple[Slot, ...], control: ControlHost, now: datetime) -> Iterator[str]:
    spoiled = spoiled_minutes(control.zone, now.replace(hour=0, minute=0, second=0, microsecond=0))
    for slot in slots:
        if slot.is_changing and slot.minute_of_day in spoiled:
            safe = nearest_safe(slot.minute_of_day, spoiled)
            yield (
                f"{VARIABLE}.{slot.cadence} is at {slot.hour:02}:{slot.minute:02}, which a change"
                f" of the clock in {control.zone.key} leaves out or doubles; the nearest safe time"
                f" is {safe}"
            )


def _wait_problems(slots: tuple[Slot, ...], control: ControlHost, now: datetime) -> Iterator[str]:
    for wait in longest(waits(slots, control, now)):
        local = f"{wait.start.astimezone(control.zone):%Y-%m-%d %H:%M}"
        if wait.is_tie:
            yield f"{wait.behind} and {wait.cadence} start at the same time, {local}; move one"
        elif wait.minutes > control.lock_wait:
            yield (
                f"{wait.cadence} of {local} overlaps {wait.behind} and would wait {wait.minutes}"
                f" min; at most {control.lock_wait} (lock_wait), so move one"
            )


def _slots(system: str, values: Mapping[str, t.Any]) -> tuple[Slot, ...]:
    if MARK not in values:
        raise ScheduleError(f"{VARIABLE} belongs to a system; '{system}' has no {MARK}")

    return parse_slots(values[VARIABLE])


def _profiles(folder: Path) -> Iterator[tuple[str, Mapping[str, t.Any]]]:
    """Yield each group that has a schedule, with all its variables."""
    names = sorted({path.stem if path.is_file() else path.name for path in folder.iterdir()})
    for name in names:
        if name == ALL or name.startswith("."):
            continue

        values: dict[str, t.Any] = {}
        for path in _files(folder, name):
            values |= _mapping(path)
        if VARIABLE in values:
            yield name, values


def _files(folder: Path, group: str) -> list[Path]:
    """Return the files of a group in the order in which Ansible reads them."""
    beside = [folder / f"{group}{ending}" for ending in ENDINGS]
    within = sorted((folder / group).rglob("*"))

    return [path for path in (*beside, *within) if path.suffix in ENDINGS and path.is_file()]


def _mapping(path: Path) -> dict[str, t.Any]:
    """Return what a file of variables holds; nothing of one that is encrypted as a whole."""
    data = path.read_bytes()
    if data.startswith(SEALED):
        return {}

    try:
        loaded = yaml.load(data, Loader=_Loader)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        words = " ".join(str(error).split())
        raise ScheduleError(f"'{path}' cannot be read: {words}") from error

    if not isinstance(loaded or {}, dict):
        raise ScheduleError(f"'{path}' is not a mapping of names to values")

    return loaded or {}
